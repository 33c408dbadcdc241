"""Two ways to live through a step plan, which agree to the bit while nobody else uses its links.

`phase_by_phase` puts every transfer on the fabric, where others may slow it down. `fused`
sleeps once, to the end of the step; it is right only for a replica that shares no link with
anybody.
"""

from collections.abc import Callable, Generator
from typing import Any, NamedTuple

import numpy as np
import simpy

from sim.network.fabric import Fabric
from sim.network.instants import ENDS, sleep_until
from sim.serving.step_plan import COMMUNICATION, StepPlan


class Played(NamedTuple):
    """How a step went."""

    seconds: np.ndarray
    """(phases): how long each took."""
    was_alone: np.ndarray
    """(phases): whether no other transfer touched its links meanwhile."""


Player = Callable[[StepPlan], Generator[simpy.Event, Any, Played]]


def fused(env: simpy.Environment) -> Player:
    """One event a step."""

    def play(plan: StepPlan) -> Generator[simpy.Event, Any, Played]:
        yield sleep_until(env, plan.ends_at_s(env.now), ENDS)
        return Played(plan.seconds, np.ones(len(plan.seconds), dtype=bool))

    return play


def phase_by_phase(env: simpy.Environment, fabric: Fabric) -> Player:
    """One event a phase, and what the fabric needs for transfers."""

    def play(plan: StepPlan) -> Generator[simpy.Event, Any, Played]:
        seconds = plan.seconds.copy()
        was_alone = np.ones(len(seconds), dtype=bool)
        for number, phase in enumerate(plan.program.phases):
            if phase.kind in COMMUNICATION:
                moved = yield fabric.transfer(plan.loads(number))
                seconds[number], was_alone[number] = moved.duration_s, moved.was_alone
            elif seconds[number] > 0:
                yield sleep_until(env, env.now + float(seconds[number]), ENDS)
        return Played(seconds, was_alone)

    return play
