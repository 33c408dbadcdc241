"""When two spellings of a key mean the same: '-' and '_' are alike, and a unit may be left out."""

from collections.abc import Mapping
from typing import Any

from sim.units import UNIT_OF_SUFFIX


def spelling(mapping: Mapping[str, Any], key: str) -> str | None:
    """The mapping's own spelling of this key; None where it has no such key."""
    exact = (name for name in mapping if _plain(name) == _plain(key))
    alike = (name for name in mapping if is_same_key(str(name), str(key)))
    # As in a spec, the shorter ending is meant where several fit. From Python a key may be 0.
    found = next(exact, None)
    return min(alike, key=lambda name: len(str(name)), default=None) if found is None else found


def is_same_key(one: str, other: str) -> bool:
    """Whether they differ by nothing, or by the unit that one of them leaves out."""
    short, long = sorted((_plain(one), _plain(other)), key=len)
    if short == long:
        return True
    return not _has_unit(short) and long.removeprefix(short) in UNIT_OF_SUFFIX


def _has_unit(name: str) -> bool:
    return any(name.endswith(suffix) for suffix in UNIT_OF_SUFFIX)


def _plain(name: object) -> str:
    return str(name).replace("-", "_")
