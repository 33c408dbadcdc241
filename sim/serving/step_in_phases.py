"""One step that is played phase by phase: when its phases end, how they went, and over what.

A phase that has begun goes on as it was planned (a transfer, as the fabric says); those that begin
after a change of the network are those of the plan for the new one.
"""

from dataclasses import dataclass, field

import numpy as np

from sim.network.carried import Carried, carried
from sim.network.flow import Moved
from sim.network.loads import Loads
from sim.physics.sums import StepSums
from sim.serving.prices import Prices
from sim.serving.step_plan import Played, StepPlan


@dataclass(slots=True, eq=False)
class StepInPhases:
    """A step in flight."""

    number: int
    sums: StepSums
    plan: StepPlan
    """Of what is to come."""
    prices: Prices
    """Where the plan is from."""
    end_s: float
    """Of the last phase that was looked at; at first, the start of the step."""
    seconds: np.ndarray = field(init=False)
    was_alone: np.ndarray = field(init=False)
    _ends_s: np.ndarray = field(init=False)
    # A phase ends at the start of the step and what went before it; the step starts anew behind
    # each transfer that was held up, and where a plan takes over from another.
    _origin_s: float = field(init=False)
    _before_s: float = 0.0
    _carried: dict[int, list[Carried]] = field(default_factory=dict)
    _planned_anew: tuple[Prices, StepPlan] | None = None

    def __post_init__(self) -> None:
        """Nothing has happened yet."""
        self.seconds = self.plan.seconds
        self.was_alone = np.ones(len(self.seconds), dtype=bool)
        self._ends_s = self.plan.program.ends_s(self.plan.values)
        self._origin_s = self.end_s

    def end_of(self, phase: int) -> float:
        """When this phase ends unless it is held up; the one before it ended at `end_s`."""
        return self._origin_s + (float(self._ends_s[phase]) - self._before_s)

    def moved(self, phase: int, moved: Moved, waited_s: float, now_s: float) -> None:
        """Note how the transfer of a phase went, which had to wait so long for a way before it."""
        self.was_alone[phase] = moved.was_alone
        if moved.parts:
            self._carried[phase] = carried(
                self.plan.loads(phase), moved, self.prices.capacity_bytes_per_s
            )
        if waited_s or not moved.was_alone:
            self.seconds[phase] = moved.duration_s + waited_s
            self._origin_s = self.end_s = now_s
            self._before_s = float(self._ends_s[phase])

    def take_over(self, phase: int, prices: Prices, starts_s: float) -> None:
        """From this phase on, which starts then, go by the prices of a network that changed."""
        self._carry(phase)
        plan = self._plan_by(prices)
        if starts_s > self.end_s or not np.array_equal(plan.values, self.plan.values):
            self._ends_s = plan.program.ends_s(plan.values)
            self._origin_s = starts_s
            self._before_s = float(self._ends_s[phase - 1]) if phase else 0.0
            self.seconds[phase:] = plan.seconds[phase:]
        self.plan, self.prices = plan, prices

    def loads_by(self, phase: int, loads: Loads, newest: Prices | None) -> Loads | None:
        """The loads of its transfer in flight by these prices: the same where they are equal."""
        if newest is self.prices or newest is None:
            return None if newest is None else loads
        anew = self._plan_by(newest).loads(phase)
        before, speed = (one.capacity_bytes_per_s for one in (self.prices, newest))
        return loads if loads.is_same(anew, before, speed) else anew

    def played(self, *, has_changed: bool) -> Played | None:
        """How it went; None if just as planned. `has_changed`: the network has, meanwhile."""
        if not has_changed:
            return None if self.was_alone.all() else Played(self.seconds, self.was_alone)
        self._carry(len(self.seconds))
        return Played(self.seconds, self.was_alone, self._carried)

    def _carry(self, phase: int) -> None:
        """Note what the transfers before this phase carried that went by the present plan."""
        for number in self.plan.program.transfer_phases:
            if number < phase and number not in self._carried:
                speed = self.prices.capacity_bytes_per_s if self.was_alone[number] else None
                self._carried[number] = [Carried(self.plan.loads(number), 1.0, speed)]

    def _plan_by(self, prices: Prices) -> StepPlan:
        if self._planned_anew is None or self._planned_anew[0] is not prices:
            self._planned_anew = prices, prices.plan(self.number, self.sums)
        return self._planned_anew[1]
