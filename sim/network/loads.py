"""What transfers put on links: bytes and streams on each, and how long that takes alone."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from sim.network.streams import Streams

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

FULL_SHARE = 1 - 1e-9
"""A link this near its capacity is full; the rest is rounding."""


class Spread(NamedTuple):
    """Which of a transfer's amounts each link carries, and how many times; there may be fewer."""

    columns: IntArray
    """(links,) Places among the amounts; each place is some link's."""
    factors: FloatArray
    """(links,)"""
    capacity_bytes_per_s: FloatArray
    """(links,)"""
    order: IntArray
    """The links by column ..."""
    starts: IntArray
    """... and where in this order each column begins."""
    slowest_s: FloatArray
    """(columns,) How long the slowest link of each takes for an amount of 1."""
    is_slowest: NDArray[np.bool_]
    """(links,) Whether it is that one."""

    @classmethod
    def of(cls, columns: IntArray, capacity_bytes_per_s: FloatArray) -> "Spread":
        """Every link carries its column's amount once."""
        order = np.argsort(columns, kind="stable")
        starts = np.searchsorted(columns[order], np.arange(columns.max(initial=-1) + 1))
        ones = np.ones(len(columns))
        empty = cls(columns, ones, capacity_bytes_per_s, order, starts, ones, ones > 0)
        return empty.times(ones)

    def times(self, factors: FloatArray) -> "Spread":
        """The same with every link carrying so many times its column's amount."""
        each_s = factors / self.capacity_bytes_per_s
        slowest_s = each_s
        if each_s.size:
            slowest_s = np.maximum.reduceat(each_s[self.order], self.starts)
        is_slowest = each_s >= slowest_s[self.columns] * FULL_SHARE
        return self._replace(factors=factors, slowest_s=slowest_s, is_slowest=is_slowest)


@dataclass(frozen=True, slots=True, eq=False)
class Loads:
    """Transfers over the same links; the leading axes (layers, steps) are free, or absent for one.

    A link counts as used with or without bytes on it: who shares links with whom does not depend on
    how many tokens there happen to be.
    """

    links: IntArray
    """(links,) Numbers of the links used, ascending."""
    amounts: FloatArray
    """(..., links) Bytes; or (..., columns), where links carry the same in proportion."""
    streams: FloatArray
    """(links,) How many device-to-device flows each link carries: its weight in sharing. (...,
    links) where that differs among the transfers."""
    latency_s: Any
    """Before the first byte; holds nothing. (...) where that differs among the transfers."""
    mask: int
    """The links once more, as bits."""
    least_drain_s: FloatArray | float = 0.0
    """(...) The bytes take at least this long, however free the links are."""
    spread: Spread | None = None
    is_capped: bool = False
    """`least_drain_s` is the drain time, also on free links."""
    made_of: "Callable[..., Streams] | None" = None
    """Its device-to-device streams, for who must tell them apart; given the index of one of several
    transfers. None where they wait for one another, or nobody will ask."""

    @property
    def bytes(self) -> FloatArray:
        """(..., links)."""
        if self.spread is None:
            return self.amounts
        on_links: FloatArray = self.amounts[..., self.spread.columns] * self.spread.factors
        return on_links

    def on_links(self) -> "Loads":
        """The same with an amount for each link."""
        return self if self.spread is None else replace(self, amounts=self.bytes, spread=None)

    def needed_s(self, capacity_bytes_per_s: FloatArray) -> FloatArray:
        """(..., links or columns) How long each link, or the slowest of a column, takes alone."""
        if self.spread is not None:
            return self.amounts * self.spread.slowest_s
        needed_s: FloatArray = self.amounts / capacity_bytes_per_s[self.links]
        return needed_s

    def drain_s(self, capacity_bytes_per_s: FloatArray) -> Any:
        """(...) The time of the bytes when nobody else is there; capacity is of all links."""
        if self.is_capped:
            return self.least_drain_s
        fullest_s = self.needed_s(capacity_bytes_per_s).max(axis=-1, initial=0.0)
        return np.maximum(fullest_s, self.least_drain_s)

    def alone_s(self, capacity_bytes_per_s: FloatArray) -> Any:
        """(...) Latency, then bytes."""
        return self.latency_s + self.drain_s(capacity_bytes_per_s)

    def at_least(self, least_drain_s: float, capacity_bytes_per_s: FloatArray) -> "Loads":
        """The same, taking at least so long for its bytes."""
        drain_s = np.maximum(self.drain_s(capacity_bytes_per_s), least_drain_s)
        return replace(self, least_drain_s=drain_s, is_capped=True)

    def is_same(
        self,
        other: "Loads",
        capacity_bytes_per_s: FloatArray,
        other_capacity_bytes_per_s: FloatArray,
    ) -> bool:
        """Whether the other is the same on links as fast, though the networks are two."""
        return (
            self.mask == other.mask
            and np.array_equal(
                capacity_bytes_per_s[self.links], other_capacity_bytes_per_s[self.links]
            )
            and np.array_equal(self.bytes, other.bytes)
            and np.array_equal(self.streams, other.streams)
        )

    def at(self, index: int | tuple[int, ...]) -> "Loads":
        """One transfer of several."""
        least_drain_s = self.least_drain_s
        if isinstance(least_drain_s, np.ndarray):
            least_drain_s = least_drain_s[index]
        # Written out, because `replace` takes longer than all the rest of a transfer.
        latency_s = self.latency_s
        if isinstance(latency_s, np.ndarray):
            latency_s = float(latency_s[index])
        return Loads(
            self.links,
            self.amounts[index],
            self.streams if self.streams.ndim == 1 else self.streams[index],
            latency_s,
            self.mask,
            least_drain_s,
            self.spread,
            self.is_capped,
            self.made_of and partial(self.made_of, index),
        )


def mask_of(links: Iterable[int]) -> int:
    """A set of links as bits."""
    mask = 0
    for link in links:
        mask |= 1 << int(link)
    return mask
