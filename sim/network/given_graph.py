"""A graph that somebody drew as the simulator's own."""

import networkx as nx

from sim.spec.graph import GraphEdge, GraphSpec


def given(name: str, spec: GraphSpec) -> nx.DiGraph:
    """The same parts and links with all that a built graph has, in the order of the file."""
    graph = nx.DiGraph(name=name)
    devices = 0
    for node in spec.nodes:
        is_device = node.kind == "device"
        graph.add_node(
            node.id,
            kind=node.kind,
            group=node.group or node.kind,
            box=(node.box or 0) if is_device else node.box,
            device=devices if is_device else None,
            through_bytes_per_s=node.through_bytes_per_s,
            reduces=node.reduces,
        )
        devices += is_device
    for edge in spec.edges:
        _add_link(graph, edge, edge.source, edge.target)
        if not spec.directed:
            _add_link(graph, edge, edge.target, edge.source)
    return graph


def _add_link(graph: nx.DiGraph, edge: GraphEdge, tail: str, head: str) -> None:
    graph.add_edge(
        tail,
        head,
        bytes_per_s=edge.count * edge.bytes_per_s,
        latency_s=edge.latency_s,
        kind=edge.kind,
        count=edge.count,
        each_bytes_per_s=edge.bytes_per_s,
    )
