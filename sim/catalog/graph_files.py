"""Graphs of NetworkX, node-link JSON or GraphML, as the keys of a topology.

Bare numbers are taken for SI units here, and only here: programs write these files, and NetworkX
users compute with the numbers. What is wrong with an attribute is said with its node or edge.
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from sim.catalog.entries import Entry, Origin
from sim.catalog.problems import refuse, short
from sim.errors import ScenarioError, one_line
from sim.spec.base import FROM_FILE, Spec, full_name
from sim.spec.graph import GraphEdge, GraphNode
from sim.units import UNIT_OF_SUFFIX, write

Values = dict[str, Any]

_ATTRIBUTES = ("description", "source")
"""Of the graph itself, beside `devices`."""
_KEYS = ("directed", "multigraph", "graph", "nodes", "edges", "links")


def is_graph(mapping: Mapping[str, Any]) -> bool:
    """Whether a file is in node-link form; versions of NetworkX differ in what they call edges."""
    return "nodes" in mapping and ("edges" in mapping or "links" in mapping)


def topology_keys(mapping: Mapping[str, Any], name: str) -> Values:
    """The keys of a topology for those of a node-link file of this name; other keys win."""
    about = mapping.get("graph") or {}
    if not isinstance(about, Mapping):
        raise ScenarioError(f"{name}: graph: {short(about)} is not a mapping; write one")
    nodes = [_node(node, name) for node in _mappings(mapping, "nodes", name)]
    edges = [_edge(edge, name) for edge in _mappings(mapping, _edges_key(mapping), name)]
    return {
        "source": f"the graph in {name}",
        **{key: about[key] for key in _ATTRIBUTES if isinstance(about.get(key), str)},
        **{key: value for key, value in mapping.items() if key not in _KEYS},
        "graph": {
            "directed": mapping.get("directed", False),
            "devices": _devices(about.get("devices") or {}, name),
            "nodes": nodes,
            "edges": _side_by_side(edges, name) if mapping.get("multigraph") else edges,
        },
    }


def _edges_key(mapping: Mapping[str, Any]) -> str:
    return "edges" if "edges" in mapping else "links"


def _mappings(mapping: Mapping[str, Any], key: str, name: str) -> Iterator[Values]:
    found = mapping[key]
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        raise ScenarioError(f"{name}: {key}: {short(found)} is not a list of mappings; write one")
    return iter(found)


def _devices(given: Any, name: str) -> Any:
    """Keys of devices that no catalog has; GraphML, which has no mappings, holds them as JSON."""
    if not isinstance(given, str):
        return given
    try:
        return json.loads(given)
    except ValueError as problem:
        raise ScenarioError(f"{name}: graph: devices: {problem}; mend the JSON") from None


def _node(given: Values, name: str) -> Values:
    node = _attributes(given, GraphNode)
    _name_of(node, "id")
    return _checked(GraphNode, node, f"{name}: node {short(node.get('id'))}")


def _edge(given: Values, name: str) -> Values:
    # Names of the edge itself, which NetworkX writes and nothing here needs.
    edge = _attributes(
        {key: one for key, one in given.items() if key not in ("id", "key")}, GraphEdge
    )
    _name_of(edge, "source")
    _name_of(edge, "target")
    ends = f"{short(edge.get('source'))} to {short(edge.get('target'))}"
    return _checked(GraphEdge, edge, f"{name}: edge {ends}")


def _name_of(values: Values, key: str) -> None:
    """NetworkX names nodes by any value; whole numbers are as good as texts."""
    if isinstance(values.get(key), int) and not isinstance(values[key], bool):
        values[key] = str(values[key])


def _attributes(given: Values, spec: type[Spec]) -> Values:
    return {key: _with_unit(key, one, spec) for key, one in given.items() if one is not None}


def _with_unit(key: str, value: Any, spec: type[Spec]) -> Any:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return value
    name = full_name(key, spec.model_fields)
    units = (unit for suffix, unit in UNIT_OF_SUFFIX.items() if f"_{name}".endswith(suffix))
    unit = next(units, None)
    return value if unit is None else write(value, unit)


def _checked(spec: type[Spec], values: Values, where: str) -> Values:
    try:
        spec.model_validate(values, context=FROM_FILE)
    except ValidationError as error:
        origin = Origin(values, one_line(where), Path(), {})
        raise refuse(error, spec, Entry(values, (origin,), None)) from None
    return values


def _side_by_side(edges: list[Values], name: str) -> list[Values]:
    """The edges of a multigraph with those between the same two parts made one."""
    found: dict[tuple[str, str], Values] = {}
    for edge in edges:
        ends = (edge["source"], edge["target"])
        other = found.setdefault(ends, edge)
        if other is edge:
            continue
        if {**other, "count": 1} != {**edge, "count": 1}:
            raise ScenarioError(
                f"{name}: edge {ends[0]!r:.60} to {ends[1]!r:.60}: runs beside one with other "
                "attributes; write one edge with the speeds of both added"
            )
        found[ends] = {**other, "count": other.get("count", 1) + edge.get("count", 1)}
    return list(found.values())
