"""Who was on a link together, and who held up whom there.

A transfer in company loses, of each second, what it is slower by than alone: over its whole life
its duration less the one that it has alone. The loss is put down to its bottleneck, the full link
on which its rate per stream is the largest (in equal parts where there are several, as in a row of
equal links), and there to the others, in proportion to their rates.
"""

from collections import defaultdict
from collections.abc import Sequence
from itertools import combinations
from typing import NamedTuple

import numpy as np

from sim.network.loads import FULL_SHARE, FloatArray, Loads
from sim.record.usage import LinkUsage

# Worked out so many at once: one by one they would cost more than the sharing itself.
_MOST_WAITING = 256


class Moving(NamedTuple):
    """A transfer in company, between two changes of its speed."""

    loads: Loads
    """With an amount for each link."""
    share_per_s: float
    """How much of itself it moves in a second."""
    user: str
    """Whose it is."""
    lost_share: float
    """Of its time: by how much it is slower than alone."""


class _Interval(NamedTuple):
    length_s: float
    transfers: Sequence[Moving]


class Meetings:
    """The accounts of users that meet on links."""

    def __init__(self, usage: LinkUsage, capacity_bytes_per_s: FloatArray) -> None:
        self._usage = usage
        self._capacity_bytes_per_s = capacity_bytes_per_s
        self._waiting: list[_Interval] = []

    def add(self, transfers: Sequence[Moving], interval_s: float) -> None:
        """Account for a time in which each of these went at one speed."""
        self._waiting.append(_Interval(interval_s, transfers))
        if len(self._waiting) >= _MOST_WAITING:
            self.settle()

    def change(self, capacity_bytes_per_s: FloatArray) -> None:
        """From now on links carry so much."""
        self.settle()
        self._capacity_bytes_per_s = capacity_bytes_per_s

    def settle(self) -> None:
        """Work out what is still to be; those of the same users on the same links at once."""
        alike: defaultdict[tuple[tuple[str, int], ...], list[_Interval]] = defaultdict(list)
        for one in self._waiting:
            alike[tuple((moving.user, moving.loads.mask) for moving in one.transfers)].append(one)
        self._waiting = []
        for intervals in alike.values():
            self._settle(intervals)

    def _settle(self, intervals: Sequence[_Interval]) -> None:
        users = [moving.user for moving in intervals[0].transfers]
        counts = np.bincount(np.concatenate([one.loads.links for one in intervals[0].transfers]))
        links = np.flatnonzero(counts > 1)
        # Most links of a large cluster have one user: there is room only for the others.
        shape = (len(intervals), len(users), len(links))
        rates, streams = np.zeros(shape), np.ones(shape)
        for row in range(len(users)):
            same = [one.transfers[row] for one in intervals]
            is_common = counts[same[0].loads.links] > 1
            at = np.searchsorted(links, same[0].loads.links[is_common])
            shares = np.array([moving.share_per_s for moving in same])
            bytes_ = np.stack([one.loads.bytes[is_common] for one in same])
            rates[:, row, at] = bytes_ * shares[:, None]
            streams[:, row, at] = np.stack([one.loads.streams[is_common] for one in same])
        lengths_s = np.array([one.length_s for one in intervals])[:, None]
        lost_share = np.array([[one.lost_share for one in each.transfers] for each in intervals])
        held_up_s = _bottleneck_share(rates, streams, self._capacity_bytes_per_s[links])
        held_up_s *= (lengths_s * lost_share)[:, :, None]
        for one, other in combinations(range(len(users)), 2):
            first, second = sorted((one, other), key=users.__getitem__)
            meeting = self._usage.meeting(users[first], users[second])
            together = (rates[:, first] > 0) & (rates[:, second] > 0)
            meeting.together_s[links] += (lengths_s * together).sum(axis=0)
            meeting.lost_s[:, links] += [
                (held_up_s[:, first] * _part(rates, second, first)).sum(axis=0),
                (held_up_s[:, second] * _part(rates, first, second)).sum(axis=0),
            ]


def _bottleneck_share(
    rates: FloatArray, streams: FloatArray, capacity_bytes_per_s: FloatArray
) -> FloatArray:
    """(intervals, transfers, links) How much of what it loses each does where; adds up to 1.

    A bottleneck is full (1), and nobody has a larger rate per stream there (1 again).
    """
    per_stream = rates / streams
    largest = per_stream.max(axis=1, keepdims=True)
    filled_share = rates.sum(axis=1, keepdims=True) / capacity_bytes_per_s
    marks = filled_share * per_stream / np.where(largest > 0, largest, 1.0)
    marks *= np.count_nonzero(rates, axis=1)[:, None] > 1
    held = marks >= marks.max(axis=2, initial=0.0, keepdims=True) * FULL_SHARE
    held &= marks > 0
    share: FloatArray = held / np.maximum(held.sum(axis=2, keepdims=True), 1)
    return share


def _part(rates: FloatArray, of: int, beside: int) -> FloatArray:
    """(intervals, links) One's rate over the rates of all but a second one."""
    others = np.delete(rates, beside, axis=1).sum(axis=1)
    return np.asarray(rates[:, of] / np.where(others > 0, others, 1.0))
