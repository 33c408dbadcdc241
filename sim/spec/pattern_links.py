"""How many links a pattern makes of two groups, in closed form: told before any is made."""


def links_of(pattern: str, ones: int, others: int, runs: int, shape: tuple[int, ...]) -> int:
    """Both directions of a link as one; `runs` are those that the groups are cut into."""
    match pattern:
        case "index":
            return min(ones, others)
        case "mesh":
            return ones * (ones // runs - 1) // 2
        case "dragonfly":
            return runs * (runs - 1) // 2
        case "chain":
            return ones - 1
        case "torus":
            return sum(_links_along(side, ones) for side in shape)
    return ones * others // runs


def _links_along(side: int, members: int) -> int:
    """How many links a torus has in the direction of one side: rings, pairs or nothing."""
    return members if side > 2 else members * (side - 1) // 2
