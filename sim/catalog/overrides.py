"""`--set a.b=c`: changes to a scenario's mapping before anything in it is resolved or checked."""

from collections.abc import Sequence
from typing import Any

from sim.catalog.files import Key, Location, read_value
from sim.catalog.keys import spelling
from sim.errors import ScenarioError, one_line

_MOST_DIGITS = 10
_MOST_SHOWN = 80


def override(mapping: dict[str, Any], settings: Sequence[str]) -> dict[Location, str]:
    """Apply settings to the mapping, in order; the places that were set, and by what.

    List entries go by number. Below a name, a key is set on what the name stands for:
    `model.layers=60` makes `model: deepseek-r1` into `model: {base: deepseek-r1, layers: 60}`.
    """
    named = [(setting, f"--set {one_line(setting)[:_MOST_SHOWN]}") for setting in settings]
    return {_apply(mapping, setting, name): name for setting, name in named}


def _apply(mapping: dict[str, Any], setting: str, name: str) -> Location:
    path, equals, text = setting.partition("=")
    keys = path.strip().replace("-", "_").split(".")
    if not equals or not all(keys):
        raise ScenarioError(f"{name}: not KEY=VALUE; write for example seed=2")
    value = read_value(text, name)
    at: Any = mapping
    location: Location = ()
    for key in keys:
        at = _opened(at, location, name)
        place = _index(at, key, name) if isinstance(at, list) else spelling(at, key) or key
        location = (*location, place)
        if len(location) == len(keys):
            at[place] = value
        else:
            at = _inside(at, place)
    return location


def _inside(at: Any, place: Key) -> Any:
    """What stands there; a mapping is made where there is none, or only a name."""
    inner = at.get(place) if isinstance(at, dict) else at[place]
    if inner is None:
        inner = at[place] = {}
    elif isinstance(inner, str):
        inner = at[place] = {"base": inner}
    return inner


def _opened(at: Any, location: Location, name: str) -> Any:
    if isinstance(at, dict | list):
        return at
    raise ScenarioError(
        f"{name}: {location[-1]} is {at!r:.60}, which has no keys; set {location[-1]}"
    )


def _index(at: list[Any], key: str, name: str) -> int:
    if key.isdecimal() and len(key) < _MOST_DIGITS and int(key) < len(at):
        return int(key)
    known = f"one of its {len(at)} entries; write a number from 0 to {len(at) - 1}"
    raise ScenarioError(
        f"{name}: {key[:_MOST_DIGITS]!r} is not {known if at else 'in the list, which is empty'}"
    )
