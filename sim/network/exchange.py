"""All-to-alls between devices: tokens on their way to experts, and back.

The sources split what each target gets in proportion to their own tokens: s sends d what is
a[s] * b[d]. A link then carries a sum over rectangles (sets of sources x sets of targets) that
depend on the routes alone: they are found once, and a batch of layers is a few gathers.
What stays on a device crosses no link.
"""

import itertools
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import isqrt
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sim.network.crossing import (
    Crossing,
    crossing_of_links,
    flow_of,
    members,
    rectangles_of,
)
from sim.network.loads import FloatArray, IntArray, Loads, Spread, mask_of
from sim.network.routes import Network
from sim.network.stages import Protocol, Side, Ways, stages_of
from sim.network.sums import SetSums, sums_of_runs


@dataclass(frozen=True, slots=True, eq=False)
class Exchange:
    """An all-to-all between fixed devices; only the tokens are still open."""

    links: IntArray
    streams: FloatArray
    latency_s: float
    steps: int
    """How many messages follow one another: one straight to the target, two over a box's entry."""
    messages: int
    """How many one device sends in all, at most: one to each peer in each step, all at once."""
    mask: int
    weight_sums: SetSums
    """Of the weights; see `summed_as`."""
    weight_sets: tuple[int, ...]
    """As bits."""
    _source_sums: SetSums
    _spread: Spread
    """Most links carry one rectangle: a sum of weights, times the share of some sources."""
    _simple: IntArray
    """Places of these links ..."""
    _source_sets: IntArray
    """(links,) ... and their sources ..."""
    _simple_shares: FloatArray
    """(links,) ... and how much of what these send takes this link."""
    _many_source_sets: IntArray
    """(rectangles,) Of the other links."""
    _many_weight_sets: IntArray
    """(rectangles,)"""
    _many_shares: FloatArray
    """(rectangles,)"""
    _starts: IntArray
    """(other links,) Where in these rectangles each begins."""

    @property
    def used_links(self) -> frozenset[int]:
        """Numbers of the links that it may put bytes on."""
        return frozenset(self.links.tolist())

    def summed_as(self, other: "Exchange") -> "Exchange":
        """The same, with the other's sums of weights if they are of the same sets."""
        if self.weight_sets != other.weight_sets:
            return self
        return replace(self, weight_sums=other.weight_sums)

    def loads(self, source_share: ArrayLike, weights: ArrayLike, token_bytes: float) -> Loads:
        """The loads where source s sends source_share[s] of the weights (..., K).

        K: the tokens for each target; per-node: behind them the tokens for each box, in the order
        in which the targets name the boxes. source_share (sources,) adds up to 1.
        """
        spread = self.spread(source_share, token_bytes)
        return self.loads_of(spread, self.weight_sums.of(np.asarray(weights, dtype=np.float64)))

    def spread(self, source_share: ArrayLike, token_bytes: float) -> "Sources":
        """The part of the loads that depends on the sources."""
        share = np.asarray(source_share, dtype=np.float64)
        shares = self._source_sums.of(share * token_bytes)
        factors = np.ones(len(self.links))
        simple = self._simple
        factors[simple] = shares[self._source_sets[simple]] * self._simple_shares[simple]
        return Sources(self._spread.times(factors), shares, self._streams_of(share > 0))

    def _streams_of(self, sends: NDArray[np.bool_]) -> FloatArray:
        """(links,) Of the sources that send anything: an idle one has no weight on a link."""
        if sends.all():
            return self.streams
        part = self._source_sums.of(sends.astype(np.float64))
        part /= self._source_sums.of(np.ones(len(sends)))
        of_links = part[self._source_sets]
        if self._starts.size:  # rectangles are of about equal size
            counts = np.diff(self._starts, append=self._many_source_sets.size)
            several = np.ones(len(self.links), dtype=bool)
            several[self._simple] = False
            of_links[several] = sums_of_runs(part[self._many_source_sets], self._starts) / counts
        return np.maximum(self.streams * of_links, 1.0)

    def loads_of(self, sources: "Sources", sums: FloatArray) -> Loads:
        """The loads of these sources for these sums (..., sets) of weights, by `weight_sums`."""
        if self._starts.size:
            of_sources = sources.shares[self._many_source_sets] * self._many_shares
            terms = sums[..., self._many_weight_sets] * of_sources
            of_simple = sums[..., : self._spread.starts.size - self._starts.size]
            sums = np.concatenate([of_simple, sums_of_runs(terms, self._starts)], axis=-1)
        return Loads(
            self.links, sums, sources.streams, self.latency_s, self.mask, spread=sources.spread
        )


class Sources(NamedTuple):
    """The share that each link carries of the weights behind it, and those of sets of sources."""

    spread: Spread
    shares: FloatArray
    streams: FloatArray
    """(links,) The flows of sources that send anything."""


