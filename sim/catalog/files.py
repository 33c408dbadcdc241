"""Reading a YAML (or JSON) file: YAML 1.2 scalars, no duplicate keys, and the line of every key.

PyYAML reads YAML 1.1, in which `1e-6` is a text and `NO` is false; here the core schema of YAML
1.2 holds. Whatever is wrong with a file is one line that names it.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from sim.errors import ScenarioError

Key = str | int
Location = tuple[Key, ...]

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
    lines: dict[Location, int] = {}
    try:
        loader = _CoreLoader(text)
        node = loader.get_single_node()
        _walk(node, (), lines, name)
        value = None if node is None else loader.construct_document(node)
    except yaml.YAMLError as problem:
        raise ScenarioError(
            f"{name}{_line_of(problem)}: {_reason(problem)}; mend the YAML"
        ) from None
    except (ValueError, RecursionError) as problem:
        raise ScenarioError(f"{name}: {problem}; mend the YAML") from None
    if not isinstance(value, dict):
        raise ScenarioError(f"{name}: holds {_kind(value)}; write a mapping of 'key: value' lines")
    return Document(name, path.resolve().parent, value, lines)


def read_value(text: str) -> Any:
    """One value as a file would have it."""
    try:
        loader = _CoreLoader(text)
        node = loader.get_single_node()
        _walk(node, (), {}, repr(text))
        return None if node is None else loader.construct_document(node)
    except yaml.YAMLError as problem:
        raise ScenarioError(f"{text!r} is not a YAML value: {_reason(problem)}") from None


def _text(path: Path, name: str) -> str:
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise ScenarioError(f"{name}: larger than {_MOST_BYTES} bytes; is it the right file?")
        text = path.read_text(encoding="utf-8")
    except OSError as problem:
        raise ScenarioError(f"{name}: {problem.strerror}; give a readable file") from None
    except UnicodeDecodeError:
        raise ScenarioError(f"{name}: is not text in UTF-8; give a YAML file") from None
    _check_depth(text, name)
    return text


def _check_depth(text: str, name: str) -> None:
    # The parser recurses in C, where too deep a nesting would end the process.
    depth = 0
    for bracket in re.finditer(r"[\[{\]}]", text):
        depth += 1 if bracket.group() in "[{" else -1
        if depth > _MOST_DEPTH:
            raise ScenarioError(f"{name}: nested deeper than {_MOST_DEPTH} brackets; flatten it")
    for line in text.splitlines():
        if re.match(rf"\s*(?:[-?:] ){{{_MOST_DEPTH},}}", line) or re.match(r" {800,}\S", line):
            raise ScenarioError(f"{name}: nested deeper than {_MOST_DEPTH} levels; flatten it")


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
        here = (*at, str(key.value))
        if here in lines:
            raise ScenarioError(
                f"{name}:{line}: {'.'.join(map(str, here))} is given twice (first in line "
                f"{lines[here]}); keep one"
            )
        lines[here] = line
        _walk(value, here, lines, name)


def _shown(path: Path) -> str:
    """Relative to the working folder where that is shorter."""
    try:
        return str(path.resolve().relative_to(Path.cwd()))
    except ValueError:
        return str(path)


def _line_of(problem: yaml.YAMLError) -> str:
    mark = getattr(problem, "problem_mark", None)
    return "" if mark is None else f":{mark.line + 1}"


def _reason(problem: yaml.YAMLError) -> str:
    text = getattr(problem, "problem", None) or str(problem)
    return " ".join(str(text).split())


def _kind(value: object) -> str:
    names = {type(None): "nothing", list: "a list", str: "a text"}
    return names.get(type(value), f"{value!r}")
