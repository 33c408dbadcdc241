"""What can flow between two parts of a cluster."""

import networkx as nx


def cut_bytes_per_s(graph: nx.DiGraph, devices: list[str]) -> float:
    """What can flow at most from these devices to all the others (max-flow, min-cut)."""
    flow = nx.DiGraph()
    for tail, head, link in graph.edges(data=True):
        flow.add_edge(tail, head, capacity=link["bytes_per_s"])
    for vertex, kind in graph.nodes(data="kind"):
        if kind == "device" and vertex in devices:
            flow.add_edge("from", vertex)
        elif kind == "device":
            flow.add_edge(vertex, "to")
    return float(nx.maximum_flow_value(flow, "from", "to"))
