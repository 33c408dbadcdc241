"""Predicted against measured kernels: errors by kind and device, and a row a point."""

import csv
import io
from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from sim.catalog.load import load_device, load_profile
from sim.catalog.template import write_new
from sim.errors import ScenarioError
from sim.network.measured_collectives import COLLECTIVES
from sim.spec.device import DeviceSpec
from sim.spec.engine_profile import EngineProfile
from sim.study.kernels import KINDS, kernel_s
from sim.study.measured_points import Point

EVERYWHERE = "all"
"""Stands for all devices in the place of one's name."""
_LARGE_BYTES = 1e6


class Comparison(NamedTuple):
    """One point, priced; the error is predicted over measured, less 1."""

    id: str
    kind: str
    size: str
    """Below or from 1 MB, of collectives: small ones go by time, large ones by rate."""
    device: str
    predicted_s: float
    measured_s: float
    error: float


class Validation(NamedTuple):
    """What was compared, and what could not be."""

    compared: list[Comparison]
    not_compared: Counter[str]
    """Points by the reason why they have no price."""

    @property
    def left_out(self) -> list[dict[str, Any]]:
        """A row for each reason, the most frequent first."""
        return [
            {"reason": reason, "points": points}
            for reason, points in self.not_compared.most_common()
        ]


def validated(points: Sequence[Point], profile: str | EngineProfile) -> Validation:
    """Every point priced with an engine profile; what is not known is counted by its name."""
    by = load_profile(profile) if isinstance(profile, str) else profile
    devices = {name: _device(name) for name in sorted({point.device for point in points})}
    found = Validation([], Counter())
    for point in points:
        device = devices[point.device]
        if device is None:
            found.not_compared[f"device {point.device!r:.60} is not known"] += 1
        elif point.kind not in KINDS:
            found.not_compared[f"kind {point.kind!r:.60} is not known"] += 1
        else:
            try:
                found.compared.append(_compared(point, device, by))
            except ScenarioError as problem:
                found.not_compared[f"{device.name}: {problem}"] += 1
    return found


def check_compared(found: Validation, path: Path) -> None:
    """Refuses a file of which nothing could be compared, with the most frequent reason."""
    if not found.compared:
        (reason, _), *_ = found.not_compared.most_common(1)
        raise ScenarioError(
            f"{path}: none of {found.not_compared.total()} points can be compared: {reason}"
        )


def write_comparisons(path: Path, compared: Sequence[Comparison]) -> None:
    """A new CSV file with a row a point."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(Comparison._fields)
    writer.writerows(compared)
    write_new(str(path), text.getvalue())


def error_rows(compared: Sequence[Comparison]) -> list[dict[str, Any]]:
    """A row for each kind and device, and one for each kind on all devices together."""
    by_group = errors_by_group(compared)
    devices = Counter(kind for kind, _ in by_group)
    return [
        {"kind": kind, "device": device} | error_figures(errors)
        for (kind, device), errors in by_group.items()
        if device != EVERYWHERE or devices[kind] > 2
    ]


def errors_by_group(compared: Sequence[Comparison]) -> dict[tuple[str, str], list[float]]:
    """By kind (and size) and device, in order; `EVERYWHERE` is all devices of a kind."""
    by_group: defaultdict[tuple[str, str], list[float]] = defaultdict(list)
    for one in compared:
        kind = f"{one.kind} {one.size}".rstrip()
        by_group[kind, one.device].append(one.error)
        by_group[kind, EVERYWHERE].append(one.error)
    return dict(sorted(by_group.items()))


def error_figures(errors: Sequence[float]) -> dict[str, Any]:
    """Median, 90th percentile and worst of the errors without sign; the bias keeps it."""
    sizes = np.abs(errors)
    return {
        "points": len(errors),
        "median_error": float(np.median(sizes)),
        "p90_error": float(np.percentile(sizes, 90)),
        "worst_error": float(sizes.max()),
        "bias_error": float(np.median(errors)),
    }


def _device(name: str) -> DeviceSpec | None:
    try:
        return load_device(name)
    except ScenarioError:
        return None


def _compared(point: Point, device: DeviceSpec, profile: EngineProfile) -> Comparison:
    predicted_s = kernel_s(device, point.kind, profile, **point.params)
    error = predicted_s / point.measured_s - 1
    return Comparison(
        point.id, point.kind, _size(point), device.name, predicted_s, point.measured_s, error
    )


def _size(point: Point) -> str:
    if point.kind not in COLLECTIVES:
        return ""
    return "from 1 MB" if point.params["bytes"] >= _LARGE_BYTES else "below 1 MB"
