"""How fast transfers go that share links: bottleneck max fairness.

Every transfer moves its bytes on all its links in step. It is held back by a full link on which its
rate per stream is the largest, or by its own cap; for single flows this is textbook max-min, and a
transfer with few bytes on another's full link is not held up by it. Bonald and Roberts,
"Multi-resource fairness", 2015; the same as SimGrid's parallel tasks. Known limit: such a vector is
rigid, so it idles links that free streams would use.
"""

import math
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from sim.errors import SimulationError
from sim.network.loads import FloatArray

# Rates have settled when a sweep moves none by more than this share of itself.
_SETTLED_SHARE = 1e-13
# From here on a sweep makes half of each change, as a few cases in a thousand oscillate, and who is
# held back where is taken as found and solved for: damped, one in ten thousand creeps or circles.
_DAMPED_SWEEP = 40
_MOST_SWEEPS = 2000
# Links this near to full are full.
_LAWFUL_SHARE = 1e-11


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
    sharing = _sharing(*_binding(seconds, streams, least_drain_s), least_drain_s)
    settled = np.array(_settle(sharing))
    return settled / max(1.0, float(np.max((seconds * settled[:, None]).sum(axis=0), initial=0.0)))


class _Use(NamedTuple):
    """What one transfer needs of one link."""

    transfer: int
    link: int
    seconds: float
    """The link's time that the whole transfer takes."""
    streams: float


class _Sharing(NamedTuple):
    """Who uses what; caps are rates, infinite where there is none."""

    caps: list[float]
    of_link: list[list[_Use]]
    of_transfer: list[list[_Use]]


