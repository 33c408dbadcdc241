"""The two ways in which a run can go wrong: the user can mend it, or we must."""


class ScenarioError(Exception):
    """Input that the user can mend: says where, what was found and what would do."""


class SimulationError(Exception):
    """A law of the simulation was broken; the fault is ours."""
