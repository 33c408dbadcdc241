"""A topology as a graph of NetworkX in a file, which can be read back as the same topology."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import networkx as nx

from sim.catalog.load import load_device
from sim.catalog.names import names
from sim.catalog.template import write_new
from sim.errors import ScenarioError, one_line
from sim.network.graph import build
from sim.spec.device import DeviceSpec
from sim.spec.topology import TopologySpec


def export(topology: TopologySpec, file: str) -> None:
    """Write a new file, node-link JSON or GraphML by its ending."""
    graph = as_graph(topology)
    match Path(file).suffix:
        case ".json":
            text = json.dumps(node_link(graph), indent=1, allow_nan=False, ensure_ascii=False)
        case ".graphml":
            if "devices" in graph.graph:
                graph.graph["devices"] = json.dumps(graph.graph["devices"])
            text = "\n".join(nx.generate_graphml(graph))
        case ending:
            raise ScenarioError(
                f"{one_line(file):.200}: {ending!r} is not .json or .graphml; name such a file"
            )
    write_new(file, text + "\n")


def as_graph(topology: TopologySpec) -> nx.DiGraph:
    """Every part and both directions of every link, with the attributes that a file has."""
    built = build(topology)
    devices = topology.devices
    labels = _labels(devices)
    source = topology.source
    texts = source.items() if isinstance(source, dict) else ()
    graph = nx.DiGraph(
        description=topology.description,
        source="; ".join(f"{key}: {text}" for key, text in texts) or source,
    )
    own = {
        label: device.model_dump(mode="json", exclude_none=True)
        for label, device in labels.items()
        if not _is_of_catalog(device, label)
    }
    if own:
        graph.graph["devices"] = own
    for name, part in built.nodes(data=True):
        number = part.pop("device")
        device = None if number is None else _label(devices[number], labels)
        keys = {**part, "device": device, "reduces": part["reduces"] or None}
        graph.add_node(name, **{key: one for key, one in keys.items() if one is not None})
    for tail, head, link in built.edges(data=True):
        keys = {key: link[key] for key in ("kind", "count", "latency_s")}
        graph.add_edge(tail, head, **keys, bytes_per_s=link["each_bytes_per_s"])
    return graph


def node_link(graph: nx.DiGraph) -> dict[str, Any]:
    """NetworkX's node-link form; its own function calls edges otherwise in each version."""
    return {
        "directed": True,
        "multigraph": False,
        "graph": graph.graph,
        "nodes": [{"id": name, **part} for name, part in graph.nodes(data=True)],
        "edges": [
            {"source": tail, "target": head, **link} for tail, head, link in graph.edges(data=True)
        ],
    }


def _labels(devices: Sequence[DeviceSpec]) -> dict[str, DeviceSpec]:
    """Different devices by their names, with numbers behind those that several have."""
    found: dict[str, DeviceSpec] = {}
    for device in devices:
        if device in found.values():
            continue
        same = sum(one.name == device.name for one in found.values())
        found[f"{device.name}-{same + 1}" if same else device.name] = device
    return found


def _label(device: DeviceSpec, labels: Mapping[str, DeviceSpec]) -> str:
    return next(label for label, one in labels.items() if one == device)


def _is_of_catalog(device: DeviceSpec, label: str) -> bool:
    return label in names("devices") and load_device(label) == device
