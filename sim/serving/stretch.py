"""Steps of a replica that follow one another by rule: nobody comes, nobody leaves."""

from bisect import bisect_left, bisect_right
from dataclasses import dataclass, field

import numpy as np
import simpy
from simpy.events import EventPriority

from sim.network.instants import ENDS, sleep_until
from sim.physics.sums import StepSums
from sim.physics.work import Real


@dataclass(slots=True, eq=False)
class Stretch:
    """How far it has come, or, where its steps are priced ahead, will come."""

    first_step: int
    steps: int
    """How many there are to be; fewer once it is cut."""
    sequences: int
    sums: StepSums
    """Of the first step: numbers of a single rank, or arrays by rank."""
    growing: Real
    """By how much the tokens grow each step that windowed layers attend to."""
    start_s: float
    newcomers: int = 0
    """Sequences whose first token comes from decoding; where there are any, it has one step."""
    ends_s: list[float] = field(default_factory=list)
    """Of its steps."""
    alarm: simpy.Event | None = None
    """Of the last of these ends."""
    passed: int = 0
    """Steps that the ranks have been told of."""
    logged: int = 0
    """Steps that are recorded."""

    @property
    def is_over(self) -> bool:
        """Whether all of its steps have ends."""
        return len(self.ends_s) >= self.steps

    @property
    def last_step(self) -> int:
        """The number of the last of its steps that has an end."""
        return self.first_step + len(self.ends_s) - 1

    def sums_after(self, steps: int) -> StepSums:
        """Of the step after so many."""
        return grown(self.sums, self.growing, steps) if steps else self.sums

    def ended_by(self, now_s: float) -> int:
        """How many steps have ended, one that ends right now included."""
        return bisect_right(self.ends_s, now_s)

    def ended_before(self, now_s: float) -> int:
        """How many steps have ended, but for one that ends right now."""
        return bisect_left(self.ends_s, now_s)

    def cut(self, env: simpy.Environment) -> None:
        """Let the step in flight be the last one; where one ends right now, that."""
        last = self.ended_before(env.now)
        self.steps = min(self.steps, last + 1)
        if last + 1 < len(self.ends_s):
            del self.ends_s[last + 1 :]
            self.hasten(env, ENDS, self.ends_s[-1])

    def hasten(
        self, env: simpy.Environment, priority: EventPriority, at_s: float | None = None
    ) -> None:
        """Let the alarm go off sooner, or now."""
        # SimPy cannot move an event, but whoever waits for one can be made to wait for another.
        assert self.alarm is not None
        sooner = sleep_until(env, env.now if at_s is None else at_s, priority)
        sooner.callbacks, self.alarm.callbacks = self.alarm.callbacks, sooner.callbacks
        self.alarm = sooner


def grown(sums: StepSums, growing: Real, steps: int | np.ndarray) -> StepSums:
    """The sums so many steps later, every decoding sequence being as many tokens longer."""
    tokens, kv_tokens, window_kv_tokens, *others = sums
    if isinstance(growing, np.ndarray) or growing:
        window_kv_tokens = window_kv_tokens + growing * steps
    return StepSums._make((tokens, kv_tokens + tokens * steps, window_kv_tokens, *others))
