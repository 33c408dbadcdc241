"""A transfer in flight, how far it is, and those with which it shares links."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np
from simpy import Event

from sim.network.contention import Moving
from sim.network.fairshare import rates
from sim.network.loads import FloatArray, Loads
from sim.network.parts import InParts


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
    in_parts: InParts | None = None
    """Since it met others, where transfers are shared in parts; says then how far it is."""
    crowd: "Crowd" = field(init=False)

    def advance(self, interval_s: float) -> Moving:
        """Go on for so long at the present speed; what happened meanwhile."""
        if self.in_parts is not None:
            return self.in_parts.advance(interval_s, self.user)
        self.left_share -= self.share_per_s * interval_s
        lost_share = 1 - self.share_per_s * self.drain_s
        return Moving(self.loads, self.share_per_s, self.user, lost_share)

    def has_more(self) -> bool:
        """Whether, with what just ended, it has not ended yet."""
        return self.in_parts is not None and self.in_parts.end_next()

    def redirect(self, loads: Loads | None, capacity_bytes_per_s: FloatArray) -> None:
        """Let what is left go as these loads say; with None it has no way."""
        self.parts = (*self.parts, self._gone())
        self.was_alone = False
        self.asked = loads
        self.share_per_s = 0.0
        self.timer_number += 1
        if loads is not None:
            self.loads = loads.on_links()
            needed_s = self.loads.needed_s(capacity_bytes_per_s).max(initial=0.0)
            self.drain_s = max(float(needed_s), float(loads.least_drain_s))

    def parted(self, capacity_bytes_per_s: FloatArray) -> InParts:
        """How far its parts are, which go their own ways from the first time that this is asked."""
        if self.in_parts is None:
            shares = 1.0 - sum(part.share for part in self.parts), self.left_share
            self.in_parts = InParts.of(self.loads, shares, self.drain_s, capacity_bytes_per_s)
        return self.in_parts

    def _gone(self) -> Part:
        """What went as the present loads say."""
        before = sum(part.share for part in self.parts)
        if self.in_parts is None:
            return Part(self.loads, 1.0 - self.left_share - before)
        self.left_share = self.in_parts.left_share
        share = 1.0 - self.left_share - before
        gone_bytes, self.in_parts = self.in_parts.gone(1.0 - before), None
        return Part(replace(self.loads, amounts=gone_bytes / (share or 1.0)), share)

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


def whole_rates(flows: list[Flow], capacity_bytes_per_s: FloatArray) -> list[float]:
    """The shares of themselves that transfers move in a second, each as one vector."""
    if len(flows) == 1:
        return [1 / flows[0].drain_s]
    bytes_ = np.zeros((len(flows), len(capacity_bytes_per_s)))
    streams = np.zeros_like(bytes_)
    for row, flow in enumerate(flows):
        bytes_[row, flow.loads.links] = flow.loads.bytes
        streams[row, flow.loads.links] = flow.loads.streams
    least_drain_s = np.array([flow.loads.least_drain_s for flow in flows], dtype=np.float64)
    used = np.flatnonzero(bytes_.any(axis=0))
    capacity = capacity_bytes_per_s[used]
    shared = rates(bytes_[:, used], streams[:, used], capacity, least_drain_s)
    return [share_per_s.item() for share_per_s in shared]
