"""Reading a YAML, JSON or GraphML file: YAML 1.2 scalars, no key twice, the line of every key.

PyYAML reads YAML 1.1, in which `1e-6` is a text and `NO` is false; here the core schema of YAML
1.2 holds. Whatever is wrong with a file is one line that names it.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from sim.catalog.graphml import node_link
from sim.errors import ScenarioError, one_line

Key = str | int
Location = tuple[Key, ...]

_TEXT = "tag:yaml.org,2002:str"
_MOST_BYTES = 4_000_000
_MOST_DEPTH = 40
_MOST_VALUES = 200_000


class _CoreLoader(yaml.CSafeLoader):
    """Scalars as YAML 1.2's core schema has them."""


_CoreLoader.yaml_implicit_resolvers = {}
for _tag, _pattern, _first in (
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("bool", r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    ("int", r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+", list("-+0123456789")),
    (
        "float",
        r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)",
        list("-+0123456789."),
    ),
):
    _CoreLoader.add_implicit_resolver(
        f"tag:yaml.org,2002:{_tag}", re.compile(f"^(?:{_pattern})$"), _first
    )


def _whole_number(loader: Any, node: Any) -> int:
    text = str(loader.construct_scalar(node))
    return int(text, 0) if text[:2] in ("0o", "0x") else int(text)


_CoreLoader.add_constructor("tag:yaml.org,2002:int", _whole_number)


@dataclass(frozen=True, slots=True)
class Document:
    """A file as a mapping, and where its keys stand."""

    name: str
    """The path as messages give it."""
    folder: Path
    """Where relative paths in it start."""
    mapping: dict[str, Any]
    lines: Mapping[Location, int] = field(default_factory=dict)


def read_document(path: Path) -> Document:
    """The mapping in a file; ScenarioError says what is wrong with it."""
    name = _shown(path)
    text = _text(path, name)
    if path.suffix == ".graphml":
        return Document(name, path.resolve().parent, node_link(text, name))
    if path.suffix == ".json":
        # JSON may be indented with tabs, YAML may not; inside its texts they are always escaped.
        text = text.replace("\t", " ")
    lines: dict[Location, int] = {}
    value = _parsed(text, name, lines)
    if not isinstance(value, dict):
        raise ScenarioError(f"{name}: holds {_kind(value)}; write a mapping of 'key: value' lines")
    return Document(name, path.resolve().parent, value, lines)


def read_value(text: str, name: str | None = None) -> Any:
    """One value as a file would have it; `name` is what messages call its place."""
    name = name or repr(text)
    try:
        return _parsed(text, name, {})
    except ScenarioError as problem:
        # It has one line, so that its number would only confuse.
        what = re.sub(r"^:\d+: ", ": ", str(problem).removeprefix(name))
        raise ScenarioError(f"{name}{what}") from None


def _parsed(text: str, name: str, lines: dict[Location, int]) -> Any:
    try:
        _check_events(text, name)
        loader = _CoreLoader(text)
        node = loader.get_single_node()
        _walk(node, (), lines, name)
        return None if node is None else loader.construct_document(node)
    except yaml.YAMLError as problem:
        raise ScenarioError(
            f"{name}{_line_of(problem)}: {_reason(problem)}; mend the YAML"
        ) from None
    except ValueError as problem:
        # Python reads no whole number of more than 4300 digits.
        raise ScenarioError(f"{name}: {problem}; mend the YAML") from None


def _text(path: Path, name: str) -> str:
    try:
        if not path.is_file():
            there = "a folder" if path.is_dir() else "something else"
            found = f"{there}, not a file" if path.exists() else "no such file"
            raise ScenarioError(f"{name}: {found}; give the path of a YAML file")
        if path.stat().st_size > _MOST_BYTES:
            raise ScenarioError(f"{name}: larger than {_MOST_BYTES} bytes; is it the right file?")
        return path.read_text(encoding="utf-8-sig")
    except OSError as problem:
        raise ScenarioError(f"{name}: {problem.strerror}; give a readable file") from None
    except UnicodeDecodeError:
        raise ScenarioError(f"{name}: is not text in UTF-8; give a YAML file") from None


def _check_events(text: str, name: str) -> None:
    # What builds values from events recurses in C, where too deep a nesting would end the process.
    depth = 0
    for event in yaml.parse(text, Loader=_CoreLoader):
        depth += isinstance(event, yaml.CollectionStartEvent)
        depth -= isinstance(event, yaml.CollectionEndEvent)
        if depth > _MOST_DEPTH:
            raise ScenarioError(f"{name}: nested deeper than {_MOST_DEPTH} levels; flatten it")
        tag = getattr(event, "tag", None)
        if tag is not None:
            line = _line(event.start_mark)
            raise ScenarioError(
                f"{name}{line}: the tag {tag!r:.60} is not read; write a plain value"
            )


def _walk(node: Any, at: Location, lines: dict[Location, int], name: str) -> None:
    """Note the line of every key; refuse keys given twice and values that contain themselves."""
    if len(at) > _MOST_DEPTH:
        raise ScenarioError(f"{name}: nested deeper than {_MOST_DEPTH} levels, or in itself")
    if len(lines) > _MOST_VALUES:
        raise ScenarioError(f"{name}: more than {_MOST_VALUES} values; is it the right file?")
    if isinstance(node, yaml.MappingNode):
        _walk_mapping(node, at, lines, name)
    elif isinstance(node, yaml.SequenceNode):
        for number, item in enumerate(node.value):
            lines[*at, number] = item.start_mark.line + 1
            _walk(item, (*at, number), lines, name)


def _walk_mapping(
    node: yaml.MappingNode, at: Location, lines: dict[Location, int], name: str
) -> None:
    for key, value in node.value:
        line = key.start_mark.line + 1
        if not isinstance(key, yaml.ScalarNode):
            raise ScenarioError(f"{name}:{line}: a key is not a text; write 'key: value'")
        if key.tag != _TEXT:
            raise ScenarioError(
                f"{name}:{line}: the key {key.value!r:.60} is not a text; write it in quotes"
            )
        here = (*at, str(key.value))
        if here in lines:
            path = one_line(".".join(map(str, here)))
            raise ScenarioError(
                f"{name}:{line}: {path} is given twice (first in line {lines[here]}); keep one"
            )
        lines[here] = line
        _walk(value, here, lines, name)


def _shown(path: Path) -> str:
    """Relative to the working folder where it is in there."""
    try:
        return one_line(str(path.resolve().relative_to(Path.cwd())))
    except (ValueError, OSError, RuntimeError):
        return one_line(str(path))


def _line_of(problem: yaml.YAMLError) -> str:
    return _line(getattr(problem, "problem_mark", None))


def _line(mark: Any) -> str:
    return "" if mark is None else f":{mark.line + 1}"


def _reason(problem: yaml.YAMLError) -> str:
    text = getattr(problem, "problem", None) or str(problem)
    return " ".join(str(text).split())


def _kind(value: object) -> str:
    names = {type(None): "nothing", list: "a list", str: "a text"}
    return names.get(type(value), f"{value!r:.60}")
