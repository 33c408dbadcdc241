"""Who was on a link together, and who held up whom there.

A transfer in company loses, of each second, what it is slower by than alone: over its whole life
its duration less the one that it has alone. The loss is put down to its bottleneck, the full link
on which its rate per stream is the largest (in equal parts where there are several, as in a row of
equal links), and there to the others, in proportion to their rates.
"""

from collections.abc import Sequence
from itertools import combinations
from typing import NamedTuple

import numpy as np

from sim.network.loads import FULL_SHARE, FloatArray, IntArray, Loads
from sim.record.recorder import LinkUsage


class Moving(NamedTuple):
    """A transfer in company, between two changes of its speed."""

    loads: Loads
    share_per_s: float
    """How much of itself it moves in a second."""
    user: str
    """Whose it is."""
    lost_share: float
    """Of its time: by how much it is slower than alone."""


def add_meetings(
    usage: LinkUsage,
    transfers: Sequence[Moving],
    rates: FloatArray,
    links: IntArray,
    filled_share: FloatArray,
    interval_s: float,
) -> None:
    """Account for who met on links with bytes of more than one; rates are (transfers, links)."""
    lost_s = interval_s * np.array([one.lost_share for one in transfers])
    streams = np.ones_like(rates)
    for row, one in enumerate(transfers):
        places = np.searchsorted(one.loads.links, links[rates[row] > 0])
        streams[row, rates[row] > 0] = one.loads.streams[places]
    held_up_s = lost_s[:, None] * _bottleneck_share(rates, streams, filled_share)
    moves = rates > 0
    for one, other in combinations(range(len(transfers)), 2):
        together = moves[one] & moves[other]
        if not together.any():
            continue
        is_in_order = transfers[one].user <= transfers[other].user
        first, second = (one, other) if is_in_order else (other, one)
        meeting = usage.meeting(transfers[first].user, transfers[second].user)
        seconds = np.zeros((3, len(links)))
        seconds[0] = interval_s * together
        seconds[1] = held_up_s[first] * _part(rates, second, first)
        seconds[2] = held_up_s[second] * _part(rates, first, second)
        meeting.seconds[:, links] += seconds


def _bottleneck_share(
    rates: FloatArray, streams: FloatArray, filled_share: FloatArray
) -> FloatArray:
    """(transfers, links) How much of what it loses each does on each link; adds up to 1.

    A bottleneck is full (1), and nobody has a larger rate per stream there (1 again).
    """
    per_stream = rates / streams
    marks = filled_share * per_stream / per_stream.max(axis=0)
    best = marks.max(axis=1, keepdims=True)
    held = (marks >= best * FULL_SHARE) & (best > 0)
    share: FloatArray = held / np.maximum(held.sum(axis=1, keepdims=True), 1)
    return share


def _part(rates: FloatArray, of: int, beside: int) -> FloatArray:
    """(links,) One's rate over the rates of all but a second one."""
    if len(rates) == 2:
        return np.ones(rates.shape[1])
    others = np.delete(rates, beside, axis=0).sum(axis=0)
    return np.asarray(rates[of] / np.where(others > 0, others, 1.0))