def _binding(
    seconds: FloatArray, streams: FloatArray, least_drain_s: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Only the links that can hold somebody back.

    A link cannot that would not be full with everybody at full speed, nor one on which everybody
    spends at most as long as on another: that one is full first.
    """
    alone_s = np.maximum(seconds.max(axis=1, initial=0.0), least_drain_s)
    fullness = (seconds / alone_s[:, None]).sum(axis=0)
    candidates = np.flatnonzero((fullness > 1) | (seconds == alone_s[:, None]).any(axis=0))
    kept: list[int] = []
    for link in candidates[np.argsort(-seconds[:, candidates].sum(axis=0), kind="stable")].tolist():
        column, others = seconds[:, [link]], seconds[:, kept]
        if not (others >= column).all(axis=0).any():
            kept.append(link)
    return seconds[:, kept], streams[:, kept]


def _sharing(seconds: FloatArray, streams: FloatArray, least_drain_s: FloatArray) -> _Sharing:
    transfers, links = seconds.shape
    uses = [
        _Use(transfer, link, seconds[transfer, link].item(), streams[transfer, link].item())
        for transfer, link in np.argwhere(seconds > 0).tolist()
    ]
    return _Sharing(
        [1 / least_s if least_s > 0 else math.inf for least_s in least_drain_s.tolist()],
        [[use for use in uses if use.link == link] for link in range(links)],
        [[use for use in uses if use.transfer == transfer] for transfer in range(transfers)],
    )


def _settle(sharing: _Sharing) -> list[float]:
    """Fill link after link until nothing moves, and give the rates.

    The level of a link is kept as its inverse, the link's seconds for one share of one stream; 0
    holds nobody back.
    """
    slowness = [0.0] * len(sharing.of_link)
    before = _all_rates(sharing, slowness)
    for sweep in range(_MOST_SWEEPS):
        for link in _order(len(slowness), sweep):
            uses = sharing.of_link[link]
            wanted = _slowness(uses, [_rate(sharing, slowness, use) for use in uses])
            if sweep >= _DAMPED_SWEEP:
                wanted = (wanted + slowness[link]) / 2
            slowness[link] = wanted
        after = _all_rates(sharing, slowness)
        held_by = _held_by(sharing, slowness)
        if _is_settled(before, after) and _is_lawful(sharing, held_by, after):
            return after
        if sweep >= _DAMPED_SWEEP:
            solved = _solved(sharing, held_by)
            if solved is not None and _is_lawful(sharing, held_by, solved):
                return solved
        before = after
    raise SimulationError(f"fair shares of {len(before)} transfers did not settle")


def _order(links: int, sweep: int) -> Iterable[int]:
    """From where sweeps are damped, another order each time: some circles depend on it."""
    if sweep < _DAMPED_SWEEP:
        return range(links)
    first = sweep % links
    order = [*range(first, links), *range(first)]
    return order[:: 1 if sweep % 2 else -1]


def _is_settled(before: list[float], after: list[float]) -> bool:
    return all(
        math.isclose(one, other, rel_tol=_SETTLED_SHARE)
        for one, other in zip(before, after, strict=True)
    )


def _solved(sharing: _Sharing, held_by: list[_Use | None]) -> list[float] | None:
    """The rates with everybody held back where given; None if there are none.

    With a level for each link that holds somebody back, filling these links is a linear system.
    """
    row_of = {link: row for row, link in enumerate(_holding_links(held_by))}
    matrix, filled = np.zeros((len(row_of), len(row_of))), np.ones(len(row_of))
    for link, row in row_of.items():
        for use in sharing.of_link[link]:
            held = held_by[use.transfer]
            if held is None:
                filled[row] -= use.seconds * sharing.caps[use.transfer]
            else:
                matrix[row, row_of[held.link]] += use.seconds * held.streams / held.seconds
    try:
        levels = np.linalg.solve(matrix, filled)
    except np.linalg.LinAlgError:
        return None
    if (levels <= 0).any():
        return None
    slowness = [0.0] * len(sharing.of_link)
    for link, row in row_of.items():
        slowness[link] = 1 / levels[row].item()
    return _all_rates(sharing, slowness)


def _held_by(sharing: _Sharing, slowness: list[float]) -> list[_Use | None]:
    """Where each transfer is held back by a level; None if by its own cap."""
    slowest = [
        min(uses, key=lambda use: _level_rate(use, slowness), default=None)
        for uses in sharing.of_transfer
    ]
    return [
        use if use is not None and _level_rate(use, slowness) < cap else None
        for use, cap in zip(slowest, sharing.caps, strict=True)
    ]


def _holding_links(held_by: Iterable[_Use | None]) -> list[int]:
    return list(dict.fromkeys(use.link for use in held_by if use is not None))


def _is_lawful(sharing: _Sharing, held_by: list[_Use | None], rates_: list[float]) -> bool:
    """Whether no link is used beyond its capacity, and those that hold somebody back to it."""
    used = [
        math.fsum(use.seconds * rates_[use.transfer] for use in uses) for uses in sharing.of_link
    ]
    full = _holding_links(held_by)
    return all(one <= 1 + _LAWFUL_SHARE for one in used) and all(
        used[link] >= 1 - _LAWFUL_SHARE for link in full
    )


def _all_rates(sharing: _Sharing, slowness: list[float]) -> list[float]:
    return [
        min([cap, *(_level_rate(use, slowness) for use in uses)])
        for cap, uses in zip(sharing.caps, sharing.of_transfer, strict=True)
    ]


def _rate(sharing: _Sharing, slowness: list[float], without: _Use) -> float:
    """What a transfer could do but for one of its links."""
    rate = sharing.caps[without.transfer]
    for use in sharing.of_transfer[without.transfer]:
        if use is not without:
            rate = min(rate, _level_rate(use, slowness))
    return rate


def _level_rate(use: _Use, slowness: list[float]) -> float:
    slow = slowness[use.link]
    return use.streams / use.seconds / slow if slow > 0 else math.inf


def _slowness(uses: list[_Use], free_rates: list[float]) -> float:
    """Fill a link: who wants less than the level gets that, the others the same per stream."""
    wanting = sorted(
        (use.seconds * rate / use.streams, use.streams)
        for use, rate in zip(uses, free_rates, strict=True)
    )
    left, streams_left = 1.0, math.fsum(use.streams for use in uses)
    for per_stream, streams in wanting:
        if per_stream * streams_left > left:
            return streams_left / left
        left -= per_stream * streams
        streams_left -= streams
    return 0.0
