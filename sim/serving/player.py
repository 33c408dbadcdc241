"""How a replica lives through its steps, in as few events as is exact.

Alone on its links it takes a step as one event, or many steps, where their sums say everything. In
company each phase is an event, and every transfer is on the fabric, where others may slow it down.
All ways agree to the bit while nobody disturbs; who is disturbed goes on phase by phase from where
it is.
"""

from collections.abc import Callable, Generator
from dataclasses import dataclass
from functools import partial
from itertools import accumulate, islice
from typing import Any

import numpy as np
import simpy

from sim.network.fabric import Fabric
from sim.network.instants import ENDS, STARTS, sleep_until
from sim.physics.sums import StepSums
from sim.serving.company import Company
from sim.serving.replica_log import ReplicaLog
from sim.serving.ruled_steps import MOST_STEPS, RuledSteps
from sim.serving.step_plan import COMMUNICATION, Played, StepPlan
from sim.serving.stretch import Stretch

Waiting = Generator[simpy.Event, Any, None]

PlanStep = Callable[[int, StepSums], StepPlan]
"""(step number, sums by rank) -> what the step does."""


@dataclass(frozen=True, slots=True)
class Player:
    """The player of one replica."""

    env: simpy.Environment
    plan_step: PlanStep
    log: ReplicaLog
    company: Company
    fabric: Fabric | None = None
    """None where there are no links."""
    ruled: RuledSteps | None = None
    """Prices of many steps at once, where there are such."""
    plays_phases: bool = False
    """Every phase is an event, in company or alone."""

    def play(self, stretch: Stretch) -> Waiting:
        """Live through a stretch to its end, or to where it is cut meanwhile."""
        while not stretch.is_over:
            if self.plays_phases or not self.company.is_alone:
                yield from self._phases(stretch, self._plan(stretch), self.env.now)
            elif self.ruled is not None:
                yield from self._many_steps(stretch, self.ruled)
            else:
                yield from self._one_step(stretch)
            if not stretch.is_over and self.env.peek() <= self.env.now:
                # What ends or arrives at this instant comes before what starts.
                yield sleep_until(self.env, self.env.now, STARTS)

    def _many_steps(self, stretch: Stretch, ruled: RuledSteps) -> Waiting:
        done, start_s = len(stretch.ends_s), self.env.now
        steps = min(stretch.steps - done, MOST_STEPS)
        durations_s = ruled.durations_s(stretch.sums_after(done), stretch.growing, steps)
        ends_s = accumulate(durations_s, initial=start_s)
        stretch.ends_s += islice(ends_s, 1, None)
        yield self._alarm(stretch, stretch.ends_s[-1])
        self.company.disturb = None
        ended = stretch.ended_by(self.env.now)
        self.log.stretch(stretch, ended)
        if ended < len(stretch.ends_s):  # somebody has come
            del stretch.ends_s[ended:]
            step_start_s = stretch.ends_s[-1] if ended > done else start_s
            yield from self._phases(stretch, self._plan(stretch), step_start_s)

    def _one_step(self, stretch: Stretch) -> Waiting:
        plan, start_s = self._plan(stretch), self.env.now
        end_s = start_s + plan.duration_s
        yield self._alarm(stretch, end_s)
        self.company.disturb = None
        if self.env.now < end_s:
            yield from self._phases(stretch, plan, start_s)
            return
        self._end(stretch, start_s, plan, None)

    def _alarm(self, stretch: Stretch, end_s: float) -> simpy.Event:
        """Wakes at this instant, or when somebody comes who shares links."""
        stretch.alarm = sleep_until(self.env, end_s, ENDS)
        if self.company.others:
            self.company.disturb = partial(stretch.hasten, self.env, STARTS)
        return stretch.alarm

    def _phases(self, stretch: Stretch, plan: StepPlan, start_s: float) -> Waiting:
        """One event a phase, from now on, of a step that started then and was alone so far."""
        env, seconds, ends_s = self.env, plan.seconds, plan.program.ends_s(plan.values)
        was_alone = np.ones(len(seconds), dtype=bool)
        # A phase ends at the start of the step and what went before it; the step starts anew
        # behind each transfer that was held up.
        origin_s = end_s = start_s
        before_s = 0.0
        for number, phase in enumerate(plan.program.phases):
            phase_start_s, end_s = end_s, origin_s + (float(ends_s[number]) - before_s)
            if end_s <= env.now:
                continue
            if phase.kind not in COMMUNICATION:
                yield sleep_until(env, end_s, ENDS)
                continue
            assert self.fabric is not None
            user = f"{self.log.name} {phase.slot}"
            moved = yield self.fabric.transfer(plan.loads(number), user, end_s, phase_start_s)
            if not moved.was_alone:
                seconds[number], was_alone[number] = moved.duration_s, False
                origin_s = end_s = env.now
                before_s = float(ends_s[number])
        self._end(stretch, start_s, plan, None if was_alone.all() else Played(seconds, was_alone))

    def _plan(self, stretch: Stretch) -> StepPlan:
        """Of the step after those that have ended."""
        done = len(stretch.ends_s)
        return self.plan_step(stretch.first_step + done, stretch.sums_after(done))

    def _end(self, stretch: Stretch, start_s: float, plan: StepPlan, played: Played | None) -> None:
        stretch.ends_s.append(self.env.now)
        self.log.step(stretch, start_s, plan, played)
