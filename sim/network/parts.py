"""Transfers in company, each in parts: streams that go over the same ones of the others' links.

All parts share links max-min fairly, by the mean rate of their streams: all rise together, and who
is on a link that is full stays behind (progressive filling). What is left of a part moves in step.
A transfer fills no link further than it does alone, and ends with its last part.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import reduce
from operator import or_

import numpy as np

from sim.network.contention import Moving
from sim.network.loads import FloatArray, Loads
from sim.network.streams import Grouping, Streams, one_stream

# Who ends within so much of the time that a transfer still takes alone makes room only then, with
# the last of them: half the sharings, and the same errors (topologies/README.md).
_TOGETHER_SHARE = 0.02
# Links this near to the fullest are as full; a part this near to its end has ended.
_SAME = 1 + 1e-9


@dataclass(slots=True, eq=False)
class InParts:
    """How far the streams of a transfer are."""

    loads: Loads
    """Of all of it."""
    streams: Streams
    left_bytes: FloatArray
    """(streams,)"""
    filled_share: float
    """Of a link's speed, at most: what it fills alone."""
    left_s: float
    """How long the rest would take alone, as one vector."""
    alone_s: float
    """It has met nobody for so long, which is not yet gone from the bytes that are left."""
    next_end_s: float = 0.0
    """How long it takes until some parts end."""
    capacity_bytes_per_s: FloatArray = field(init=False)
    """(links,) What it may fill of them."""
    amounts: FloatArray = field(init=False)
    """(parts, links) Bytes left when the speeds were set."""
    _grouping: Grouping = field(init=False)
    _speeds: FloatArray = field(init=False)
    """(parts,) Shares of these amounts in a second."""
    _is_alone: bool = False

    @classmethod
    def of(
        cls,
        loads: Loads,
        shares: tuple[float, float],
        drain_s: float,
        capacity_bytes_per_s: FloatArray,
    ) -> "InParts":
        """One that went as one vector from the first of these shares left to the second."""
        made_of = loads.made_of
        streams = one_stream(loads, capacity_bytes_per_s) if made_of is None else made_of()
        first, now = shares
        return cls(
            loads,
            streams,
            streams.bytes * first,
            filled_share=float(loads.needed_s(capacity_bytes_per_s).max()) / drain_s,
            left_s=now * drain_s,
            alone_s=(first - now) * drain_s,
        )

    @property
    def left_share(self) -> float:
        """Of the bytes of all streams."""
        self._settle()
        return float(self.left_bytes.sum() / self.streams.bytes.sum())

    @property
    def per_level(self) -> FloatArray:
        """(parts,) How much of itself each moves in a second if a stream moves a byte."""
        parts, part_of, _ = self._grouping
        bytes_ = np.bincount(part_of, self.left_bytes, parts)
        streams = np.bincount(part_of, self.left_bytes > 0, parts)
        return np.divide(streams, bytes_, out=np.zeros_like(bytes_), where=bytes_ > 0)

    def meet(self, others: int, capacity_bytes_per_s: FloatArray) -> None:
        """Move in parts that share links with these others (as bits); as one vector with nobody.

        Its streams were not in step while it was alone: some may have ended then.
        """
        if not others:
            self._settle()
        while self.alone_s > 0 and self.left_bytes.any():
            self._group(others, capacity_bytes_per_s)
            _set_speeds([self], capacity_bytes_per_s)
            step_s = min(self.alone_s, self.next_end_s)
            self._move(step_s)
            self.alone_s -= step_s
        self.alone_s = 0.0
        self._group(others, capacity_bytes_per_s)
        self._is_alone = not others

    def go(self, speeds: FloatArray) -> None:
        """Go at these from now on."""
        self._speeds = speeds
        ends_s = 1 / speeds[speeds > 0]
        soon = ends_s <= ends_s.min(initial=np.inf) + _TOGETHER_SHARE * self.left_s
        self.next_end_s = float(ends_s[soon].max(initial=0.0))

    def end_next(self) -> bool:
        """The parts that end next have come to their end; whether there are others."""
        ended = self._speeds * self.next_end_s * _SAME >= 1
        self.left_bytes[ended[self._grouping.part_of]] = 0.0
        return bool(self.left_bytes.any())

    def advance(self, interval_s: float, user: str) -> Moving:
        """Go on for so long; what happened meanwhile.

        What it loses is by how much the time that the rest takes alone shrinks too little.
        """
        before_s = self.left_s
        if self._is_alone:
            self.alone_s += interval_s
            self.left_s -= interval_s
            rates = self._speeds @ self.amounts
        else:
            gone_bytes = self._move(interval_s) @ self.amounts
            left_bytes = self.amounts.sum(axis=0) - gone_bytes
            self.left_s = float((left_bytes / self.capacity_bytes_per_s).max())
            rates = gone_bytes / interval_s
        filled_share = (rates / self.capacity_bytes_per_s).max()
        lost_share = 1 - (before_s - self.left_s) / interval_s
        moved = replace(self.loads, amounts=rates, least_drain_s=filled_share)
        return Moving(moved, 1.0, user, lost_share)

    def gone(self, since_share: float) -> FloatArray:
        """(links,) The bytes that have gone since so much of it was left."""
        routes = self.streams.routes
        gone_bytes = self.streams.bytes * since_share - self.left_bytes
        gone: FloatArray = routes.on_links(gone_bytes, routes.grouping(0)).sum(axis=0)
        return gone

    def _settle(self) -> None:
        """What went alone went in step."""
        if self.alone_s > 0:
            self.left_bytes *= self.left_s / (self.left_s + self.alone_s)
            self.alone_s = 0.0

    def _group(self, others: int, capacity_bytes_per_s: FloatArray) -> None:
        routes = self.streams.routes
        self._grouping = routes.grouping(others)
        self.amounts = routes.on_links(self.left_bytes, self._grouping)
        self.capacity_bytes_per_s = capacity_bytes_per_s[self.loads.links] * self.filled_share

    def _move(self, interval_s: float) -> FloatArray:
        """(parts,) The shares that go in so long; by then what would end sooner has."""
        moved_share = self._speeds * interval_s
        moved_share[moved_share * _SAME >= 1] = 1.0
        self.left_bytes *= (1.0 - moved_share)[self._grouping.part_of]
        return moved_share


