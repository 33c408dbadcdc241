"""A scenario's file with every key, its default, and what the specs say about it.

Nothing here names a key: what is written follows from the specs, so that it cannot drift.
"""

import textwrap
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from sim.catalog.files import read_value
from sim.catalog.load import load_scenario
from sim.catalog.schema import default_as_written, file_schema
from sim.catalog.specs import SPECS, docs, specs_in
from sim.errors import ScenarioError, one_line
from sim.spec.scenario import Scenario

_WIDTH = 100
_HEAD = """\
# A scenario: one run, completely described. Every key is here with its default; what is
# not changed can be deleted. A quantity carries its unit, '2 s' or '80 GB'. A part (model,
# topology, ...) is a name, a path, or its keys: {base: NAME, ...} changes what a name stands for.
"""
_BOUNDS = {
    "exclusiveMinimum": "above",
    "minimum": "at least",
    "exclusiveMaximum": "below",
    "maximum": "at most",
}
_MOST_SAID = 10**12
"""A bound that no one meets says nothing."""


def new_scenario(names: Mapping[str, str]) -> str:
    """The file, found to load; `names` are those of the parts that have no default, by their key.

    Whether the parts fit together is for a run to say.
    """
    schema = file_schema("scenarios")["$defs"]
    text = "\n".join([_HEAD, *_keys(Scenario, schema, names, "")])
    load_scenario(read_value(text, "new scenario"))
    return text


def write_new(file: str, text: str) -> None:
    """Write a file that is not there yet; ScenarioError where there is one."""
    shown = f"{one_line(file):.200}"
    try:
        with Path(file).open("x", encoding="utf-8") as new:
            new.write(text)
    except FileExistsError:
        raise ScenarioError(f"{shown}: is there already; name a new file") from None
    except (OSError, ValueError) as problem:
        # A text with a NUL in it is no path, and Python says so with a ValueError.
        why = getattr(problem, "strerror", None) or problem
        raise ScenarioError(f"{shown}: {why}; name a file that can be written") from None


def _keys(
    spec: type[BaseModel], schema: Mapping[str, Any], names: Mapping[str, str], indent: str
) -> Iterator[str]:
    said = docs(spec)
    for key, field in spec.model_fields.items():
        node = schema[spec.__name__]["properties"][key]
        form = {word: value for word, value in node.items() if word != "description"}
        yield from _comment(said.get(key, ""), _allowed(form, schema), indent)
        if _has_files(field):
            yield f"{indent}{key}: {_flow(names[key])}"
        elif spec in SPECS.values() and key == "name":
            # Not a default of the spec: given an empty name, the run would have none.
            yield f"{indent}# name: my-scenario"
        else:
            yield from _value(key, field, schema, names, indent)
        if not indent:
            yield ""


def _has_files(field: FieldInfo) -> bool:
    """Whether it is one of the parts that are files of their own."""
    return any(one in SPECS.values() for one in specs_in(field.annotation))


def _value(
    key: str, field: FieldInfo, schema: Mapping[str, Any], names: Mapping[str, str], indent: str
) -> Iterator[str]:
    below = list(specs_in(field.annotation))
    is_list = isinstance(field.default, tuple)
    if len(below) == 1 and (field.is_required() or field.default not in (None, ())):
        inner = list(_keys(below[0], schema, names, f"{indent}  " + "  " * is_list))
        yield f"{indent}{key}:"
        yield from _as_entry(inner, f"{indent}  ") if is_list else inner
    else:
        yield f"{indent}{key}: {_flow(_default(key, field))}"


def _as_entry(lines: list[str], indent: str) -> list[str]:
    """The lines of a mapping as the one entry of a list."""
    first = next(number for number, line in enumerate(lines) if not line.lstrip().startswith("#"))
    marked = f"{indent}- {lines[first].lstrip()}"
    return [*(line[2:] for line in lines[:first]), marked, *lines[first + 1 :]]


def _default(key: str, field: FieldInfo) -> Any:
    default = field.default
    if isinstance(default, BaseModel):
        return default.model_dump(mode="json")
    return default_as_written(key, default)


def _flow(value: Any) -> str:
    """A value on one line of YAML."""
    written: str = yaml.safe_dump(value, default_flow_style=True, sort_keys=False, width=10**6)
    return written.removesuffix("...\n").rstrip()


def _comment(said: str, allowed: str, indent: str) -> list[str]:
    words = " ".join(part for part in (said, f"[{allowed}]" if allowed else "") if part)
    start = f"{indent}# "
    return textwrap.wrap(
        words, _WIDTH, initial_indent=start, subsequent_indent=start, break_on_hyphens=False
    )


def _allowed(node: Mapping[str, Any], schema: Mapping[str, Any]) -> str:
    """What may stand there, in words; nothing for a mapping, whose keys follow."""
    if "anyOf" in node:
        words = [_allowed(one, schema) for one in node["anyOf"]]
        return _either([word for word in dict.fromkeys(words) if word])
    if "$ref" in node:
        return _tagged(schema[str(node["$ref"]).rpartition("/")[2]], schema)
    if "const" in node or "enum" in node:
        return _either([_flow(one) for one in node.get("enum", [node.get("const")])])
    if "examples" in node:
        return f"for example {node['examples'][0]}"
    return _plain(node, schema)


def _either(words: list[str]) -> str:
    *others, last = words or [""]
    return f"{', '.join(others)} or {last}" if others else last


def _plain(node: Mapping[str, Any], schema: Mapping[str, Any]) -> str:
    match node.get("type"):
        case "integer" | "number" as kind:
            return f"a {'whole ' if kind == 'integer' else ''}number{_bounds(node)}"
        case "boolean":
            return "true or false"
        case "array" if "items" in node:
            entry = _allowed(node["items"], schema)
            return f"a list, each {entry}" if entry else ""
        case "null":
            return "null"
        case "string":
            return str(node.get("description", "")).removesuffix(".") or "a text"
    return ""


def _bounds(node: Mapping[str, Any]) -> str:
    said = [
        f"{words} {node[bound]:g}"
        for bound, words in _BOUNDS.items()
        if bound in node and node[bound] < _MOST_SAID
    ]
    return " " + ", ".join(said) if said else ""


def _tagged(spec: Mapping[str, Any], schema: Mapping[str, Any]) -> str:
    """A form of a union, told by its kind, with the keys that it needs."""
    kind = spec["properties"].get("kind", {}).get("const")
    if kind is None:
        return ""
    others = (
        f", {key}: {_allowed(node, schema)}"
        for key, node in spec["properties"].items()
        if key != "kind"
    )
    return f"{{kind: {kind}{''.join(others)}}}"
