"""What transfers leave in the usage of links: bytes, and seconds busy, full and contended.

A link is busy while a transfer with bytes on it drains, contended while two of them do. It is full
while it holds somebody up: used to its capacity, or the fullest link of a transfer that goes as
fast as its own protocol lets it.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from sim.network.contention import Moving
from sim.network.loads import FULL_SHARE, FloatArray, Loads, Spread
from sim.record.usage import LinkUsage

_Found = tuple[FloatArray, FloatArray, FloatArray, FloatArray]
"""Bytes, seconds busy, seconds full, and the highest rate."""


def add_alone(
    usage: LinkUsage,
    loads: Loads,
    capacity_bytes_per_s: FloatArray,
    times: FloatArray | int = 1,
) -> None:
    """Account for transfers that never shared a link; leading axes are free.

    Each happened so many times: all as often, or (transfers).
    """
    drain_s = np.reshape(loads.drain_s(capacity_bytes_per_s), (-1, 1))
    amounts = loads.amounts.reshape(drain_s.size, loads.amounts.shape[-1])
    needed_s = loads.needed_s(capacity_bytes_per_s).reshape(amounts.shape)
    often_s = np.reshape(times, (-1, 1)) * drain_s
    moves = amounts > 0
    found = (
        amounts.sum(axis=0) * times
        if isinstance(times, int)
        else (np.reshape(times, (-1, 1)) * amounts).sum(axis=0),
        often_s.sum(axis=0) if moves.all() else (often_s * moves).sum(axis=0),
        (often_s * _is_fullest(needed_s)).sum(axis=0),
        (amounts / np.where(drain_s > 0, drain_s, 1.0)).max(axis=0, initial=0.0),
    )
    if loads.spread is not None:
        found = _on_links(loads.spread, found)
    bytes_, busy_s, full_s, rate = found
    usage.bytes[loads.links] += bytes_
    usage.busy_s[loads.links] += busy_s
    usage.full_s[loads.links] += full_s
    usage.peak_bytes_per_s[loads.links] = np.maximum(usage.peak_bytes_per_s[loads.links], rate)


def _on_links(spread: Spread, of_columns: _Found) -> _Found:
    """(links) from (columns). Of the links of a full column, the slowest are full."""
    bytes_, busy_s, full_s, rate = (
        found[spread.columns] if len(found) > 1 else found for found in of_columns
    )
    factors = spread.factors
    return bytes_ * factors, busy_s * (factors > 0), full_s * spread.is_slowest, rate * factors


def add_interval(
    usage: LinkUsage,
    transfers: Sequence[Moving],
    interval_s: float,
    capacity_bytes_per_s: FloatArray,
) -> None:
    """Account for a time in which each transfer went at one speed.

    Seconds only: bytes are added when the transfer is known to have ended (`add_bytes`).
    """
    rate = np.zeros_like(capacity_bytes_per_s)
    users = np.zeros_like(capacity_bytes_per_s)
    is_full = np.zeros_like(capacity_bytes_per_s, dtype=bool)
    for one in transfers:
        loads, bytes_ = one.loads, one.loads.bytes
        if one.share_per_s * loads.least_drain_s >= FULL_SHARE:
            is_full[loads.links] |= _is_fullest(bytes_ / capacity_bytes_per_s[loads.links])
        rate[loads.links] += bytes_ * one.share_per_s
        users[loads.links] += bytes_ > 0
    usage.busy_s[users > 0] += interval_s
    usage.full_s[is_full | (rate >= capacity_bytes_per_s * FULL_SHARE)] += interval_s
    usage.contended_s[users > 1] += interval_s
    np.maximum(usage.peak_bytes_per_s, rate, out=usage.peak_bytes_per_s)


def add_bytes(usage: LinkUsage, loads: Loads) -> None:
    """Account for the bytes of a transfer whose seconds were added by intervals."""
    usage.bytes[loads.links] += loads.bytes


def _is_fullest(needed_s: FloatArray) -> NDArray[np.bool_]:
    """(..., links) Which links of a transfer need the longest for its bytes."""
    longest_s = needed_s.max(axis=-1, keepdims=True, initial=0.0)
    fullest: NDArray[np.bool_] = needed_s >= np.where(longest_s > 0, longest_s * FULL_SHARE, np.inf)
    return fullest
