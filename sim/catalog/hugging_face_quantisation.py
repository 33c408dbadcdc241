"""In which precision the weights of a Hugging Face model were published, in words.

Two files say so: `quantization_config` in config.json, and the hf_quant_config.json that NVIDIA's
Model Optimizer writes beside it. Where both do, the second is followed.
"""

from collections.abc import Mapping
from typing import Any

from sim.errors import ScenarioError, one_line

FILE = "hf_quant_config.json"
_LONGEST = 40


def quantised(mapping: Mapping[str, Any], file: str) -> Mapping[str, Any]:
    """What a hf_quant_config.json says of the model."""
    found = mapping.get("quantization")
    if not isinstance(found, Mapping):
        raise ScenarioError(f"{file}: quantization: is not a mapping; write one")
    return found


def published_precision(in_config: Any, beside: Mapping[str, Any]) -> str:
    """Of weights and cache, as the end of a sentence; empty where nothing is said."""
    given = in_config if isinstance(in_config, Mapping) else {}
    weights = _first(
        beside.get("quant_algo"), given.get("quant_algo"), _sized(given), given.get("quant_method")
    )
    cache = _first(
        beside.get("kv_cache_quant_algo"),
        given.get("kv_cache_quant_algo"),
        _scheme(given.get("kv_cache_scheme")),
    )
    text = f", published in {weights}" if weights else ""
    return text + (f", for a cache in {cache}" if cache else "")


def _sized(given: Mapping[str, Any]) -> str | None:
    """A method that does not say by its name how many bits it leaves, with them."""
    method, bits, groups = (given.get(key) for key in ("quant_method", "bits", "config_groups"))
    group = next(iter(groups.values()), None) if isinstance(groups, Mapping) else None
    weights = group.get("weights") if isinstance(group, Mapping) else None
    size = f"{bits}-bit" if bits else _scheme(weights if isinstance(weights, Mapping) else None)
    return f"{size} ({method})" if size and method else None


def _scheme(given: Any) -> Any:
    """A type's name, or its kind and size."""
    if not isinstance(given, Mapping):
        return given
    kind, bits = given.get("type"), given.get("num_bits")
    return f"{bits}-bit {kind}" if kind and bits else None


def _first(*names: Any) -> str | None:
    return next((one_line(str(name))[:_LONGEST] for name in names if name), None)
