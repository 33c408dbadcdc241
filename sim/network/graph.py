"""A topology as a graph: one vertex a part of the machine, one edge a direction of a link.

A part is named after its group and its index there, behind its box where it stands in one:
`box0/gpus3`, `leaves1`. Parallel links between two parts are one link with their speeds added.
"""

from collections.abc import Iterator

import networkx as nx

from sim.errors import ScenarioError
from sim.network.given_graph import given
from sim.network.joins import Pair, cut, matched
from sim.spec.topology import Group, Join, TopologySpec

THROUGH = "through"
"""The kind under which a part's own cap counts as a link."""


def build(topology: TopologySpec) -> nx.DiGraph:
    """The parts (kind, group, box, device, through_bytes_per_s, reduces) and their links.

    Vertices are in declared order: box by box the groups that stand in boxes, then the others.
    Devices are numbered in it; an edge has bytes_per_s (of all its parallel links, of which there
    are count of each_bytes_per_s), latency_s and kind.
    """
    if topology.graph is not None:
        return given(topology.name, topology.graph)
    graph = nx.DiGraph(name=topology.name)
    for box in range(topology.boxes):
        for name in _groups(topology, "box"):
            _add_group(graph, topology, name, box)
    for name in _groups(topology, "cluster"):
        _add_group(graph, topology, name, None)
    for number, name in enumerate(_devices(graph)):
        graph.nodes[name]["device"] = number
    for join in topology.links:
        for one, other in _pairs(topology, join):
            _add_link(graph, join, one, other)
            _add_link(graph, join, other, one)
    return graph


def _groups(topology: TopologySpec, per: str) -> Iterator[str]:
    return (name for name, group in topology.groups.items() if group.per == per)


def _add_group(graph: nx.DiGraph, topology: TopologySpec, name: str, box: int | None) -> None:
    group = topology.groups[name]
    for vertex in _members(name, group, box):
        graph.add_node(
            vertex,
            kind=group.kind,
            group=name,
            box=box,
            device=None,
            through_bytes_per_s=group.through_bytes_per_s,
            reduces=group.reduces,
        )


def _devices(graph: nx.DiGraph) -> list[str]:
    return [name for name, kind in graph.nodes(data="kind") if kind == "device"]


def _members(name: str, group: Group, box: int | None) -> list[str]:
    prefix = "" if box is None else f"box{box}/"
    return [f"{prefix}{name}{index}" for index in range(group.count)]


def _pairs(topology: TopologySpec, join: Join) -> Iterator[Pair]:
    """The parts that an entry joins: within each box where both groups stand in boxes."""
    one, other = ((name, topology.groups[name]) for name in join.between)
    per = {one[1].per, other[1].per}
    if per == {"cluster"}:
        yield from matched(join, topology.runs(join), _members(*one, None), _members(*other, None))
    elif per == {"box"}:
        for box in range(topology.boxes):
            yield from matched(
                join, topology.runs(join), _members(*one, box), _members(*other, box)
            )
    else:
        yield from _boxes_to_cluster(topology, join)


def _boxes_to_cluster(topology: TopologySpec, join: Join) -> Iterator[Pair]:
    in_box, shared = sorted(join.between, key=lambda name: topology.groups[name].per)
    cluster = _members(shared, topology.groups[shared], None)
    boxes = [_members(in_box, topology.groups[in_box], box) for box in range(topology.boxes)]
    if join.pattern == "index":
        runs = topology.runs(join)
        for of_run, parts in zip(cut(boxes, runs), cut(cluster, runs), strict=True):
            for box in of_run:
                yield from zip(box, parts, strict=True)
    else:
        yield from matched(
            join, topology.runs(join), [one for box in boxes for one in box], cluster
        )


def _add_link(graph: nx.DiGraph, join: Join, tail: str, head: str) -> None:
    if graph.has_edge(tail, head):
        raise ScenarioError(
            f"topology {graph.name}: links: {tail} and {head} are joined twice; "
            "write one link with the count or the speeds of both added"
        )
    graph.add_edge(
        tail,
        head,
        bytes_per_s=join.count * join.bytes_per_s,
        latency_s=join.latency_s,
        kind=join.kind,
        count=join.count,
        each_bytes_per_s=join.bytes_per_s,
    )
