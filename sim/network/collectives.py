"""Collectives and sends as bytes on links, in proportion to the size of the buffer.

Several groups of devices that do the same at one time (the tensor-parallel ranks of a replica) are
one pattern. Rings follow the given order of devices. A ring over several boxes is one of several,
one a place in the box, as NCCL builds them to use every network card. Left out: trees, protocols.
"""

from collections import defaultdict
from collections.abc import Sequence
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
    steps: int
    """How many messages follow one another: each waits for the one before it."""
    messages: int
    """How many messages one device sends in all, at most; those of one step leave together."""
    mask: int
    _starts: IntArray
    """(links,) Where in the entries each link begins."""
    _groups: IntArray
    """(entries,) Whose bytes cross the link."""
    _shares: FloatArray
    """(entries,) How many times these bytes do."""

    @property
    def used_links(self) -> frozenset[int]:
        """Numbers of the links that it may put bytes on."""
        return frozenset(self.links.tolist())

    def loads(self, bytes_: ArrayLike) -> Loads:
        """The loads for bytes (..., groups); of one group a number will do."""
        given = np.atleast_1d(np.asarray(bytes_, dtype=np.float64))
        terms = given[..., self._groups] * self._shares
        on_links = np.add.reduceat(terms, self._starts, axis=-1) if self.mask else terms
        return Loads(self.links, on_links, self.streams, self.latency_s, self.mask)


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
    hops = int(source != target)
    return _pattern([_Plan([flow], network.latency_s(source, target), steps=hops, messages=hops)])


def sends(network: Network, groups: Sequence[Sequence[tuple[int, int]]]) -> Pattern:
    """Each group of pairs sends its bytes from the first to the second of each pair, all at once.

    A device is in one pair only.
    """
    planned = []
    for pairs in groups:
        flows = [_Flow(network.route(*pair), 1.0) for pair in pairs]
        slowest_s = max(network.latency_s(*pair) for pair in pairs)
        planned.append(_Plan(flows, slowest_s, steps=1, messages=1))
    return _pattern(planned)


class _Flow(NamedTuple):
    """One stream, and how many times its group's bytes it carries."""

    route: Route
    share: float


class _Plan(NamedTuple):
    """What one group does."""

    flows: list[_Flow]
    latency_s: float
    steps: int
    messages: int


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
    """Every buffer goes up once, and the sum comes down once to each device.

    Two steps, two messages: each device reads its part summed, then writes it to all at once.
    """
    names = [network.device_names[device] for device in group]
    up = [network.link(name, switch) for name in names]
    down = [network.link(switch, name) for name in names]
    cap = network.through_link(switch)
    through = () if cap is None else (cap,)
    flows = [_Flow((link, *through), 1.0) for link in up] + [_Flow((link,), 1.0) for link in down]
    latency_s = sum(network.link_latency_s[links].max().item() for links in (up, down))
    return _Plan(flows, latency_s, steps=2, messages=2)


def _ring(network: Network, group: Group, rounds: int) -> _Plan:
    """In each round every part of the buffer makes all hops but one."""
    rings = _rings(network, group)
    passes = rounds * (len(group) - 1)
    share = passes / len(group) / len(rings)
    hops = [hop for ring in rings for hop in zip(ring, [*ring[1:], ring[0]], strict=True)]
    slowest_s = max(network.latency_s(*hop) for hop in hops)
    flows = [_Flow(network.route(*hop), share) for hop in hops]
    # Several rings turn at the same time, and a device sends in each of them.
    return _Plan(flows, passes * slowest_s, steps=passes, messages=passes * len(rings))


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


def _pattern(plans: Sequence[_Plan]) -> Pattern:
    shares: defaultdict[int, defaultdict[int, float]] = defaultdict(lambda: defaultdict(float))
    streams: defaultdict[int, int] = defaultdict(int)
    for group, plan in enumerate(plans):
        for flow in plan.flows:
            for link in flow.route:
                shares[link][group] += flow.share
                streams[link] += 1
    links = sorted(shares)
    entries = [len(shares[link]) for link in links]
    return Pattern(
        links=np.array(links, dtype=np.int64),
        streams=np.array([streams[link] for link in links], dtype=np.float64),
        latency_s=max(plan.latency_s for plan in plans),
        steps=max(plan.steps for plan in plans),
        messages=max(plan.messages for plan in plans),
        mask=mask_of(links),
        _starts=np.cumsum([0, *entries[:-1]], dtype=np.int64)[: len(links)],
        _groups=np.array([group for link in links for group in shares[link]], dtype=np.int64),
        _shares=np.array([one for link in links for one in shares[link].values()], dtype=float),
    )
