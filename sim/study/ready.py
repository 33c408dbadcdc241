"""A scenario that is known to be possible, before anything is written or run."""

from collections.abc import Sequence
from pathlib import Path

from sim.catalog.load import load_scenario
from sim.errors import ScenarioError
from sim.serving.deployment import DeployedScenario
from sim.simulation import check


def ready_scenario(reference: str | Path, overrides: Sequence[str] = ()) -> DeployedScenario:
    """Load and check; a ScenarioError of either names the scenario."""
    scenario = load_scenario(reference, overrides)
    try:
        return check(scenario)
    except ScenarioError as problem:
        where = " ".join([str(reference), *(f"--set {setting}" for setting in overrides)])
        raise ScenarioError(f"{where}: {problem}") from problem