def share_in_parts(together: Sequence[InParts], capacity_bytes_per_s: FloatArray) -> None:
    """Set the speeds of transfers that share links, directly or through one another."""
    for one in together:
        others = (other.loads.mask for other in together if other is not one)
        one.meet(reduce(or_, others, 0), capacity_bytes_per_s)
    _set_speeds(together, capacity_bytes_per_s)


def _set_speeds(together: Sequence[InParts], capacity_bytes_per_s: FloatArray) -> None:
    per_level = [one.per_level for one in together]
    seconds = _seconds(together, capacity_bytes_per_s)
    levels = fair_levels(seconds * np.concatenate(per_level)[:, None])
    ends = np.cumsum([len(each) for each in per_level])
    for one, each, level in zip(together, per_level, np.split(levels, ends[:-1]), strict=True):
        one.go(level * each)


def _seconds(together: Sequence[InParts], capacity_bytes_per_s: FloatArray) -> FloatArray:
    """(parts of all, links) How long each takes: links of several, then those that are its own.

    One's own are once more all that it uses, of which it may fill no more than it does alone.
    """
    rows = np.cumsum([0, *(len(one.amounts) for one in together)])
    users = np.bincount(np.concatenate([one.loads.links for one in together]))
    links = np.flatnonzero(users > 1)
    shared = np.zeros((rows[-1], len(links)))
    blocks = [shared]
    for one, row in zip(together, rows, strict=False):
        of_one = slice(row, row + len(one.amounts))
        met = users[one.loads.links] > 1
        places = np.searchsorted(links, one.loads.links[met])
        shared[of_one, places] = one.amounts[:, met] / capacity_bytes_per_s[links[places]]
        fullest = one.streams.routes.fullest
        own = np.zeros((rows[-1], len(fullest)))
        own[of_one] = one.amounts[:, fullest] / one.capacity_bytes_per_s[fullest]
        blocks.append(own)
    return np.concatenate(blocks, axis=1)


def fair_levels(needs: FloatArray) -> FloatArray:
    """(parts,) How far each rises where a level takes so much (parts, links) of links of 1."""
    levels = np.zeros(len(needs))
    rows = np.flatnonzero(needs.any(axis=1))
    needs = needs[rows][:, needs.any(axis=0)]
    uses, room = needs > 0, np.ones(needs.shape[1])
    while rows.size:
        taken = needs.sum(axis=0)
        each = np.divide(room, taken, out=np.full_like(room, np.inf), where=taken > 0)
        level = max(float(each.min()), 0.0)
        stays = uses[:, each <= level * _SAME].any(axis=1)
        levels[rows[stays]] = level
        room -= level * needs[stays].sum(axis=0)
        rows, needs, uses = rows[~stays], needs[~stays], uses[~stays]
    return levels
