"""Quantities as people write them ('450 GB/s') to SI numbers and back.

The only module that knows a scale factor. Inside the simulator every number is in the
unit that its name ends in: seconds, bytes, bytes per second, FLOP, watts, joules.
"""

import re

_DECIMAL = {"": 1.0, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "P": 1e15}
_BINARY = {"Ki": 2.0**10, "Mi": 2.0**20, "Gi": 2.0**30, "Ti": 2.0**40, "Pi": 2.0**50}
_BYTES = {f"{prefix}B": scale for prefix, scale in (_DECIMAL | _BINARY).items()}
_BITS = {f"{prefix}{bit}": scale / 8 for prefix, scale in _DECIMAL.items() for bit in ("b", "bit")}
_SIZES = _BYTES | _BITS
_FLOP = {f"{prefix}FLOP": scale for prefix, scale in _DECIMAL.items()}

SCALES: dict[str, dict[str, float]] = {
    "B": _SIZES,
    "B/s": {f"{name}/s": scale for name, scale in _SIZES.items()},
    "FLOP": _FLOP,
    "FLOP/s": {f"{name}/s": scale for name, scale in _FLOP.items()},
    "s": {"s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9, "min": 60.0, "h": 3600.0},
    "/s": {"/s": 1.0, "/min": 1 / 60, "/h": 1 / 3600},
    "W": {"W": 1.0, "kW": 1e3, "MW": 1e6},
}
"""For each SI unit, how much of it the written unit is."""

UNIT_OF_SUFFIX = {
    "_bytes_per_s": "B/s",
    "_flop_per_s": "FLOP/s",
    "_per_s": "/s",
    "_bytes": "B",
    "_flop": "FLOP",
    "_s": "s",
    "_w": "W",
}
"""The unit that a name's ending stands for, longest endings first."""

EXAMPLES = {
    "B": "80 GB",
    "B/s": "450 GB/s",
    "FLOP": "2 TFLOP",
    "FLOP/s": "989 TFLOP/s",
    "s": "50 ms",
    "/s": "4 /s",
    "W": "700 W",
}
"""A quantity of each unit as a person writes it."""

# Without two ways to read the same digits, so that a long text costs no more than its length.
_UNSIGNED = r"(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?"
_QUANTITY = re.compile(rf"([+-]?{_UNSIGNED})\s*([A-Za-z/]+)", re.ASCII)
_MOST_SHOWN = 60


def parse(text: object, unit: str) -> float:
    """Read a quantity such as '450 GB/s' as a number of `unit`; ValueError says what would do."""
    match = _QUANTITY.fullmatch(text.strip()) if isinstance(text, str) else None
    if match is None:
        raise ValueError(f"{_shown(text)} is not a number and a unit; {_advice(unit)}")
    number, written = match.groups()
    if written not in SCALES[unit]:
        known = ", ".join(SCALES[unit])
        raise ValueError(f"unit {_shown(written)} is not one of {known}; {_advice(unit)}")
    return float(number) * SCALES[unit][written]


def pattern(unit: str) -> str:
    """The texts that `parse` reads as 0 or more, as a regular expression of JSON Schema."""
    return rf"^\s*\+?{_UNSIGNED}\s*({'|'.join(SCALES[unit])})\s*$"


def write(value: float, unit: str) -> str:
    """The quantity as text that `parse` reads back to the same number."""
    return f"{value!r} {unit}"


def readable(value: float, unit: str) -> str:
    """The quantity for a person: four significant digits and a fitting decimal prefix."""
    if value == 0:
        return f"0 {unit}"
    scales = {name: scale for name, scale in SCALES[unit].items() if _is_shown(name)}
    fitting = [name for name, scale in scales.items() if abs(value) >= scale]
    name = max(fitting, key=scales.__getitem__) if fitting else min(scales, key=scales.__getitem__)
    return f"{value / scales[name]:.4g} {name}"


def _shown(found: object) -> str:
    text = repr(found)
    return text if len(text) <= _MOST_SHOWN else f"{text[: _MOST_SHOWN - 3]}..."


def _advice(unit: str) -> str:
    return f"write for example '{EXAMPLES[unit]}'"


def _is_shown(name: str) -> bool:
    """Decimal prefixes only: no bits, no kibi, no minutes and hours."""
    return not any(part in name for part in "bih")
