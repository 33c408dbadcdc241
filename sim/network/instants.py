"""What happens first at one instant, and how to wait for an instant to the bit.

At one instant come, in this order: ends of transfers and steps, changes of the network, arrivals,
starts, one new sharing of the links that were touched, and the end of a run that is cut.
"""

from collections.abc import Callable

from simpy import Environment, Event
from simpy.events import EventPriority

ENDS = EventPriority(1)
CHANGES = EventPriority(2)
ARRIVALS = EventPriority(3)
STARTS = EventPriority(4)
RESHARE = EventPriority(5)
CUT = EventPriority(6)


def delay_until(now_s: float, at_s: float) -> float | None:
    """A delay with now_s + delay == at_s to the bit; None where rounding leaves none."""
    # Where the rounded difference misses, it misses by a tie, and so do its neighbours.
    delay_s = at_s - now_s
    return delay_s if now_s + delay_s == at_s else None


class Instant(Event):
    """An event that happens at a given instant, in its place among those of that instant."""

    def __init__(self, env: Environment, at_s: float, priority: EventPriority) -> None:
        assert at_s >= env.now
        self.env = env
        self.callbacks = []
        self._ok = True
        self._value = None
        delay_s = delay_until(env.now, at_s)
        if delay_s is not None:
            env.schedule(self, priority, delay_s)
            return
        # Beyond twice the present instant rounding skips some; from nearer by, none.
        nearer = env.timeout(0.75 * (at_s - env.now))
        nearer.callbacks.append(lambda _: env.schedule(self, priority, at_s - env.now))


def sleep_until(env: Environment, at_s: float, priority: EventPriority) -> Event:
    """An event at exactly this instant."""
    return Instant(env, at_s, priority)


def call_at(
    env: Environment, at_s: float, priority: EventPriority, action: Callable[[], None]
) -> None:
    """Do something at exactly this instant."""
    Instant(env, at_s, priority).callbacks.append(lambda _: action())
