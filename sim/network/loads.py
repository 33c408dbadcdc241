"""What transfers put on links: bytes and streams on each, and how long that takes alone."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Loads:
    """Transfers over the same links; the leading axes (layers, steps) are free, or absent for one.

    A link counts as used with or without bytes on it: who shares links with whom does not depend on
    how many tokens there happen to be.
    """

    links: IntArray
    """(links,) Numbers of the links used, ascending."""
    bytes: FloatArray
    """(..., links)"""
    streams: FloatArray
    """(links,) How many device-to-device flows each link carries: its weight in sharing."""
    latency_s: float
    """Before the first byte; holds nothing."""
    mask: int
    """The links once more, as bits."""
    least_drain_s: FloatArray | float = 0.0
    """(...) The bytes take at least this long, however free the links are."""

    def drain_s(self, capacity_bytes_per_s: FloatArray) -> Any:
        """(...) The time of the bytes when nobody else is there; capacity is of all links."""
        fullest_s = (self.bytes / capacity_bytes_per_s[self.links]).max(axis=-1, initial=0.0)
        return np.maximum(fullest_s, self.least_drain_s)

    def alone_s(self, capacity_bytes_per_s: FloatArray) -> Any:
        """(...) Latency, then bytes."""
        return self.latency_s + self.drain_s(capacity_bytes_per_s)

    def at_efficiency(self, efficiency: float, capacity_bytes_per_s: FloatArray) -> "Loads":
        """The same, with no link ever filled by this transfer to more than a share of it."""
        least_drain_s = self.drain_s(capacity_bytes_per_s) / efficiency
        return replace(self, least_drain_s=least_drain_s)

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
        return Loads(
            self.links, self.bytes[index], self.streams, self.latency_s, self.mask, least_drain_s
        )


def mask_of(links: Iterable[int]) -> int:
    """A set of links as bits."""
    mask = 0
    for link in links:
        mask |= 1 << int(link)
    return mask
