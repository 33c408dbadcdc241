"""How a replica lives through its steps, in as few events as is exact.

Alone on its links it takes a step as one event, or many steps, where their sums say everything. In
company each phase is an event, and every transfer is on the fabric, where others may slow it down.
All ways agree to the bit while nobody disturbs; who is disturbed goes on phase by phase from where
it is. So it is when the network changes: the step in flight goes on in phases, and steps after it
are priced anew. With no way between its devices, whatever is to move waits.
"""

import math
from collections.abc import Generator
from dataclasses import dataclass, field
from functools import partial
from itertools import accumulate, islice
from typing import Any

import simpy

from sim.network.fabric import Fabric
from sim.network.instants import ENDS, STARTS, sleep_until
from sim.serving.company import Company
from sim.serving.prices import Prices
from sim.serving.replica_log import ReplicaLog
from sim.serving.ruled_steps import MOST_STEPS, RuledSteps
from sim.serving.step_in_phases import StepInPhases
from sim.serving.step_plan import COMMUNICATION, Played, StepPlan
from sim.serving.stretch import Stretch

Waiting = Generator[simpy.Event, Any, None]


@dataclass(slots=True, eq=False)
class Player:
    """The player of one replica."""

    env: simpy.Environment
    prices: Prices
    """Of the stretch that is played."""
    log: ReplicaLog
    company: Company
    fabric: Fabric | None = None
    """None where there are no links."""
    plays_phases: bool = False
    """Every phase is an event, in company or alone."""
    plans_each_step: bool = False
    """Transfers are recorded from plans, which are made one a step."""
    network_changes: bool = False
    """Some time in the run."""
    newest: Prices | None = field(init=False)
    """On the network as it is; None while there is no way between all devices."""
    waits_since_s: float = 0.0
    """When it began to wait for a way, the last time that it did."""
    _changed_at_s: float = -math.inf
    _way: simpy.Event = field(init=False)

    def __post_init__(self) -> None:
        """The network is as it was built."""
        self.newest = self.prices
        self._way = self.env.event()

    def change(self, prices: Prices | None) -> None:
        """The network is another one from now on; what is in flight is left to be disturbed."""
        had_way = self.newest is not None
        self.newest, self._changed_at_s = prices, self.env.now
        if prices is not None and not had_way:
            way, self._way = self._way, self.env.event()
            way.succeed()

    def wait_for_way(self) -> Waiting:
        """Until there is one between all devices."""
        self.waits_since_s = self.env.now
        while self.newest is None:
            yield self._way

    def play(self, stretch: Stretch) -> Waiting:
        """Live through a stretch to its end, or to where it is cut meanwhile."""
        if self.newest is not self.prices:
            assert self.newest is not None
            self.prices = self.newest
            self.log.reprice(self.prices.capacity_bytes_per_s, self.prices.ruled)
        while not stretch.is_over:
            if self.plays_phases or not self.company.is_alone:
                yield from self._phases(stretch, self._plan(stretch), self.env.now)
            elif self.prices.ruled is not None and not self.plans_each_step:
                yield from self._many_steps(stretch, self.prices.ruled)
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
        env, done = self.env, len(stretch.ends_s)
        number, sums = stretch.first_step + done, stretch.sums_after(done)
        step = StepInPhases(number, sums, plan, self.prices, start_s)
        for place, phase in enumerate(plan.program.phases):
            moves = phase.kind in COMMUNICATION
            starts_s = step.end_s
            if step.prices is not self.newest and starts_s > self._changed_at_s:
                if moves and self.newest is None:
                    yield from self.wait_for_way()
                    starts_s = env.now
                if self.newest is not None and (
                    self.newest is not step.prices or starts_s > step.end_s
                ):
                    step.take_over(place, self.newest, starts_s)
            waited_s, step.end_s = starts_s - step.end_s, step.end_of(place)
            if step.end_s <= env.now:
                step.seconds[place] += waited_s
                continue
            if moves:
                moved = yield self._transfer(step, place, starts_s)
                step.moved(place, moved, waited_s, env.now)
            else:
                yield sleep_until(env, step.end_s, ENDS)
        has_changed = self._changed_at_s > start_s
        self._end(stretch, start_s, step.plan, step.played(has_changed=has_changed))

    def _transfer(self, step: StepInPhases, place: int, starts_s: float) -> simpy.Event:
        assert self.fabric is not None
        loads = step.plan.loads(place)
        user = f"{self.log.name} {step.plan.program.phases[place].slot}"
        if not self.network_changes:
            return self.fabric.transfer(loads, user, step.end_s, starts_s)
        return self.fabric.transfer(
            loads, user, step.end_s, starts_s, lambda: step.loads_by(place, loads, self.newest)
        )

    def _plan(self, stretch: Stretch) -> StepPlan:
        """Of the step after those that have ended."""
        done = len(stretch.ends_s)
        return self.prices.plan(stretch.first_step + done, stretch.sums_after(done))

    def _end(self, stretch: Stretch, start_s: float, plan: StepPlan, played: Played | None) -> None:
        stretch.ends_s.append(self.env.now)
        self.log.step(stretch, start_s, plan, played)
