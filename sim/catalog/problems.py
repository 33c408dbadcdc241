"""What pydantic found, as one line a problem: where, what was found, what would do."""

from collections.abc import Iterator, Mapping
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from sim.catalog.entries import Entry
from sim.catalog.files import Location
from sim.catalog.names import suggestion
from sim.errors import ScenarioError

_TYPES = {
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "string_type": "a text",
    "bool_type": "true or false",
    "tuple_type": "a list",
    "list_type": "a list",
    "dict_type": "a mapping of keys and values",
    "model_type": "a mapping of keys and values",
    "model_attributes_type": "a mapping of keys and values",
    "finite_number": "a finite number",
}
_BOUNDS = {
    "greater_than": ("gt", "above"),
    "greater_than_equal": ("ge", "at least"),
    "less_than": ("lt", "below"),
    "less_than_equal": ("le", "at most"),
}


def refuse(error: ValidationError, spec: type[BaseModel], entry: Entry) -> ScenarioError:
    """All the problems of an entry, a line each."""
    lines = dict.fromkeys(_line(problem, spec, entry) for problem in error.errors())
    return ScenarioError("\n".join(lines))


def _line(problem: Any, spec: type[BaseModel], entry: Entry) -> str:
    location: Location = tuple(problem["loc"])
    if problem["type"] == "missing":
        *above, name = location
        path = _path(tuple(above), entry)
        return f"{entry.where(tuple(above))}: {path}{name!r} is missing; {_purpose(spec, location)}"
    path = _path(location, entry)
    return f"{entry.where(location)}: {path}{_found(problem, spec, location)}"


def _path(location: Location, entry: Entry) -> str:
    """The keys as the user wrote them; a union's tag is not one."""
    shown: list[str] = []
    at: Any = entry.mapping
    for part in location:
        is_tag = isinstance(at, Mapping) and part not in at and at.get("kind") == part
        if not is_tag:
            shown.append(str(part))
            at = _step(at, part)
    return f"{'.'.join(shown)}: " if shown else ""


def _step(at: Any, part: Any) -> Any:
    if isinstance(at, Mapping):
        return at.get(part)
    return at[part] if isinstance(at, list | tuple) and isinstance(part, int) else None


def _found(problem: Any, spec: type[BaseModel], location: Location) -> str:
    kind, value, context = problem["type"], problem["input"], problem.get("ctx", {})
    if kind == "value_error":
        return str(problem["msg"]).removeprefix("Value error, ")
    if kind == "extra_forbidden":
        return f"unknown key; {suggestion(str(location[-1]), _fields(spec, location[:-1]))}"
    if kind == "literal_error":
        return f"{value!r} is not {context['expected']}; choose one"
    if kind in ("union_tag_invalid", "union_tag_not_found"):
        return _tag(kind, context)
    if kind in _TYPES:
        return f"{_short(value)} is not {_TYPES[kind]}; write {_TYPES[kind]}"
    if kind in _BOUNDS:
        name, words = _BOUNDS[kind]
        return f"{_short(value)} must be {words} {context[name]:g}; change it"
    return f"{_short(value)}: {problem['msg']}; change it"


def _tag(kind: str, context: Mapping[str, Any]) -> str:
    if kind == "union_tag_invalid":
        return f"kind: {context['tag']!r} is not one of {context['expected_tags']}; choose one"
    return "'kind' is missing; say which kind it is"


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _purpose(spec: type[BaseModel], location: Location) -> str:
    known = list(_fields(spec, location[:-1]))
    return f"the keys are {', '.join(known)}" if known else "give it"


def _fields(spec: type[BaseModel], location: Location) -> list[str]:
    """The keys that may stand at this location."""
    specs = [spec]
    for part in location:
        inner = [below for one in specs for below in _specs_in(_annotation(one, part))]
        tagged = [one for one in specs if _kind_of(one) == part]
        specs = inner or tagged or specs
    return list(dict.fromkeys(name for one in specs for name in one.model_fields))


def _annotation(spec: type[BaseModel], part: Any) -> Any:
    field = spec.model_fields.get(str(part))
    return None if field is None else field.annotation


def _kind_of(spec: type[BaseModel]) -> Any:
    kind = spec.model_fields.get("kind")
    return None if kind is None else next(iter(get_args(kind.annotation)), None)


def _specs_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in get_args(annotation):
        yield from _specs_in(part)
