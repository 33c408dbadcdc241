"""The links of a cluster by number, and the route from each device to each other.

A route has the least latency, then the fewest hops. Among equals the fastest next link wins, so a
change of rail happens on the source's side, inside its box. Of equally fast ones `route` takes one
by a hash of its ends, as switches do for a stream: paths that are looked at and latencies are its.
Bytes take all of them alike (`spread`), an equal part at each fork: collectives, movements and
exchanges have many streams. The last two do so but for forks at devices (a torus). Devices may
forward. A part that caps what passes through it is one more link of every route through it.
"""

import math
from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field, fields, replace
from typing import Any
from zlib import crc32

import networkx as nx
import numpy as np
from numpy.typing import NDArray

from sim.errors import ScenarioError
from sim.network.graph import THROUGH, build
from sim.spec.topology import TopologySpec

# Latencies are compared in whole ticks, so that equal sums are equal in any order of adding.
_TICK_S = 1e-15
# More hops than any route has: latency and hops are compared as one whole number.
_HOPS = 1 << 20

Route = tuple[int, ...]
Shares = tuple[tuple[int, float], ...]
"""Links, each with the share of the bytes that crosses it."""


@dataclass(frozen=True, slots=True, eq=False)
class Network:
    """Links by number: first one for each direction of each link, then one for each capped part."""

    name: str
    device_names: tuple[str, ...]
    """In the declared order, box by box."""
    box_of: tuple[int, ...]
    """Of each device."""
    link_names: tuple[str, ...]
    """`box0/gpus0>box0/nvswitch0`, `through box0/cpu0`."""
    link_kinds: tuple[str, ...]
    built_bytes_per_s: NDArray[np.float64]
    capacity_bytes_per_s: NDArray[np.float64]
    """Less than as built where links are degraded."""
    link_latency_s: NDArray[np.float64]
    _graph: nx.DiGraph
    _turns: tuple[int, ...]
    """Of each device as a target: which of equal ways devices take that pass on what is for it."""
    _routes: dict[tuple[int, int], Route] = field(default_factory=dict)
    _distances: dict[int, dict[str, int]] = field(default_factory=dict)
    _spreads: dict[tuple[int, int, bool], Shares] = field(default_factory=dict)
    _hops: dict[tuple[str, int], list[str]] = field(default_factory=dict)

    @classmethod
    def of(cls, topology: TopologySpec) -> "Network":
        """The network of a topology; routes are found when they are first asked for."""
        graph = build(topology)
        for number, (_, _, link) in enumerate(graph.edges(data=True)):
            link["number"] = number
            link["cost"] = round(link["latency_s"] / _TICK_S) * _HOPS + 1
        links = [link for _, _, link in graph.edges(data=True)]
        capped = [name for name, part in graph.nodes(data=True) if part["through_bytes_per_s"]]
        for number, name in enumerate(capped, start=len(links)):
            graph.nodes[name]["through"] = number
        through = [graph.nodes[name]["through_bytes_per_s"] for name in capped]
        devices = [name for name, kind in graph.nodes(data="kind") if kind == "device"]
        box_of = tuple(graph.nodes[name]["box"] for name in devices)
        bytes_per_s = np.array([link["bytes_per_s"] for link in links] + through)
        return cls(
            name=topology.name,
            device_names=tuple(devices),
            box_of=box_of,
            link_names=(
                *(f"{tail}>{head}" for tail, head in graph.edges),
                *(f"through {name}" for name in capped),
            ),
            link_kinds=(*(link["kind"] for link in links), *(THROUGH for _ in capped)),
            built_bytes_per_s=bytes_per_s,
            capacity_bytes_per_s=bytes_per_s,
            link_latency_s=np.array([link["latency_s"] for link in links] + [0.0 for _ in capped]),
            _graph=graph,
            # Box plus place in it: devices of a box and those of one place turn all ways alike.
            _turns=tuple(box + number - box_of.index(box) for number, box in enumerate(box_of)),
        )

    def without(
        self, failed: Collection[int], capacity_bytes_per_s: NDArray[np.float64]
    ) -> "Network":
        """The same links by the same numbers, routed without the failed ones, at these speeds.

        Both directions of a link have to fail. Routes do not heed how much a link carries by now.
        """
        graph = self._graph.copy()
        for tail, head, number in self._graph.edges(data="number"):
            if number in failed:
                graph.remove_edge(tail, head)
        found_anew: dict[str, Any] = {
            one.name: {} for one in fields(self) if one.default_factory is dict
        }
        return replace(self, capacity_bytes_per_s=capacity_bytes_per_s, _graph=graph, **found_anew)

    def out_of_reach(self, devices: Iterable[int]) -> list[int]:
        """Those that have no way to where most of these devices are."""
        there = {self.device_names[device]: device for device in devices}
        parts = [
            ([there[name] for name in there if name in part], len(part))
            for part in nx.weakly_connected_components(self._graph)
        ]
        # Of halves, that with the larger part of the cluster counts as the most.
        _, *others = sorted(parts, key=lambda part: (len(part[0]), part[1]), reverse=True)
        return sorted(device for part, _ in others for device in part)

    @property
    def devices(self) -> int:
        """How many there are."""
        return len(self.device_names)

    @property
    def links(self) -> int:
        """How many there are, capped parts included."""
        return len(self.link_names)

    @property
    def vertex_names(self) -> tuple[str, ...]:
        """Every part of the machine, in the declared order."""
        return tuple(self._graph.nodes)

    def route(self, source: int, target: int) -> Route:
        """The links from one device to another, in order; none from a device to itself."""
        known = self._routes.get((source, target))
        if known is None:
            known = self._routes[source, target] = tuple(self._walk(source, target))
        return known

    def spread(self, source: int, target: int, *, at_devices: bool = True) -> Shares:
        """The links of all equal routes; at each fork every way on gets the same.

        Not at devices: there all that is for a target goes one way, by the target's number.
        """
        known = self._spreads.get((source, target, at_devices))
        if known is None:
            known = tuple(self._divide(source, target, at_devices).items())
            self._spreads[source, target, at_devices] = known
        return known

    def latency_s(self, source: int, target: int) -> float:
        """The latencies of the route's links, added up."""
        return math.fsum(self.link_latency_s[link] for link in self.route(source, target))

    def links_of_vertex(self, name: str) -> tuple[Route, Route]:
        """The links into a part and those out of it."""
        into = self._graph.in_edges(name, data="number")
        out_of = self._graph.out_edges(name, data="number")
        return tuple(link for *_, link in into), tuple(link for *_, link in out_of)

    @property
    def host_links(self) -> frozenset[int]:
        """The links into hosts and those out of them."""
        kinds = self._graph.nodes(data="kind")
        hosts = [name for name, kind in kinds if kind in ("cpu", "bridge")]
        return frozenset(
            link for host in hosts for way in self.links_of_vertex(host) for link in way
        )

    def through_link(self, name: str) -> int | None:
        """The number under which a part's own cap counts as a link."""
        number: int | None = self._graph.nodes[name].get("through")
        return number

    def link(self, tail: str, head: str) -> int:
        """The direction of a link that leads from one part to its neighbour."""
        number: int = self._graph.edges[tail, head]["number"]
        return number

    def reducing_switch(self, devices: tuple[int, ...]) -> str | None:
        """The first part that reduces and on which all these devices hang directly."""
        neighbours = [self._graph.succ[self.device_names[device]] for device in devices]
        for name in neighbours[0]:
            if self._graph.nodes[name]["reduces"] and all(name in others for others in neighbours):
                return str(name)
        return None

    def _walk(self, source: int, target: int) -> list[int]:
        here, end = self.device_names[source], self.device_names[target]
        links: list[int] = []
        while here != end:
            equals = self._next(here, target)
            # The part is hashed too: else switches in a row would all choose alike.
            choice = crc32(f"{here} {source} {target}".encode())
            following = equals[choice % len(equals)]
            links += self._crossed(here, following, end)
            here = following
        return links

    def _divide(self, source: int, target: int, at_devices: bool) -> dict[int, float]:
        here, end = self.device_names[source], self.device_names[target]
        cost_from = self._cost_to(target)
        arrived = {here: 1.0}
        shares: defaultdict[int, float] = defaultdict(float)
        while here != end:
            equals = self._next(here, target)
            if not at_devices and self._graph.nodes[here]["kind"] == "device":
                equals = [equals[self._turns[target] % len(equals)]]
            share = arrived.pop(here) / len(equals)
            for following in equals:
                for link in self._crossed(here, following, end):
                    shares[link] += share
                arrived[following] = arrived.get(following, 0.0) + share
            # All that comes to a part comes from farther away.
            here = max(arrived, key=cost_from.__getitem__)
        # Ways that part and meet again add up to what went in, but for rounding.
        return {link: round(share, 15) for link, share in shares.items()}

    def _crossed(self, here: str, following: str, end: str) -> list[int]:
        """The link to the next part, and that part's cap where the way goes on."""
        link: int = self._graph.adj[here][following]["number"]
        through = self._graph.nodes[following].get("through")
        return [link] if through is None or following == end else [link, through]

    def _next(self, here: str, target: int) -> list[str]:
        known = self._hops.get((here, target))
        if known is None:
            known = self._hops[here, target] = self._find_next(here, target)
        return known

    def _find_next(self, here: str, target: int) -> list[str]:
        """The ways on that are as near and as fast as any."""
        cost_from = self._cost_to(target)
        if here not in cost_from:
            raise ScenarioError(
                f"topology {self.name}: no way from {here} to {self.device_names[target]}; "
                "join their groups under 'links', or add an edge to its graph"
            )
        nearer = [
            (link["bytes_per_s"], name)
            for name, link in self._graph.adj[here].items()
            if name in cost_from and link["cost"] + cost_from[name] == cost_from[here]
        ]
        fastest = max(speed for speed, _ in nearer)
        return [name for speed, name in nearer if speed == fastest]

    def _cost_to(self, target: int) -> dict[str, int]:
        known = self._distances.get(target)
        if known is None:
            # Both directions of a link cost the same, so there and back do too.
            end = self.device_names[target]
            known = nx.single_source_dijkstra_path_length(self._graph, end, weight="cost")
            self._distances[target] = known
        return known
