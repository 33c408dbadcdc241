"""The parameters under which kernels are measured and priced, and what their values may be."""

import inspect
import re
from collections.abc import Callable, Collection, Mapping
from typing import Any

from sim.errors import ScenarioError
from sim.physics.kernels import ELEMENT_OF_DTYPE

_COUNTS_FROM_ZERO = frozenset({"prefix_tokens"})
_TEXTS: Mapping[str, Collection[str]] = {
    "dtype": ELEMENT_OF_DTYPE,
    "kv_dtype": ELEMENT_OF_DTYPE,
    "library": ("nccl",),
    "protocol": ("deepep_low_latency",),
}
_DISTRIBUTION = re.compile(r"balanced|power_law_(?P<exponent>\d+\.?\d*)")


def checked(kind: str, function: Callable[..., Any], params: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters, if they are those of this kind and make sense; ScenarioError if not."""
    wanted = inspect.signature(function).parameters
    needed = [name for name, one in wanted.items() if one.default is inspect.Parameter.empty]
    unknown = [name for name in params if name not in wanted]
    missing = [name for name in needed if name not in params]
    for complaint, names in (("unknown", unknown), ("missing", missing)):
        if names:
            raise ScenarioError(
                f"kernel {kind}: {', '.join(names)}: {complaint}; its keys are {', '.join(wanted)}"
            )
    for name, value in params.items():
        _check_value(kind, name, value)
    _check_heads(kind, params)
    _check_experts(kind, params)
    return dict(params)


def _check_value(kind: str, name: str, value: object) -> None:
    advice = _advice(name, value)
    if advice:
        raise ScenarioError(f"kernel {kind}: {name}: {value!r:.60} is not {advice}")


def _advice(name: str, value: object) -> str | None:
    """What the value should be; None if it is that."""
    if name in _TEXTS:
        is_known = isinstance(value, str) and value in _TEXTS[name]
        return None if is_known else f"one of {', '.join(_TEXTS[name])}"
    if name == "distribution":
        return None if _is_distribution(value) else "'balanced' or such as 'power_law_1.2'"
    if name == "causal":
        return None if isinstance(value, bool) else "true or false"
    least = 0 if name in _COUNTS_FROM_ZERO else 1
    is_count = isinstance(value, int) and not isinstance(value, bool) and value >= least
    return None if is_count else f"a whole number of at least {least}"


def _is_distribution(value: object) -> bool:
    match = _DISTRIBUTION.fullmatch(value) if isinstance(value, str) else None
    # The law's quantiles divide by 1 - exponent.
    return match is not None and float(match["exponent"] or 0) != 1


def _check_heads(kind: str, params: Mapping[str, Any]) -> None:
    if "kv_heads" in params and params["heads"] % params["kv_heads"]:
        raise ScenarioError(
            f"kernel {kind}: kv_heads: {params['kv_heads']} does not divide heads = "
            f"{params['heads']}; choose a divisor"
        )


def _check_experts(kind: str, params: Mapping[str, Any]) -> None:
    if "experts" not in params:
        return
    if params["top_k"] > params["experts"]:
        raise ScenarioError(
            f"kernel {kind}: top_k: {params['top_k']} is more than experts = {params['experts']}"
        )
    if params["experts"] % params.get("ep", 1):
        raise ScenarioError(
            f"kernel {kind}: ep: {params['ep']} does not divide experts = {params['experts']}; "
            "choose a divisor"
        )
