"""A GraphML file as the mapping that a node-link file of the same graph would hold."""

import io
from typing import Any
from xml.etree.ElementTree import ParseError

from sim.errors import ScenarioError, one_line


def node_link(text: str, name: str) -> dict[str, Any]:
    """The graph in the text of a file; ScenarioError says that it holds none."""
    # Not needed by other files, and slow to import.
    import networkx as nx

    try:
        graph = nx.read_graphml(io.BytesIO(text.encode()))
    except (nx.NetworkXError, ParseError, ValueError, KeyError, TypeError, AttributeError) as found:
        # Which of these is raised for which fault is the reader's own matter.
        raise ScenarioError(
            f"{name}: {one_line(str(found)):.200}; give a GraphML file as "
            "networkx.write_graphml writes it"
        ) from None
    return {
        "directed": graph.is_directed(),
        "multigraph": graph.is_multigraph(),
        "graph": dict(graph.graph),
        "nodes": [{**part, "id": node} for node, part in graph.nodes(data=True)],
        "edges": [
            {**link, "source": source, "target": target}
            for source, target, link in graph.edges(data=True)
        ],
    }
