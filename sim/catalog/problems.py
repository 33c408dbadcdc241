"""What pydantic found, as one line a problem: where, what was found, what would do."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, get_args

from pydantic import BaseModel, ValidationError

from sim.catalog.entries import Entry
from sim.catalog.files import Key, Location
from sim.catalog.keys import spelling
from sim.catalog.names import suggestion
from sim.catalog.specs import specs_in
from sim.errors import ScenarioError, one_line
from sim.spec.base import MisfitError

_TYPES = {
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "string_type": "a text",
    "bool_type": "one of true and false",
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
_LENGTHS = {"too_short": ("min_length", "at least"), "too_long": ("max_length", "at most")}


def refuse(error: ValidationError, spec: type[BaseModel], entry: Entry) -> ScenarioError:
    """All the problems of an entry, a line each."""
    found = [Problem.of(details) for details in error.errors()]
    # A list whose entries are all wrong is reported as too short as well.
    above = {one.at[:size] for one in found for size in range(len(one.at))}
    alike: dict[Any, list[Problem]] = {}
    for one in found:
        if one.at not in above:
            alike.setdefault(one.likeness, []).append(one)
    return ScenarioError("\n".join(_line(group, spec, entry) for group in alike.values()))


class Problem(NamedTuple):
    """What pydantic says of one place."""

    at: Location
    kind: str
    found: Any
    context: Mapping[str, Any]
    text: str

    @classmethod
    def of(cls, details: Any) -> "Problem":
        """With the place that a misfit names, and without what stands for 'this key itself'."""
        at: Location = tuple(part for part in details["loc"] if part != "[key]")
        context = details.get("ctx", {})
        misfit = context.get("error")
        text = str(details["msg"]).removeprefix("Value error, ")
        if isinstance(misfit, MisfitError):
            at, text = (*at, *misfit.at), misfit.text
        return cls(at, details["type"], details["input"], context, text)

    @property
    def likeness(self) -> Any:
        """Equal for entries of one list with the same fault, and for keys that one place lacks."""
        is_entry = bool(self.at) and isinstance(self.at[-1], int)
        return (self.at[:-1] if is_entry or self.kind == "missing" else self.at, self.kind)


def _line(alike: list[Problem], spec: type[BaseModel], entry: Entry) -> str:
    first = alike[0]
    if first.kind == "missing":
        at, text = first.at[:-1], _missing([one.at[-1] for one in alike], spec, first.at[:-1])
    else:
        at, text = first.at, _text(first, spec)
        text += f" (and {len(alike) - 1} more like it)" if len(alike) > 1 else ""
    path = ".".join(shown_path(at, entry))
    said = text if first.kind == "value_error" else ""
    return f"{entry.where(at, said)}: {path}{': ' if path else ''}{text}"


def _missing(keys: Sequence[Key], spec: type[BaseModel], at: Location) -> str:
    if isinstance(keys[0], int):
        return f"only {keys[0]} given; give {len(keys)} more"
    known = ", ".join(_fields(spec, at))
    return f"{', '.join(map(repr, keys))} missing; the keys are {known}"


def shown_path(location: Location, entry: Entry) -> list[str]:
    """The keys in the file, as the user wrote them; a union's tag is not one."""
    shown = [_shown_key(part) for part in entry.origin(location).at]
    at: Any = entry.mapping
    for part in location:
        if not isinstance(at, Mapping | list | tuple):
            break
        written = spelling(at, str(part)) if isinstance(at, Mapping) else None
        if written is None and isinstance(at, Mapping) and at.get("kind") == part:
            continue
        shown.append(_shown_key(part if written is None else written))
        at = _step(at, part if written is None else written)
    return shown


def _shown_key(key: Key) -> str:
    text = one_line(str(key))
    return text if len(text) <= 80 else f"{text[:77]}..."


def _step(at: Any, part: Any) -> Any:
    if isinstance(at, Mapping):
        return at.get(part)
    return at[part] if isinstance(part, int) and part < len(at) else None


def _text(problem: Problem, spec: type[BaseModel]) -> str:
    kind, found, context = problem.kind, short(problem.found), problem.context
    if kind == "value_error":
        return problem.text
    if kind == "extra_forbidden":
        known = _fields(spec, problem.at[:-1])
        return f"unknown key; {suggestion(str(problem.at[-1]), known)}"
    if kind == "literal_error":
        return f"{found} is not {context['expected']}; choose one"
    if kind == "union_tag_invalid":
        tag = short(context["tag"])
        return f"kind: {tag} is not one of {context['expected_tags']}; choose one"
    if kind == "union_tag_not_found":
        return "'kind' is missing; say which kind it is"
    return _of_value(problem, found)


def _of_value(problem: Problem, found: str) -> str:
    kind, context = problem.kind, problem.context
    if kind in _TYPES:
        return f"{found} is not {_TYPES[kind]}; write one"
    if kind in _BOUNDS:
        name, words = _BOUNDS[kind]
        return f"{found} must be {words} {context[name]:g}; change it"
    if kind in _LENGTHS:
        name, words = _LENGTHS[kind]
        return f"{found} holds {context['actual_length']}; give {words} {context[name]}"
    return f"{found}: {problem.text}; change it"


def short(value: object) -> str:
    """The value as it was written, its end left out where it is long."""
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _fields(spec: type[BaseModel], location: Location) -> list[str]:
    """The keys that may stand at this location."""
    specs = [spec]
    for part in location:
        inner = [below for one in specs for below in specs_in(_annotation(one, part))]
        tagged = [one for one in specs if _kind_of(one) == part]
        specs = inner or tagged or specs
    return list(dict.fromkeys(name for one in specs for name in one.model_fields))


def _annotation(spec: type[BaseModel], part: Any) -> Any:
    field = spec.model_fields.get(str(part))
    return None if field is None else field.annotation


def _kind_of(spec: type[BaseModel]) -> Any:
    kind = spec.model_fields.get("kind")
    return None if kind is None else next(iter(get_args(kind.annotation)), None)
