"""An engine profile with fitted curves, as `moesim calibrate` writes it."""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from sim.catalog.load import load_device
from sim.errors import ScenarioError
from sim.spec.calibration import Calibration
from sim.spec.device import DeviceSpec
from sim.study.calibrate import calibrated
from sim.study.measured_points import Point

_BASE = "plain"
"""Whose constants hold for what has no curve: vector kernels, collectives, the host."""


def calibrated_profile(
    path: Path, points: Sequence[Point], devices: Sequence[str]
) -> dict[str, Calibration]:
    """The curves of each of these devices, by its name."""
    by_name = {name: _device_or_none(name) for name in sorted({point.device for point in points})}
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()[:16]
    found: dict[str, Calibration] = {}
    for one in devices:
        device = load_device(one)
        own = [point for point in points if by_name[point.device] == device.name]
        if not own:
            raise ScenarioError(
                f"{path}: no point of device {device.name}; its devices are {', '.join(by_name)}"
            )
        fitted = calibrated(device, own)
        source = f"moesim calibrate on {path.name} (sha256 {sha256}...), {fitted.source}"
        found[device.name] = fitted.model_copy(update={"source": source})
    return found


def profile_text(name: str, calibrations: Mapping[str, Calibration]) -> str:
    """The profile as a file, which takes over all else from `plain`."""
    mapping = {
        "base": _BASE,
        "name": name,
        "description": f"Kernels by curves fitted to {', '.join(calibrations)}; else as {_BASE}.",
        "calibrations": {
            name: one.model_dump(mode="json", exclude_defaults=True)
            for name, one in calibrations.items()
        },
        "source": {"calibrations": "with the curves of each device; the rest is that of the base"},
    }
    written: str = yaml.safe_dump(
        mapping, default_flow_style=None, sort_keys=False, width=120, allow_unicode=True
    )
    return f"# Written by moesim calibrate; fit anew rather than change numbers by hand.\n{written}"


def fit_rows(calibrations: Mapping[str, Calibration]) -> list[dict[str, Any]]:
    """A row a curve: the errors on its points, and on those held out of a second fit."""
    return [
        {"device": device, "kernel": kernel, "points": curve.errors.points}
        | {
            f"{name}_error": getattr(curve.errors, name)
            for name in type(curve.errors).model_fields
            if name != "points"
        }
        for device, calibration in calibrations.items()
        for kernel, curve in calibration.curves.items()
    ]


def _device_or_none(name: str) -> str | None:
    try:
        device: DeviceSpec = load_device(name)
    except ScenarioError:
        return None
    return device.name
