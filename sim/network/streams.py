"""The device-to-device streams that a transfer is made of, for who must tell them apart.

A transfer moves as one vector until it meets others; then streams that go over the same ones of the
others' links are a part.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from sim.network.loads import FloatArray, IntArray, Loads, mask_of


class Grouping(NamedTuple):
    """The parts of a transfer."""

    parts: int
    part_of: IntArray
    """(streams,)"""
    slots: IntArray
    """(entries,) Where in (parts, links), laid out flat, each entry belongs."""


@dataclass(frozen=True, slots=True, eq=False)
class Routes:
    """Over which links streams go, whatever their bytes: an entry for each link of each."""

    links: IntArray
    """(links,) Ascending."""
    masks: tuple[int, ...]
    """(streams,) Their links as bits."""
    fullest: IntArray
    """(...) Of links that the same streams take, one of the slowest."""
    _stream: IntArray
    """(entries,)"""
    _place: IntArray
    """(entries,) Which of `links` it is."""
    _share: FloatArray
    """(entries,) How much of the stream takes it."""
    _groupings: dict[int, Grouping] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        links: IntArray,
        streams: Sequence[Mapping[int, float]],
        capacity_bytes_per_s: FloatArray,
    ) -> "Routes":
        """Streams that carry so much of their bytes on these links."""
        entries = [
            (number, link, share)
            for number, stream in enumerate(streams)
            for link, share in stream.items()
        ]
        on_links = np.array([link for _, link, _ in entries], dtype=np.int64)
        return cls(
            links,
            tuple(map(mask_of, streams)),
            np.searchsorted(links, np.array(_slowest(entries, capacity_bytes_per_s), np.int64)),
            np.array([number for number, _, _ in entries], dtype=np.int64),
            np.searchsorted(links, on_links),
            np.array([share for *_, share in entries], dtype=np.float64),
        )

    def grouping(self, others: int) -> Grouping:
        """A part for each set of these links (as bits) on the way of a stream."""
        found = self._groupings.get(others)
        if found is None:
            found = self._groupings[others] = self._grouped(others)
        return found

    def _grouped(self, others: int) -> Grouping:
        sets = [mask & others for mask in self.masks]
        number_of = {one: number for number, one in enumerate(dict.fromkeys(sets))}
        part_of = np.array([number_of[one] for one in sets], dtype=np.int64)
        slots = part_of[self._stream] * len(self.links) + self._place
        return Grouping(len(number_of), part_of, slots)

    def on_links(self, stream_bytes: FloatArray, grouping: Grouping) -> FloatArray:
        """(parts, links) The bytes of each part."""
        entries = stream_bytes[self._stream] * self._share
        size = grouping.parts * len(self.links)
        bytes_ = np.asarray(np.bincount(grouping.slots, entries, size), dtype=np.float64)
        return bytes_.reshape(grouping.parts, -1)


class Streams(NamedTuple):
    """Where they go, and the bytes of each."""

    routes: Routes
    bytes: FloatArray
    """(streams,)"""


def one_stream(loads: Loads, capacity_bytes_per_s: FloatArray) -> Streams:
    """All of a transfer whose hops wait for one another, as a ring's do.

    It has the bytes that a stream has where these are most, and weighs as much as one.
    """
    on_links = loads.bytes
    each = (on_links / loads.streams).max(initial=0.0)
    shares = dict(zip(loads.links.tolist(), (on_links / (each or 1.0)).tolist(), strict=True))
    return Streams(Routes.of(loads.links, [shares], capacity_bytes_per_s), np.array([each]))


def _slowest(
    entries: Iterable[tuple[int, int, float]], capacity_bytes_per_s: FloatArray
) -> list[int]:
    """Of links that the same streams take, the slowest, in order."""
    of_link = defaultdict[int, list[tuple[int, float]]](list)
    for stream, link, share in entries:
        of_link[link].append((stream, share))
    speeds = capacity_bytes_per_s.tolist()
    slowest = dict[tuple[tuple[int, float], ...], int]()
    for link, streams in sorted(of_link.items(), key=lambda item: -speeds[item[0]]):
        slowest[tuple(streams)] = link
    return sorted(slowest.values())
