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
    links: IntArray,
    filled_share: FloatArray,
    interval_s: float,
) -> None:
    """Account for who met on links, on each of which two or more have bytes.

    filled_share (links,) is of their capacity.
    """
    rates, per_stream = _rates(transfers, links, len(usage.bytes))
    lost_s = interval_s * np.array([moving.lost_share for moving in transfers])
    held_up_s = _bottleneck_share(per_stream, filled_share) * lost_s[:, None]
    moves = rates > 0
    for one, other in combinations(range(len(transfers)), 2):
        together = moves[one] & moves[other]
        if len(transfers) > 2 and not together.any():
            continue
        is_in_order = transfers[one].user <= transfers[other].user
        first, second = (one, other) if is_in_order else (other, one)
        together_s, first_lost_s, second_lost_s = usage.meeting(
            transfers[first].user, transfers[second].user
        ).seconds
        together_s[links] += interval_s * together
        first_lost_s[links] += held_up_s[first] * _part(rates, second, first)
        second_lost_s[links] += held_up_s[second] * _part(rates, first, second)


def _rates(
    transfers: Sequence[Moving], links: IntArray, all_links: int
) -> tuple[FloatArray, FloatArray]:
    """(transfers, links) In all, and per stream."""
    rates = np.zeros((len(transfers), all_links))
    streams = np.ones_like(rates)
    for row, moving in enumerate(transfers):
        rates[row, moving.loads.links] = moving.loads.bytes * moving.share_per_s
        streams[row, moving.loads.links] = moving.loads.streams
    here = rates[:, links]
    return here, here / streams[:, links]


def _bottleneck_share(per_stream: FloatArray, filled_share: FloatArray) -> FloatArray:
    """(transfers, links) How much of what it loses each does on each link; adds up to 1.

    A bottleneck is full (1), and nobody has a larger rate per stream there (1 again).
    """
    marks = filled_share / per_stream.max(axis=0) * per_stream
    held = marks >= marks.max(axis=1, initial=0.0, keepdims=True) * FULL_SHARE
    held &= marks > 0
    share: FloatArray = held / np.maximum(held.sum(axis=1, keepdims=True), 1)
    return share


def _part(rates: FloatArray, of: int, beside: int) -> FloatArray | float:
    """(links,) One's rate over the rates of all but a second one."""
    if len(rates) == 2:
        return 1.0
    others = np.delete(rates, beside, axis=0).sum(axis=0)
    return np.asarray(rates[of] / np.where(others > 0, others, 1.0))
