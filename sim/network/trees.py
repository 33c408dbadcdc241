"""Two binary trees over the same members, each busy where the other is not.

One tree sends half of the buffer up and the sums down. Half of its members are leaves, which send
and receive once; these are inner members of the other tree (Sanders, Speck and Träff 2009,
"Two-tree algorithms for full bandwidth broadcast, reduction and scan").
"""

from collections.abc import Mapping, Sequence

Parents = Mapping[int, int]
"""Of each member but the root."""


def two_trees(members: Sequence[int]) -> list[Parents]:
    """A tree of these members in order, and one of them in an order that swaps odd and even."""
    swapped = [*members[1:], members[0]] if len(members) % 2 else members[::-1]
    return [_tree(members), _tree(swapped)]


def way_up(parents: Parents, member: int) -> list[tuple[int, int]]:
    """The edges from a member to the root."""
    edges = []
    while member in parents:
        edges.append((member, parents[member]))
        member = parents[member]
    return edges


def _tree(members: Sequence[int]) -> Parents:
    """Counted from 1, odd numbers are leaves; twice as far apart stand those one level up."""
    parents = {}
    for number, member in enumerate(members, start=1):
        apart = number & -number
        above = (number - apart) | (2 * apart)
        if above > len(members):
            above = number - apart
        if above:
            parents[member] = members[above - 1]
    return parents
