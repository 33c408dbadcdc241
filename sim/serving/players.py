"""Ways to live through a stretch of steps, which agree to the bit while nobody uses its links.

`ruled` sleeps once for all steps, priced at once. `step_by_step` prices each and sleeps to its
end, or plays its phases: then every transfer is put on the fabric, where others may slow it down.
"""

from collections.abc import Callable, Generator
from itertools import accumulate, islice
from typing import Any

import numpy as np
import simpy

from sim.network.fabric import Fabric
from sim.network.instants import ENDS, STARTS, sleep_until
from sim.physics.sums import StepSums
from sim.serving.replica_log import ReplicaLog
from sim.serving.ruled_steps import MOST_STEPS, RuledSteps
from sim.serving.step_plan import COMMUNICATION, Played, StepPlan
from sim.serving.stretch import Stretch

Waiting = Generator[simpy.Event, Any, None]

Player = Callable[[Stretch], Waiting]
"""Lives through a stretch to its end, or to where it is cut meanwhile."""

PlanStep = Callable[[int, StepSums], StepPlan]
"""(step number, sums by rank) -> what the step does."""

LiveStep = Callable[[StepPlan], Generator[simpy.Event, Any, Played | None]]
"""Lives through one step; None if all went as planned."""


def ruled(env: simpy.Environment, prices: RuledSteps, log: ReplicaLog) -> Player:
    """One event a stretch, of one rank whose sums say everything."""

    def play(stretch: Stretch) -> Waiting:
        while not stretch.is_over:
            done = len(stretch.ends_s)
            steps = min(stretch.steps - done, MOST_STEPS)
            durations_s = prices.durations_s(stretch.sums_after(done), stretch.growing, steps)
            ends_s = accumulate(durations_s, initial=env.now)
            stretch.ends_s += islice(ends_s, 1, None)
            stretch.alarm = sleep_until(env, stretch.ends_s[-1], ENDS)
            yield stretch.alarm
            if not stretch.is_over and env.peek() <= env.now:
                yield _after_arrivals(env)
        log.stretch(stretch, len(stretch.ends_s))

    return play


def step_by_step(
    env: simpy.Environment, plan_step: PlanStep, live: LiveStep, log: ReplicaLog
) -> Player:
    """Each step priced when it comes."""

    def play(stretch: Stretch) -> Waiting:
        while not stretch.is_over:
            done = len(stretch.ends_s)
            sums, start_s = stretch.sums_after(done), env.now
            plan = plan_step(stretch.first_step + done, sums)
            played = yield from live(plan)
            stretch.ends_s.append(env.now)
            log.step(stretch, start_s, sums, plan, played)
            if not stretch.is_over and env.peek() <= env.now:
                yield _after_arrivals(env)

    return play


def fused(env: simpy.Environment) -> LiveStep:
    """One event a step."""

    def live(plan: StepPlan) -> Generator[simpy.Event, Any, Played | None]:
        yield sleep_until(env, env.now + plan.duration_s, ENDS)
        return None

    return live


def phase_by_phase(env: simpy.Environment, fabric: Fabric) -> LiveStep:
    """One event a phase, and what the fabric needs for transfers."""

    def live(plan: StepPlan) -> Generator[simpy.Event, Any, Played | None]:
        seconds = plan.seconds
        ends_s = plan.program.ends_s(plan.values)
        was_alone = np.ones(len(seconds), dtype=bool)
        # A phase ends at the start of the step and what went before it; the step starts anew
        # behind each transfer that was held up.
        origin_s, before_s = env.now, 0.0
        for number, phase in enumerate(plan.program.phases):
            end_s = origin_s + (float(ends_s[number]) - before_s)
            if phase.kind not in COMMUNICATION:
                if end_s > env.now:
                    yield sleep_until(env, end_s, ENDS)
                continue
            moved = yield fabric.transfer(plan.loads(number), end_s)
            if not moved.was_alone:
                seconds[number], was_alone[number] = moved.duration_s, False
                origin_s, before_s = env.now, float(ends_s[number])
        return None if was_alone.all() else Played(seconds, was_alone)

    return live


def _after_arrivals(env: simpy.Environment) -> simpy.Event:
    """What ends or arrives at this instant comes before what starts."""
    return sleep_until(env, env.now, STARTS)
