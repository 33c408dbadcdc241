"""`--set a.b=c`: changes to a scenario's mapping before anything in it is resolved or checked."""

from collections.abc import Sequence
from typing import Any

from sim.catalog.files import Location, read_value
from sim.catalog.keys import spelling
from sim.errors import ScenarioError


def override(mapping: dict[str, Any], settings: Sequence[str]) -> list[Location]:
    """Apply settings to the mapping, in order; the places that were set.

    List entries go by number. Below a name, a key is set on what the name stands for:
    `model.layers=60` makes `model: deepseek-r1` into `model: {base: deepseek-r1, layers: 60}`.
    """
    return [_apply(mapping, setting) for setting in settings]


def _apply(mapping: dict[str, Any], setting: str) -> Location:
    path, equals, text = setting.partition("=")
    keys = path.strip().replace("-", "_").split(".")
    if not equals or not all(keys):
        raise ScenarioError(f"--set {setting}: not KEY=VALUE; write for example seed=2")
    at: Any = mapping
    location: Location = ()
    for key in keys[:-1]:
        at = _inside(at, key, setting)
        location = (*location, int(key) if isinstance(at, list) else key)
    _put(at, keys[-1], read_value(text), setting)
    return tuple(int(key) if key.isdigit() else key for key in keys)


def _inside(at: Any, key: str, setting: str) -> Any:
    """What stands at the key; a mapping is made where there is none, or only a name."""
    if isinstance(at, list):
        return at[_index(at, key, setting)]
    name = spelling(at, key) or key
    inner = at.get(name)
    if inner is None:
        inner = at[name] = {}
    elif isinstance(inner, str):
        inner = at[name] = {"base": inner}
    if not isinstance(inner, dict | list):
        raise ScenarioError(f"--set {setting}: {key} is {inner!r}, which has no keys")
    return inner


def _put(at: Any, key: str, value: Any, setting: str) -> None:
    if isinstance(at, list):
        at[_index(at, key, setting)] = value
    else:
        at[(spelling(at, key) or key)] = value


def _index(at: list[Any], key: str, setting: str) -> int:
    if not key.isdigit() or int(key) >= len(at):
        raise ScenarioError(f"--set {setting}: {key!r} is not a number from 0 to {len(at) - 1}")
    return int(key)
