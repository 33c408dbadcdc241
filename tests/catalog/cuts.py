"""What can flow between two parts of a cluster."""

import networkx as nx


def cut_bytes_per_s(graph: nx.DiGraph, devices: list[str]) -> float:
    """What can flow at most from these devices to all the others (max-flow, min-cut)."""
    flow = nx.DiGraph()
    for tail, head, link in graph.edges(data=True):
        flow.add_edge(f"out of {tail}", f"into {head}", capacity=link["bytes_per_s"])
    for vertex, part in graph.nodes(data=True):
        # What a part may pass through is the capacity of an edge inside it.
        through = part["through_bytes_per_s"]
        flow.add_edge(
            f"into {vertex}", f"out of {vertex}", **({"capacity": through} if through else {})
        )
        if part["kind"] == "device" and vertex in devices:
            flow.add_edge("from", f"into {vertex}")
        elif part["kind"] == "device":
            flow.add_edge(f"out of {vertex}", "to")
    return float(nx.maximum_flow_value(flow, "from", "to"))
