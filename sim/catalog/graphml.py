"""A GraphML file as the mapping that a node-link file of the same graph would hold."""

import io
import warnings
from typing import Any
from xml.etree.ElementTree import ParseError

from sim.errors import ScenarioError, one_line

_OF_THE_READER = (ValueError, KeyError, TypeError, AttributeError)
"""What networkx raises for a file that is XML but not GraphML as it knows it."""


def node_link(text: str, name: str) -> dict[str, Any]:
    """The graph in the text of a file; ScenarioError says that it holds none."""
    # Not needed by other files, and slow to import.
    import networkx as nx

    try:
        with warnings.catch_warnings(action="error"):
            graph = nx.read_graphml(io.BytesIO(text.encode()))
    except (nx.NetworkXError, ParseError, UserWarning, *_OF_THE_READER) as found:
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