def dispatch(
    network: Network,
    devices: Sequence[int],
    protocol: Protocol,
    sources: Sequence[int] | None = None,
) -> Exchange:
    """To the experts' devices: straight, or (per-node) once into each box and on from there.

    Tokens come from the sources; by default from the experts' devices themselves.
    """
    return _exchange(network, sources or devices, devices, protocol, is_back=False)


def combine(
    network: Network,
    devices: Sequence[int],
    protocol: Protocol,
    sources: Sequence[int] | None = None,
) -> Exchange:
    """The way back of the same tokens; per-node: added up in the box before they leave it."""
    return _exchange(network, sources or devices, devices, protocol, is_back=True)


def all_to_all_v(network: Network, devices: Sequence[int], sent_bytes: ArrayLike) -> Loads:
    """Any traffic: sent_bytes[s, d] from each device to each."""
    matrix = np.asarray(sent_bytes, dtype=np.float64)
    carried: defaultdict[int, float] = defaultdict(float)
    streams: defaultdict[int, int] = defaultdict(int)
    latency_s = 0.0
    for source, target in np.argwhere(matrix > 0).tolist():
        latency_s = max(latency_s, network.latency_s(devices[source], devices[target]))
        for link, share in flow_of(network, devices[source], devices[target]):
            carried[link] += share * matrix[source, target].item()
            streams[link] += 1
    links = sorted(carried)
    return Loads(
        links=np.array(links, dtype=np.int64),
        amounts=np.array([carried[link] for link in links], dtype=np.float64),
        streams=np.array([streams[link] for link in links], dtype=np.float64),
        latency_s=latency_s,
        mask=mask_of(links),
    )


def _exchange(
    network: Network,
    from_devices: Sequence[int],
    to_devices: Sequence[int],
    protocol: Protocol,
    *,
    is_back: bool,
) -> Exchange:
    sources, targets = Side.of(network, from_devices), Side.of(network, to_devices)
    stages = stages_of(sources, targets, protocol)
    if is_back:
        stages = [[part._replace(start=part.end, end=part.start) for part in one] for one in stages]
    boxes = list(targets.boxes.values())
    weights = len(to_devices) + (len(boxes) if protocol == "per-node" else 0)
    width = len(boxes[0]) if len(boxes) > 1 else max(1, isqrt(len(to_devices)))
    crossing = crossing_of_links(network, [part for one in stages for part in one])
    capacity_bytes_per_s = network.capacity_bytes_per_s
    ways = Ways.of(network, stages)
    return _compiled(crossing, ways, (len(from_devices), weights), width, capacity_bytes_per_s)


def _compiled(
    crossing: dict[int, Crossing],
    ways: Ways,
    sizes: tuple[int, int],
    width: int,
    capacity_bytes_per_s: FloatArray,
) -> Exchange:
    rectangles = [rectangles_of(here.weights_of) for here in crossing.values()]
    others = [of_link for of_link in rectangles if len(of_link) > 1]
    many = [one for of_link in others for one in of_link]
    of_simple = sorted({of_link[0].weights for of_link in rectangles if len(of_link) == 1})
    weight_sets = dict.fromkeys([*of_simple, *(one.weights for one in many)])
    source_sets = {one.sources: None for of_link in rectangles for one in of_link}
    source_number = {bits: number for number, bits in enumerate(source_sets)}
    weight_number = {bits: number for number, bits in enumerate(weight_sets)}
    simple = [place for place, of_link in enumerate(rectangles) if len(of_link) == 1]
    # The columns: the sums of weights of simple links, then those links that add up several.
    own_column = itertools.count(len(of_simple))
    columns = [
        weight_number[of_link[0].weights] if len(of_link) == 1 else next(own_column)
        for of_link in rectangles
    ]
    sources, weights = sizes
    links = np.array(list(crossing), dtype=np.int64)
    return Exchange(
        links=links,
        streams=np.array([len(here.flows) for here in crossing.values()], dtype=np.float64),
        latency_s=ways.latency_s,
        steps=ways.steps,
        messages=ways.messages,
        mask=mask_of(crossing),
        _source_sums=SetSums.over(sources, width, [members(bits) for bits in source_sets]),
        weight_sums=SetSums.over(weights, width, [members(bits) for bits in weight_sets]),
        weight_sets=tuple(weight_sets),
        _spread=Spread.of(np.array(columns, dtype=np.int64), capacity_bytes_per_s[links]),
        _simple=np.array(simple, dtype=np.int64),
        _source_sets=np.array(
            [source_number[one[0].sources] for one in rectangles], dtype=np.int64
        ),
        _simple_shares=np.array([one[0].share for one in rectangles], dtype=np.float64),
        _many_source_sets=np.array([source_number[one.sources] for one in many], dtype=np.int64),
        _many_weight_sets=np.array([weight_number[one.weights] for one in many], dtype=np.int64),
        _many_shares=np.array([one.share for one in many], dtype=np.float64),
        _starts=np.cumsum([0, *map(len, others)], dtype=np.int64)[:-1],
    )
