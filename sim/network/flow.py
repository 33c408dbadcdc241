"""A transfer in flight, how far it is, and those with which it shares links."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from simpy import Event

from sim.network.loads import FloatArray, Loads


class Moved(NamedTuple):
    """How a transfer went."""

    duration_s: float
    was_alone: bool
    """It shared no link with anybody, and these did not change; if not, the fabric has accounted
    for its seconds on links. Bytes are for the caller to account for, who knows whether its step
    came to its end."""
    parts: "tuple[Part, ...]" = ()
    """What went where, if the network changed meanwhile."""


class Part(NamedTuple):
    """So much of a transfer went as these loads say."""

    loads: Loads
    share: float


Anew = Callable[[], Loads | None]
"""The loads of a transfer in the network as it is now: the very same ones where nothing changed
for it, None while there is no way."""


@dataclass(slots=True, eq=False)
class Flow:
    """A transfer and how far it is."""

    loads: Loads
    user: str
    """Whose it is."""
    done: Event
    started_s: float
    drain_s: float
    alone_s: float
    alone_ends_at_s: float
    share_per_s: float
    left_share: float = 1.0
    was_alone: bool = True
    timer_number: int = 0
    anew: Anew | None = None
    asked: Loads | None = None
    """What was asked for last, to be told from what is new; None while there is no way."""
    parts: tuple[Part, ...] = ()
    """What went before each change of the network that changed it."""
    crowd: "Crowd" = field(init=False)

    def redirect(self, loads: Loads | None, capacity_bytes_per_s: FloatArray) -> None:
        """Let what is left go as these loads say; with None it has no way."""
        gone = sum(part.share for part in self.parts)
        self.parts = (*self.parts, Part(self.loads, 1.0 - self.left_share - gone))
        self.was_alone = False
        self.asked = loads
        self.share_per_s = 0.0
        self.timer_number += 1
        if loads is not None:
            self.loads = loads.on_links()
            needed_s = self.loads.needed_s(capacity_bytes_per_s).max(initial=0.0)
            self.drain_s = max(float(needed_s), float(loads.least_drain_s))

    def all_parts(self) -> tuple[Part, ...]:
        """What went where, if not all of it went one way."""
        if not self.parts:
            return ()
        last = Part(self.loads, 1.0 - sum(part.share for part in self.parts))
        return (*self.parts, last)


@dataclass(slots=True, eq=False)
class Crowd:
    """Transfers that share links, directly or through one another; mostly a single one."""

    flows: list[Flow]
    mask: int
    since_s: float
    """Up to when its use of links is accounted for."""


def apart(flows: Iterable[Flow]) -> list[tuple[list[Flow], int]]:
    """The transfers, put together only where they share links; with the links of each part."""
    parts: list[tuple[list[Flow], int]] = []
    for flow in flows:
        together, mask = [flow], flow.loads.mask
        others = []
        for part in parts:
            if part[1] & flow.loads.mask:
                together, mask = part[0] + together, mask | part[1]
            else:
                others.append(part)
        parts = [*others, (together, mask)]
    return parts
