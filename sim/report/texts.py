"""Values as text for a person, formatted by what the end of their name says they are."""

from math import isnan

from sim.units import SCALES, UNIT_OF_SUFFIX, readable

NOTHING = "-"

_HEADERS = {
    "output_throughput": "output tokens/s",
    "sim_fullest_link_share": "its share",
    "sim_fullest_link_bytes_per_s": "its speed",
    "sim_enough_speed_ratio": "times as fast",
    "sim_enough_bytes_per_s": "its speed then",
    "sim_enough_communication_share": "communication share then",
}
_SPELLED = {"kv": "KV", "ttft": "TTFT", "tpot": "TPOT", "itl": "ITL", "e2el": "E2EL", "slo": "SLO"}
_PLAIN_UNITS = {"_flop_per_byte": "FLOP/B", "_j": "J"}
_ENDINGS = (*_PLAIN_UNITS, "_ms", *UNIT_OF_SUFFIX)


def text(name: str, value: object) -> str:
    """The value with its unit; `-` for None, and for NaN, the None of a frame."""
    if value is None or (isinstance(value, float) and isnan(value)):
        return NOTHING
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    return f"{value:,}" if isinstance(value, int) else _float(name, value)


def header(name: str) -> str:
    """The name in words, without the unit that its values carry."""
    if name in _HEADERS:
        return _HEADERS[name]
    bare = name.removeprefix("sim_")
    ending = next((ending for ending in _ENDINGS if bare.endswith(ending)), "")
    return " ".join(_SPELLED.get(word, word) for word in bare.removesuffix(ending).split("_"))


def _float(name: str, value: float) -> str:
    if name.endswith(("_share", "_error")):
        return f"{100 * value:.1f} %"
    if name.endswith("_ratio"):
        return f"{value:.3f} x"
    if name.endswith("_ms"):
        return readable(value * SCALES["s"]["ms"], "s")
    for ending, plain in _PLAIN_UNITS.items():
        if name.endswith(ending):
            return f"{_number(value)} {plain}"
    for ending, unit in UNIT_OF_SUFFIX.items():
        if name.endswith(ending):
            return f"{_number(value)} /s" if unit == "/s" else readable(value, unit)
    return _number(value)


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"
