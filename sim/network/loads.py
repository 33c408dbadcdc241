"""What transfers put on links: bytes and streams on each, and how long that takes alone."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


class Spread(NamedTuple):
    """Which of a transfer's amounts each link carries, and how many times; there may be fewer."""

    columns: IntArray
    """(links,) Places among the amounts; each place is some link's."""
    factors: FloatArray
    """(links,)"""
    order: IntArray
    """The links by column ..."""
    starts: IntArray
    """... and where in this order each column begins."""

    @classmethod
    def of(cls, columns: IntArray, factors: FloatArray) -> "Spread":
        """For these columns of the links."""
        order = np.argsort(columns, kind="stable")
        starts = np.searchsorted(columns[order], np.arange(columns.max(initial=-1) + 1))
        return cls(columns, factors, order, starts)

    def slowest_s(self, each_s: FloatArray) -> FloatArray:
        """(columns) The largest of these numbers (links) in each."""
        if not each_s.size:
            return each_s
        slowest_s: FloatArray = np.maximum.reduceat(each_s[self.order], self.starts)
        return slowest_s


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
    """(links,) How many device-to-device flows each link carries: its weight in sharing."""
    latency_s: float
    """Before the first byte; holds nothing."""
    mask: int
    """The links once more, as bits."""
    least_drain_s: FloatArray | float = 0.0
    """(...) The bytes take at least this long, however free the links are."""
    spread: Spread | None = None
    is_capped: bool = False
    """`least_drain_s` is the drain time, also on free links."""

    @property
    def bytes(self) -> FloatArray:
        """(..., links)."""
        if self.spread is None:
            return self.amounts
        on_links: FloatArray = self.amounts[..., self.spread.columns] * self.spread.factors
        return on_links

    def needed_s(self, capacity_bytes_per_s: FloatArray) -> FloatArray:
        """(..., links or columns) How long each link, or the slowest of a column, takes alone."""
        capacity = capacity_bytes_per_s[self.links]
        if self.spread is None:
            needed_s: FloatArray = self.amounts / capacity
            return needed_s
        return self.amounts * self.spread.slowest_s(self.spread.factors / capacity)

    def drain_s(self, capacity_bytes_per_s: FloatArray) -> Any:
        """(...) The time of the bytes when nobody else is there; capacity is of all links."""
        if self.is_capped:
            return self.least_drain_s
        fullest_s = self.needed_s(capacity_bytes_per_s).max(axis=-1, initial=0.0)
        return np.maximum(fullest_s, self.least_drain_s)

    def alone_s(self, capacity_bytes_per_s: FloatArray) -> Any:
        """(...) Latency, then bytes."""
        return self.latency_s + self.drain_s(capacity_bytes_per_s)

    def at_efficiency(self, efficiency: float, capacity_bytes_per_s: FloatArray) -> "Loads":
        """The same, with no link ever filled by this transfer to more than a share of it."""
        least_drain_s = self.drain_s(capacity_bytes_per_s) / efficiency
        return replace(self, least_drain_s=least_drain_s, is_capped=True)

    def launched(self, launch_s: float) -> "Loads":
        """The same after a launch time; where there is nobody to talk to nothing is launched."""
        if not self.mask:
            return self
        return replace(self, latency_s=self.latency_s + launch_s)

    def at(self, index: int | tuple[int, ...]) -> "Loads":
        """One transfer of several."""
        least_drain_s = self.least_drain_s
        if isinstance(least_drain_s, np.ndarray):
            least_drain_s = least_drain_s[index]
        return replace(self, amounts=self.amounts[index], least_drain_s=least_drain_s)


def mask_of(links: Iterable[int]) -> int:
    """A set of links as bits."""
    mask = 0
    for link in links:
        mask |= 1 << int(link)
    return mask
