"""Catalog entries for the tests of this folder, cached."""

from functools import cache
from pathlib import Path
from typing import Any

import yaml

import sim
from sim.spec.base import FROM_FILE
from sim.spec.device import DeviceSpec
from sim.spec.engine_profile import EngineProfile
from sim.spec.model import ModelSpec

_CATALOG = Path(sim.__file__).parent / "catalog"


@cache
def model(name: str) -> ModelSpec:
    return ModelSpec.model_validate(_entries("models", name), context=FROM_FILE)


@cache
def device(name: str) -> DeviceSpec:
    return DeviceSpec.model_validate(_entries("devices", name), context=FROM_FILE)


@cache
def profile(name: str) -> EngineProfile:
    return EngineProfile.model_validate(_entries("engines", name), context=FROM_FILE)


def _entries(kind: str, name: str) -> dict[str, Any]:
    entries: dict[str, Any] = yaml.safe_load((_CATALOG / kind / f"{name}.yaml").read_text())
    base = entries.pop("base", None)
    if base is None:
        return entries
    below = _entries(kind, base)
    parts = {
        key: below[key] | own
        for key, own in entries.items()
        if isinstance(own, dict) and isinstance(below.get(key), dict)
    }
    return below | entries | parts
