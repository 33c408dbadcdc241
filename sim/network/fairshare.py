"""How fast transfers go that share links: bottleneck max fairness.

Every transfer moves its bytes on all its links in step. It is held back by a full link on which its
rate per stream is the largest, or by its own cap; for single flows this is textbook max-min, and a
transfer with few bytes on another's full link is not held up by it. Bonald and Roberts,
"Multi-resource fairness", 2015; the same as SimGrid's parallel tasks. Known limit: such a vector is
rigid, so it idles links that free streams would use.

Found by progressive filling: one limit on everybody's speed rises from zero, links fill up and take
over one transfer after another, until the limit holds nobody. Between two such switches all moves
on a straight line. Filling a link can turn the way of the limit down for a while, but never to
where it came from, so there is no circling (as in Lemke's pivoting). Of 100,000 adverse cases
(`tests/network/test_fairshare.py`: up to 8 transfers x 12 links, bytes nearly alike or skewed,
streams 1 to 1000, caps) every one came out lawful at the first nudge.
"""

from typing import NamedTuple

import numpy as np

from sim.network.fair_pair import speeds_of_two
from sim.network.loads import FloatArray

# Links that are full at the same time would leave it open whose turn it is, so on the way each has
# a little more room, another for each; the answer is solved for without. Links that differ by less
# than the first nudge ask for a smaller one, an ill-conditioned case for a larger.
_NUDGES = (1e-10, 1e-8, 1e-12, 1e-6)
# Links this near to full are full.
_LAWFUL_SHARE = 1e-11
# Of 100,000 cases half had one or fewer, and none more than six.
_MOST_SWITCHES_PER_TRANSFER = 50
# Who needs less of a link is not held back there; beyond any range of bytes, and finite.
_NOTHING = 1e-150


def rates(
    bytes_: FloatArray,
    streams: FloatArray,
    capacity_bytes_per_s: FloatArray,
    least_drain_s: FloatArray,
) -> FloatArray:
    """(transfers,) The share of itself that each moves in a second.

    Bytes and streams are (transfers, links), least_drain_s is (transfers,): a transfer's own cap.
    Each transfer has bytes on some link, or a cap.
    """
    seconds = bytes_ / capacity_bytes_per_s
    alone_s = np.maximum(seconds.max(axis=1, initial=0.0), least_drain_s)
    needs = seconds / alone_s[:, None]
    # A link that would not be full with everybody at full speed holds nobody back.
    kept = ((needs.sum(axis=0) > 1) | (needs == 1).any(axis=0)).nonzero()[0]
    # A cap is a link of its own.
    own = np.eye(len(needs))[:, least_drain_s == alone_s]
    find = speeds_of_two if len(needs) == 2 else _speeds
    settled = find(
        np.concatenate([needs[:, kept], own], axis=1),
        np.concatenate([streams[:, kept], np.ones_like(own)], axis=1),
    )
    found: FloatArray = np.minimum(settled, 1.0) / alone_s
    found /= (found @ seconds).max(initial=1.0)
    return found


def _speeds(needs: FloatArray, streams: FloatArray) -> FloatArray:
    """(transfers,) Fair shares of the speed that each has alone.

    Needs are (transfers, links): the share of a link that a transfer alone fills. Where no nudge
    leads to a lawful answer it is the one nearest to it, and at worst all slow down alike.
    """
    transfers, links = needs.shape
    # The common limit is a link behind the others; unequal, as transfers that are alike tie, too.
    limit = 1 + 0.1 * np.sqrt(np.arange(1.0, transfers + 1))
    free = np.full_like(needs, 1 / _NOTHING)
    bounds = np.divide(streams, needs, out=free, where=needs > _NOTHING)
    per_level = np.concatenate([bounds, limit[:, None]], axis=1)
    nearest = _Answer(np.full(transfers, 1 / needs.sum(axis=0).max()), np.inf)
    for nudge in _NUDGES:
        room = 1 + nudge * np.sqrt(np.arange(1.0, links + 1))
        held_by = _held_by(_Sharing(needs, per_level, room))
        if held_by is not None:
            answer = _answer(_Sharing(needs, per_level, np.ones(links)), held_by)
            nearest = min(nearest, answer, key=lambda one: one.misses)
        if nearest.misses <= _LAWFUL_SHARE:
            break
    return nearest.speeds


class _Sharing(NamedTuple):
    needs: FloatArray
    """(transfers, links)"""
    per_level: FloatArray
    """(transfers, links + 1) What each may do at most for each unit of a link's level, which is the
    share of the link that one stream gets; behind the links, for the common limit."""
    room: FloatArray
    """(links,)"""

    def held_speeds(self, held_by: list[int], holding: list[int]) -> FloatArray:
        """(transfers, holding) The speed of each is this times the levels of what holds back."""
        rows, columns = range(len(held_by)), [holding.index(holder) for holder in held_by]
        held = np.zeros((len(held_by), len(holding)))
        held[rows, columns] = self.per_level[rows, held_by]
        return held


