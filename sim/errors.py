"""The two ways in which a run can go wrong: the user can mend it, or we must."""


class ScenarioError(Exception):
    """Input that the user can mend: says where, what was found and what would do."""


class ScenarioWarning(UserWarning):
    """Input that is taken, though a part of it is not modelled."""


def one_line(text: str) -> str:
    """The text with line ends and control characters made visible, so that a message is a line."""
    return "".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in text)


class SimulationError(Exception):
    """A law of the simulation was broken; the fault is ours."""
