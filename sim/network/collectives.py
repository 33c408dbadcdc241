"""Collectives and sends as bytes on links, in proportion to the size of the buffer.

Several groups of devices that do the same at one time (the tensor-parallel ranks of a replica) are
one pattern. Rings follow the given order of devices. A ring over several boxes is one of several,
one a place in the box, as NCCL builds them to use every network card. Left out: trees, protocols.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from sim.errors import ScenarioError
from sim.network.loads import FloatArray, IntArray, Loads, mask_of
from sim.network.routes import Network, Route

Group = Sequence[int]
Algorithm = Literal["auto", "ring", "in-switch"]


@dataclass(frozen=True, slots=True, eq=False)
class Pattern:
    """A collective over fixed devices; only its bytes are still open."""

    links: IntArray
    streams: FloatArray
    latency_s: float
    mask: int
    _starts: IntArray
    """(links,) Where in the entries each link begins."""
    _groups: IntArray
    """(entries,) Whose bytes cross the link."""
    _shares: FloatArray
    """(entries,) How many times these bytes do."""
    _group_streams: FloatArray
    """(entries,) And in how many streams."""

    @property
    def used_links(self) -> frozenset[int]:
        """Numbers of the links that it may put bytes on."""
        return frozenset(self.links.tolist())

    def loads(self, bytes_: ArrayLike) -> Loads:
        """The loads for bytes (..., groups); of one group a number will do."""
        given = np.atleast_1d(np.asarray(bytes_, dtype=np.float64))
        terms = given[..., self._groups] * self._shares
        on_links = np.add.reduceat(terms, self._starts, axis=-1) if self.mask else terms
        return Loads(self.links, on_links, self._streams_of(given), self.latency_s, self.mask)

    def _streams_of(self, given: FloatArray) -> FloatArray:
        """(links,) Of the groups that have bytes; of many transfers at once, of all groups."""
        if given.ndim > 1 or given.all() or not self.mask:
            return self.streams
        moving = self._group_streams * (given[self._groups] > 0)
        return np.maximum(np.add.reduceat(moving, self._starts), 1.0)


def all_reduce(network: Network, groups: Sequence[Group], algorithm: Algorithm) -> Pattern:
    """Sums buffers of the given bytes on each device; auto: in the switch where all hang on one."""
    planned = [_one_all_reduce(network, group, algorithm) for group in groups]
    return _pattern(planned)


def all_gather(network: Network, groups: Sequence[Group]) -> Pattern:
    """Gives every device the whole buffer (whose bytes are given), of which each has a part."""
    return _pattern([_ring(network, group, rounds=1) for group in groups])


def reduce_scatter(network: Network, groups: Sequence[Group]) -> Pattern:
    """Leaves each device its part of the summed buffer (whose bytes are given)."""
    return all_gather(network, groups)


def p2p(network: Network, source: int, target: int) -> Pattern:
    """Sends the bytes from one device to another."""
    flow = _Flow(network.route(source, target), 1.0)
    return _pattern([_Plan([flow], network.latency_s(source, target))])


class _Flow(NamedTuple):
    """One stream, and how many times its group's bytes it carries."""

    route: Route
    share: float


class _Plan(NamedTuple):
    """What one group does."""

    flows: list[_Flow]
    latency_s: float


def _one_all_reduce(network: Network, group: Group, algorithm: Algorithm) -> _Plan:
    switch = None if algorithm == "ring" else network.reducing_switch(tuple(group))
    if switch is not None and len(group) > 1:
        return _in_switch(network, group, switch)
    if algorithm == "in-switch" and len(group) > 1:
        names = ", ".join(network.device_names[device] for device in group)
        raise ScenarioError(
            f"topology {network.name}: all_reduce = 'in-switch': {names} do not all hang on one "
            "part with 'reduces: true'; write 'auto' or 'ring'"
        )
    return _ring(network, group, rounds=2)


def _in_switch(network: Network, group: Group, switch: str) -> _Plan:
    """Every buffer goes up once, and the sum comes down once to each device."""
    names = [network.device_names[device] for device in group]
    up = [network.link(name, switch) for name in names]
    down = [network.link(switch, name) for name in names]
    cap = network.through_link(switch)
    through = () if cap is None else (cap,)
    flows = [_Flow((link, *through), 1.0) for link in up] + [_Flow((link,), 1.0) for link in down]
    return _Plan(flows, sum(network.link_latency_s[links].max().item() for links in (up, down)))


def _ring(network: Network, group: Group, rounds: int) -> _Plan:
    """In each round every part of the buffer makes all hops but one."""
    rings = _rings(network, group)
    passes = rounds * (len(group) - 1)
    share = passes / len(group) / len(rings)
    hops = [hop for ring in rings for hop in zip(ring, [*ring[1:], ring[0]], strict=True)]
    slowest_s = max(network.latency_s(*hop) for hop in hops)
    return _Plan([_Flow(network.route(*hop), share) for hop in hops], passes * slowest_s)


def _rings(network: Network, group: Group) -> list[list[int]]:
    """Each ring leaves a box at another place, and enters the next box at the place it left."""
    boxes: defaultdict[int, list[int]] = defaultdict(list)
    for device in group:
        boxes[network.box_of[device]].append(device)
    sizes = {len(members) for members in boxes.values()}
    if len(boxes) == 1 or len(sizes) > 1:
        return [list(group)]
    return [
        [
            device
            for number, members in enumerate(boxes.values())
            for device in _rotated(members, first - number)
        ]
        for first in range(sizes.pop())
    ]


def _rotated(members: list[int], first: int) -> list[int]:
    first %= len(members)
    return members[first:] + members[:first]


def _pattern(plans: Iterable[_Plan]) -> Pattern:
    shares: defaultdict[int, defaultdict[int, float]] = defaultdict(lambda: defaultdict(float))
    streams: defaultdict[int, defaultdict[int, int]] = defaultdict(lambda: defaultdict(int))
    latency_s = 0.0
    for group, plan in enumerate(plans):
        latency_s = max(latency_s, plan.latency_s)
        for flow in plan.flows:
            for link in flow.route:
                shares[link][group] += flow.share
                streams[link][group] += 1
    links = sorted(shares)
    entries = [len(shares[link]) for link in links]
    return Pattern(
        links=np.array(links, dtype=np.int64),
        streams=np.array([sum(streams[link].values()) for link in links], dtype=np.float64),
        latency_s=latency_s,
        mask=mask_of(links),
        _starts=np.cumsum([0, *entries[:-1]], dtype=np.int64)[: len(links)],
        _groups=np.array([group for link in links for group in shares[link]], dtype=np.int64),
        _shares=np.array([one for link in links for one in shares[link].values()], dtype=float),
        _group_streams=np.array(
            [one for link in links for one in streams[link].values()], dtype=np.float64
        ),
    )