class _Answer(NamedTuple):
    speeds: FloatArray
    misses: float
    """By how much links are too full, or those that hold somebody back not full."""


def _answer(sharing: _Sharing, held_by: list[int]) -> _Answer:
    """The speeds with everybody held back where given: filling these links is a linear system."""
    full = list(dict.fromkeys(held_by))
    use = sharing.needs.T[full] @ sharing.held_speeds(held_by, full)
    levels = _solved(use, sharing.room[full])
    speeds = (sharing.per_level[:, full] * levels).min(axis=1)
    used = speeds @ sharing.needs
    misses = max(used.max() - 1, 1 - used[full].min())
    return _Answer(speeds, misses.item() if (levels > 0).all() else np.inf)


def _solved(matrix: FloatArray, right: FloatArray) -> FloatArray:
    try:
        return np.asarray(np.linalg.solve(matrix, right), dtype=np.float64)
    except np.linalg.LinAlgError:
        return np.asarray(np.linalg.lstsq(matrix, right)[0], dtype=np.float64)


class _Place(NamedTuple):
    """A place on the way, at a switch."""

    held_by: list[int]
    """The link of each transfer, or the common limit."""
    levels: FloatArray
    """(links + 1,) Those that hold nobody back are out of date."""
    left: tuple[int, int] | None
    """Which transfer has been taken over, and from what; None at the start."""


def _held_by(sharing: _Sharing) -> list[int] | None:
    """The link that holds each transfer back; None where the way is lost to rounding."""
    transfers, limit = sharing.needs.shape
    place = _Place([limit] * transfers, np.zeros(limit + 1), None)
    for _ in range(_MOST_SWITCHES_PER_TRANSFER * transfers):
        further = _next(sharing, place)
        if further is None or limit not in further.held_by:
            return further and further.held_by
        place = further
    return None


def _next(sharing: _Sharing, place: _Place) -> _Place | None:
    """Straight on from a switch to the next one."""
    transfers, limit = sharing.needs.shape
    holding = list(dict.fromkeys([limit, *place.held_by]))
    full = holding[1:]
    held = sharing.held_speeds(place.held_by, holding)
    use = sharing.needs.T @ held
    line = _line(use[full], sharing.room[full], place.levels[holding])
    speeds = held @ line
    to_bounds = sharing.per_level[:, holding, None] * line - speeds[:, None]
    to_full = -(use @ line)
    to_full[:, 0] += sharing.room
    to_full[full] = np.inf, 0.0
    way = _way(place.left, holding, to_bounds, to_full)
    gaps = np.concatenate([to_bounds.reshape(-1, 2), to_full])
    first, far = _first_closed(gaps, way)
    if far is None:
        return None
    levels = place.levels.copy()
    levels[holding] = line @ (1.0, far)
    transfer, column = divmod(first, len(holding))
    if transfer < transfers:
        holder = holding[column]
    else:
        holder = first - transfers * len(holding)
        shares = (speeds @ (1.0, far)) / sharing.per_level[:, holder]
        transfer = shares.argmax().item()
        levels[holder] = shares[transfer]
    held_by = [*place.held_by]
    held_by[transfer] = holder
    return _Place(held_by, levels, (transfer, place.held_by[transfer]))


def _way(
    left: tuple[int, int] | None, holding: list[int], to_bounds: FloatArray, to_full: FloatArray
) -> float:
    """Forward or back along a direction: what held a transfer before must not at once do so again.

    A link that held nobody else is no longer full then.
    """
    if left is None:
        return 1.0
    transfer, former = left
    gap = to_bounds[transfer, holding.index(former)] if former in holding else to_full[former]
    return 1.0 if gap[1] >= 0 else -1.0


def _line(use: FloatArray, room: FloatArray, near: FloatArray) -> FloatArray:
    """(levels, 2) A point and a direction: the levels that keep links full, one fewer than levels.

    One more row, which says how far along, makes the system square: no level is sure to move, but a
    mixture of all is.
    """
    mixture = np.sqrt(np.arange(2.0, len(near) + 2))
    right = np.zeros((len(near), 2))
    right[:-1, 0] = room
    right[-1] = mixture @ near, 1.0
    return _solved(np.concatenate([use, mixture[None]]), right)


def _first_closed(gaps: FloatArray, way: float) -> tuple[int, float | None]:
    """Which of the gaps (gaps, 2: size and growth) is closed first, and where on the line."""
    closing = gaps[:, 1] * -way
    steps = np.full(len(gaps), np.inf)
    np.divide(np.maximum(gaps[:, 0], 0.0), closing, out=steps, where=closing > 0)
    first = steps.argmin().item()
    step = steps[first].item()
    return first, None if step == np.inf else way * step
