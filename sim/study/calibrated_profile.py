"""An engine profile with fitted curves and fabrics, as `moesim calibrate` writes it."""

import hashlib
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import yaml

from sim.catalog.load import load_device
from sim.errors import ScenarioError
from sim.physics.kernels import KERNELS
from sim.spec.calibration import Calibration, FitErrors
from sim.spec.communication import Communication, ExpertTraffic, Fabric
from sim.spec.device import DeviceSpec
from sim.study.calibrate import calibrated
from sim.study.calibrate_experts import exchange_sample, fitted_traffic
from sim.study.calibrate_fabric import FEWEST_POINTS, fitted_fabric
from sim.study.fabric_samples import fabric_samples, without_node
from sim.study.measured_points import Point
from sim.study.measured_transfers import DIRECTIONS

_BASE = "plain"
"""Whose constants hold for what was not fitted: vector kernels, the host, other links."""
_STAND_INS = {
    "nvlink2": "nvlink3",
    "nvlink5": "nvlink4",
    "xgmi": "nvlink4",
    "pcie4": "pcie5",
    "pcie6": "pcie5",
    "hdr": "ndr",
    "xdr": "ndr",
    "ndr": "nvlink4",
    **dict.fromkeys(("ndr-up", "ndr-aggregation", "ndr-core", "ndr-local", "ndr-global"), "ndr"),
    **dict.fromkeys(("100gbe", "200gbe", "400gbe", "800gbe"), "ndr"),
    "800gbe-up": "800gbe",
    "inter-socket": "pcie5",
    "pcie4-nic": "pcie4",
    "pcie5-nic": "pcie5",
}
"""By kinds of links, the kind of their family that is most like them, whose numbers they take over
where they have none of their own. Libraries use the same protocols on cards as inside a box."""


class Fitted(NamedTuple):
    """What was fitted to a file of points."""

    calibrations: dict[str, Calibration]
    """The curves of each device, by its name."""
    communication: Communication | None
    """None where no fabric has points enough."""
    left_out: Counter[str]
    """By device, the collectives of which nobody knows the links."""


def calibrated_profile(path: Path, points: Sequence[Point], devices: Sequence[str]) -> Fitted:
    """The curves of each of these devices, and the fabrics on which they stand."""
    names = sorted({point.device for point in points})
    by_name = {name: _device_or_none(name) for name in names}
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()[:16]
    chosen = [load_device(one) for one in devices]
    source = f"moesim calibrate on {path.name} (sha256 {sha256}...)"
    found: dict[str, Calibration] = {}
    used: dict[str, DeviceSpec] = {}
    for device in chosen:
        own = {name: device for name, known in by_name.items() if known == device.name}
        if not own:
            raise ScenarioError(
                f"{path}: no point of device {device.name}; its devices are {', '.join(by_name)}"
            )
        used |= own
    communication = _communication(points, used, source)
    for device in chosen:
        own_points = [point for point in points if used.get(point.device) == device]
        if communication is None or any(point.kind in KERNELS for point in own_points):
            found[device.name] = _from(source, calibrated(device, own_points))
    return Fitted(found, communication, without_node(used, points))


def _communication(
    points: Sequence[Point], devices: Mapping[str, DeviceSpec], source: str
) -> Communication | None:
    """The fabrics and the kernels for experts that have points enough."""
    samples = fabric_samples(devices, points)
    exchanges = {one: exchange_sample(kind, devices, points) for kind, one in DIRECTIONS.items()}
    fabrics = {
        sample.fabric: _from(source, fitted_fabric(sample))
        for sample in samples
        if len(sample.measured_s) >= FEWEST_POINTS
    }
    experts = {
        direction: _from(source, fitted_traffic(sample))
        for direction, sample in exchanges.items()
        if sample is not None
    }
    if not fabrics and not experts:
        return None
    kinds = {*fabrics, *(kind for one in experts.values() for kind in one.link_efficiency)}
    return Communication(fabrics=fabrics, experts=experts, measured_as=_stand_ins(kinds))


def _stand_ins(fitted: Collection[str]) -> dict[str, str]:
    """Those that lead to what was fitted."""
    found = {}
    for kind, other in _STAND_INS.items():
        end = other
        while end not in fitted and end in _STAND_INS:
            end = _STAND_INS[end]
        if end in fitted:
            found[kind] = other
    return found


_Fit = TypeVar("_Fit", Calibration, Fabric, ExpertTraffic)


def _from(source: str, fit: _Fit) -> _Fit:
    return fit.model_copy(update={"source": f"{source}, {fit.source}"})


def profile_text(name: str, fitted: Fitted) -> str:
    """The profile as a file, which takes over all else from `plain`."""
    fabrics = () if fitted.communication is None else fitted.communication.fabrics
    whose = ", ".join([*fitted.calibrations, *fabrics])
    mapping: dict[str, Any] = {
        "base": _BASE,
        "name": name,
        "description": f"Kernels and transfers fitted to {whose}; else as {_BASE}.",
        "calibrations": {
            name: one.model_dump(mode="json", exclude_defaults=True)
            for name, one in fitted.calibrations.items()
        },
    }
    sources = {"calibrations": "with the curves of each device; the rest is that of the base"}
    if fitted.communication is not None:
        mapping["communication"] = fitted.communication.model_dump(
            mode="json", exclude_defaults=True
        )
        sources["communication"] = (
            "with each fabric; measured_as: inherited, unmeasured, shares of their own speed and "
            "times as they are"
        )
    written: str = yaml.safe_dump(
        mapping | {"source": sources},
        default_flow_style=None,
        sort_keys=False,
        width=120,
        allow_unicode=True,
    )
    return f"# Written by moesim calibrate; fit anew rather than change numbers by hand.\n{written}"


def fit_rows(fitted: Fitted) -> list[dict[str, Any]]:
    """A row a curve, a kind of collective or of exchange: errors on its points, and held out."""
    rows = [
        _row(device, kernel, curve.errors)
        for device, calibration in fitted.calibrations.items()
        for kernel, curve in calibration.curves.items()
    ]
    if fitted.communication is not None:
        rows += [
            _row(name, kind, errors)
            for name, fabric in fitted.communication.fabrics.items()
            for kind, errors in fabric.errors.items()
        ]
        rows += [
            _row(", ".join(traffic.link_efficiency), f"ep_{direction}", traffic.errors)
            for direction, traffic in fitted.communication.experts.items()
        ]
    return rows


def _row(on: str, kernel: str, errors: FitErrors) -> dict[str, Any]:
    shown = {
        f"{name}_error": getattr(errors, name)
        for name in type(errors).model_fields
        if name != "points"
    }
    return {"on": on, "kernel": kernel, "points": errors.points} | shown


def _device_or_none(name: str) -> str | None:
    try:
        device: DeviceSpec = load_device(name)
    except ScenarioError:
        return None
    return device.name
