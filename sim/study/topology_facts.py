"""What a cluster's graph says of it: parts, links, cuts, distances and oversubscription.

Cuts are the most that can flow between two sets of devices (max-flow, min-cut), with the limits of
links and of what passes through a part. They bound every way of routing; the simulator's own routes
are the shortest, and may reach less.
"""

from collections import Counter
from collections.abc import Iterable
from typing import Any

import networkx as nx

from sim.network.graph import build
from sim.network.routes import Network
from sim.spec.graph import RESERVED_KIND
from sim.spec.topology import TopologySpec

Rows = list[dict[str, Any]]

_MOST_PAIRS = 20_000
"""Of more pairs of devices a sample is taken, which is said."""


def part_rows(topology: TopologySpec) -> Rows:
    """How many parts of each group there are, and the devices' kinds."""
    graph = build(topology)
    devices = topology.devices
    kinds = Counter(
        (
            part["group"],
            part["kind"] if part["device"] is None else devices[part["device"]].name,
            part["through_bytes_per_s"],
            part["reduces"],
        )
        for _, part in graph.nodes(data=True)
    )
    return [
        {
            "part": group,
            "kind": kind,
            "in_all": count,
            "passes_in_all_bytes_per_s": through,
            "reduces": reduces,
        }
        for (group, kind, through, reduces), count in kinds.items()
    ]


def link_rows(topology: TopologySpec) -> Rows:
    """Every kind of link: how many directions there are of it, and what one of them is."""
    kinds = Counter(
        (link["kind"], link["count"], link["each_bytes_per_s"], link["latency_s"])
        for *_, link in build(topology).edges(data=True)
    )
    return [
        {
            "link": kind,
            # Those of two parts may differ, and are two rows then.
            "directions": count,
            "side_by_side": parallel,
            "each_bytes_per_s": each,
            "together_bytes_per_s": parallel * each,
            "latency_s": latency_s,
        }
        for (kind, parallel, each, latency_s), count in kinds.items()
    ]


def level_rows(topology: TopologySpec) -> Rows:
    """What a device can send at each level, all at once, and how much less than a level below.

    Halves are the first and the last devices in their order: of the first box, and of all boxes.
    """
    graph = build(topology)
    boxes: dict[int, list[str]] = {}
    for name, part in graph.nodes(data=True):
        if part["kind"] == "device":
            boxes.setdefault(part["box"], []).append(name)
    first, *others = boxes.values()
    rest = [name for box in others for name in box]
    inside = graph.subgraph(_of_box(graph, next(iter(boxes)))) if rest else graph
    cuts = []
    if len(first) > 1:
        half = len(first) // 2
        cuts.append(("one device of a box to the others", inside, first[:1], first[1:]))
        cuts.append(("one half of a box to the other", inside, first[:half], first[half:]))
    if rest:
        cuts.append(("one box to all others", graph, first, rest))
    if len(others) > 1:
        devices = [*first, *rest]
        half = sum(len(box) for box in list(boxes.values())[: len(boxes) // 2])
        cuts.append(("one half of the boxes to the other", graph, devices[:half], devices[half:]))
    rows: Rows = []
    for level, where, ones, targets in cuts:
        flow_bytes_per_s = cut_bytes_per_s(where, ones, targets)
        each = flow_bytes_per_s / len(ones)
        below = rows[-1]["each_device_bytes_per_s"] if rows else each
        rows.append(
            {
                "from": level,
                "devices": len(ones),
                "cut_bytes_per_s": flow_bytes_per_s,
                "each_device_bytes_per_s": each,
                "oversubscription_ratio": below / each if each else None,
            }
        )
    return rows


def _of_box(graph: nx.DiGraph, box: int) -> list[str]:
    return [name for name, number in graph.nodes(data="box") if number == box]


def cut_bytes_per_s(graph: nx.DiGraph, ones: Iterable[str], others: Iterable[str]) -> float:
    """The most that can flow from these devices to those."""
    flow = nx.DiGraph()
    for name, through in graph.nodes(data="through_bytes_per_s"):
        # What a part can pass is an edge through it; without a capacity it passes all.
        flow.add_edge((name, "in"), (name, "out"), **({"capacity": through} if through else {}))
    for tail, head, speed in graph.edges(data="bytes_per_s"):
        flow.add_edge((tail, "out"), (head, "in"), capacity=speed)
    flow.add_edges_from(("from", (name, "out")) for name in ones)
    flow.add_edges_from(((name, "in"), "to") for name in others)
    return float(nx.maximum_flow_value(flow, "from", "to"))


def distances(topology: TopologySpec) -> dict[str, Any]:
    """The farthest, slowest and fastest pairs of devices, along the simulator's own routes."""
    network = Network.of(topology)
    pairs = _pairs(network.devices)
    if not pairs:
        return {}
    speeds = network.capacity_bytes_per_s
    # A part's own limit is a link of the route, but no hop.
    hops = {
        pair: sum(network.link_kinds[one] != RESERVED_KIND for one in network.route(*pair))
        for pair in pairs
    }
    latency_s = {pair: network.latency_s(*pair) for pair in pairs}
    alone = {pair: min(float(speeds[one]) for one in network.route(*pair)) for pair in pairs}
    slowest, fastest = min(alone, key=alone.__getitem__), max(alone, key=alone.__getitem__)
    farthest = max(latency_s, key=latency_s.__getitem__)
    named = network.device_names
    return {
        "pairs_looked_at": len(pairs),
        "diameter_hops": max(hops.values()),
        "latency_of_the_farthest_s": latency_s[farthest],
        "farthest": " to ".join(named[one] for one in farthest),
        "slowest": " to ".join(named[one] for one in slowest),
        "slowest_pair_bytes_per_s": alone[slowest],
        "fastest": " to ".join(named[one] for one in fastest),
        "fastest_pair_bytes_per_s": alone[fastest],
    }


def _pairs(devices: int) -> list[tuple[int, int]]:
    """Every ordered pair; of very many those from some devices, evenly taken, to all."""
    sources = range(0, devices, -(-devices * devices // _MOST_PAIRS))
    return [(one, other) for one in sources for other in range(devices) if one != other]
