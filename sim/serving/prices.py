"""What a player asks of the prices of a replica's steps, on the network as it is."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from sim.physics.sums import StepSums
from sim.serving.ruled_steps import RuledSteps
from sim.serving.step_plan import StepPlan

PlanStep = Callable[[int, StepSums], StepPlan]
"""(step number, sums by rank) -> what the step does."""


class Prices(NamedTuple):
    """Prices of one replica's steps. Told apart as objects: others are of another network."""

    plan: PlanStep
    ruled: RuledSteps | None = None
    """Prices of many steps at once, where there are such."""
    capacity_bytes_per_s: np.ndarray = np.zeros(0)
    """Of every link."""
