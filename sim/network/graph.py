"""A topology as a graph: one vertex a part of the machine, one edge a direction of a link.

A part is named after its group and its index there, behind its box where it stands in one:
`box0/gpus3`, `leaves1`. Parallel links between two parts are one link with their speeds added.
"""

from collections.abc import Iterator
from itertools import combinations, pairwise, product

import networkx as nx
import numpy as np

from sim.errors import ScenarioError
from sim.spec.topology import Group, Join, TopologySpec

Pair = tuple[str, str]


def build(topology: TopologySpec) -> nx.DiGraph:
    """The parts (kind, group, box, device, through_bytes_per_s, reduces) and their links.

    Vertices are in declared order: box by box the groups that stand in boxes, then the others.
    Devices are numbered in it; an edge has bytes_per_s, latency_s and kind.
    """
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
        yield from _matched(join, _members(*one, None), _members(*other, None))
    elif per == {"box"}:
        for box in range(topology.boxes):
            yield from _matched(join, _members(*one, box), _members(*other, box))
    else:
        yield from _boxes_to_cluster(topology, join)


def _boxes_to_cluster(topology: TopologySpec, join: Join) -> Iterator[Pair]:
    in_box, shared = sorted(join.between, key=lambda name: topology.groups[name].per)
    cluster = _members(shared, topology.groups[shared], None)
    boxes = [_members(in_box, topology.groups[in_box], box) for box in range(topology.boxes)]
    if join.pattern == "index":
        for box in boxes:
            yield from zip(box, cluster, strict=True)
    else:
        yield from _matched(join, [member for box in boxes for member in box], cluster)


def _matched(join: Join, ones: list[str], others: list[str]) -> Iterator[Pair]:
    match join.pattern:
        case "all":
            yield from product(ones, others)
        case "index":
            yield from zip(ones, others, strict=True)
        case "blocks":
            yield from _in_blocks(ones, others)
        case "mesh":
            yield from combinations(ones, 2)
        case "torus":
            yield from _on_torus(join.shape or (), ones)
        case _:
            yield from pairwise(ones)


def _in_blocks(ones: list[str], others: list[str]) -> Iterator[Pair]:
    small, large = sorted((ones, others), key=len)
    run = len(large) // len(small)
    return ((small[index // run], member) for index, member in enumerate(large))


def _on_torus(shape: tuple[int, ...], ones: list[str]) -> Iterator[Pair]:
    """Each with its next in every direction of the grid, and the last with the first."""
    places = np.arange(len(ones)).reshape(shape)
    for axis, side in enumerate(shape):
        # In a side of two the way round would be the same link once more.
        starts = range(side if side > 2 else side - 1)
        here, following = (grid.take(starts, axis) for grid in (places, np.roll(places, -1, axis)))
        yield from ((ones[i], ones[j]) for i, j in zip(here.flat, following.flat, strict=True))


def _add_link(graph: nx.DiGraph, join: Join, tail: str, head: str) -> None:
    if graph.has_edge(tail, head):
        raise ScenarioError(
            f"topology {graph.name}: links: {tail} and {head} are joined twice; "
            "write one link with the speeds of both added"
        )
    graph.add_edge(
        tail, head, bytes_per_s=join.bytes_per_s, latency_s=join.latency_s, kind=join.kind
    )
