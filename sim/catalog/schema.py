"""JSON Schemas (draft 2020-12) of files as people write them, made from the specs.

A file's keys may be spelled with '-', and without their unit; a part may be a name; and what lies
over a `base` need not be whole. So each spec has two schemas: whole, and `...OverBase`, in which
nothing is required and entries of a list may be changed by number. What takes two keys to tell (a
number of heads that does not divide) is left to loading.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from sim.catalog.names import Kind
from sim.catalog.specs import SPECS, docs, specs_in
from sim.spec.base import full_name
from sim.units import UNIT_OF_SUFFIX

Node = dict[str, Any]

DRAFT = "https://json-schema.org/draft/2020-12/schema"
_OVER_BASE = "OverBase"
_KIND_OF = {spec.__name__: kind for kind, spec in SPECS.items()}
_BASE: Node = {
    "type": "string",
    "description": "A name or a path: the keys of that file are taken over, under one's own.",
}
_DROPPED = ("title", "discriminator")
_AS_THEY_ARE = ("default", "enum", "const", "required", "examples", "pattern", "propertyNames")


def file_schema(kind: Kind) -> Node:
    """The JSON Schema of a file of this kind."""
    spec = SPECS[kind]
    _, raw = models_json_schema([(spec, "validation")], ref_template="{model}")
    defs: Node = {}
    for one in dict.fromkeys(_specs_below(spec)):
        name = one.__name__
        defs[name] = _mapping(one, raw["$defs"][name], over_base=False)
        defs[name + _OVER_BASE] = _mapping(one, raw["$defs"][name], over_base=True)
    return {
        "$schema": DRAFT,
        "title": f"moesim: {kind}",
        "description": str(spec.__doc__),
        **_whole_or_over_base(spec.__name__),
        "$defs": defs,
    }


def default_as_written(name: str, value: Any) -> Any:
    """A default as a file would have it: a quantity with its unit."""
    for suffix, unit in UNIT_OF_SUFFIX.items():
        if name.endswith(suffix) and isinstance(value, float):
            return f"{value:g} {unit}"
    return value


def _specs_below(spec: type[BaseModel]) -> Iterator[type[BaseModel]]:
    yield spec
    for field in spec.model_fields.values():
        for inner in specs_in(field.annotation):
            yield from _specs_below(inner)


def _mapping(spec: type[BaseModel], raw: Node, *, over_base: bool) -> Node:
    """A mapping's schema, with every spelling of its keys."""
    name = spec.__name__
    here = f"#/$defs/{name}{_OVER_BASE if over_base else ''}/properties"
    about = " ".join(str(spec.__doc__).split())
    said = {"kind": about} | docs(spec)
    properties = {
        key: _field(key, node, said.get(key), over_base) for key, node in raw["properties"].items()
    }
    if name in _KIND_OF:
        properties["base"] = _BASE
    required = [] if over_base else _required(spec, raw)
    needed = [_has(key, _spellings(key, spec)) for key in required]
    return {
        "type": "object",
        "description": about,
        "properties": properties,
        "patternProperties": {
            pattern: {"$ref": f"{here}/{key}"}
            for key in spec.model_fields
            if (pattern := _spellings(key, spec)) != f"^{key}$"
        },
        "additionalProperties": False,
        **({"allOf": needed} if needed else {}),
    }


def _field(key: str, raw: Node, said: str | None, over_base: bool) -> Node:
    node: Node = _rewritten(raw, over_base)
    if "default" in node:
        node["default"] = default_as_written(key, node["default"])
    if said is not None:
        node["description"] = said
    return node


def _required(spec: type[BaseModel], raw: Node) -> list[str]:
    """Keys without a default; a file's name is its own, and a union is told apart by `kind`."""
    required = [*raw.get("required", [])]
    if spec.__name__ in _KIND_OF:
        required = [key for key in required if key != "name"]
    elif "const" in raw["properties"].get("kind", {}) and "kind" not in required:
        required.append("kind")
    return required


def _spellings(key: str, spec: type[BaseModel]) -> str:
    """What may be written for a key, as a pattern."""
    stems = (key.removesuffix(suffix) for suffix in UNIT_OF_SUFFIX if key.endswith(suffix))
    short = [stem for stem in stems if stem and full_name(stem, spec.model_fields) == key]
    written = "|".join(name.replace("_", "[-_]") for name in (key, *short))
    return f"^({written})$" if short else f"^{written}$"


def _has(key: str, pattern: str) -> Node:
    """One of the key's spellings is there."""
    plainly: Node = {"required": [key]}
    if pattern == f"^{key}$":
        return plainly
    return {"anyOf": [plainly, {"not": {"propertyNames": {"not": {"pattern": pattern}}}}]}


def _rewritten(node: Any, over_base: bool) -> Any:
    """A part of pydantic's schema as files have it."""
    if isinstance(node, list):
        return [_rewritten(one, over_base) for one in node]
    if not isinstance(node, dict):
        return node
    if node.get("type") == "array" and over_base:
        return _list_or_changes(node)
    result: Node = {}
    for key, value in node.items():
        if key == "$ref":
            result |= _reference(value, over_base)
        elif key not in _DROPPED:
            name = "anyOf" if key == "oneOf" else key
            result[name] = value if key in _AS_THEY_ARE else _rewritten(value, over_base)
    return result


def _reference(name: str, over_base: bool) -> Node:
    """Another spec; where it has files of its own, also the name of one."""
    over: Node = {"$ref": f"#/$defs/{name}{_OVER_BASE}"}
    kind = _KIND_OF.get(name)
    if kind is None:
        return over if over_base else {"$ref": f"#/$defs/{name}"}
    by_name = {"type": "string", "description": f"A name ('moesim list {kind}') or a path."}
    return {"anyOf": [by_name, over if over_base else _whole_or_over_base(name)]}


def _whole_or_over_base(name: str) -> Node:
    return {
        "if": {"type": "object", "required": ["base"]},
        "then": {"$ref": f"#/$defs/{name}{_OVER_BASE}"},
        "else": {"$ref": f"#/$defs/{name}"},
    }


def _list_or_changes(node: Node) -> Node:
    """A list replaces the base's whole; numbers as keys change its entries."""
    about: Node = {key: node[key] for key in ("default", "description") if key in node}
    entry = node.get("items") or {"anyOf": node.get("prefixItems", [])}
    numbered: Mapping[str, Any] = {
        "type": "object",
        "patternProperties": {"^[0-9]+$": _rewritten(entry, True)},
        "additionalProperties": False,
    }
    whole = {key: value for key, value in node.items() if key not in about}
    return {"anyOf": [_rewritten(whole, False), numbered], **about}
