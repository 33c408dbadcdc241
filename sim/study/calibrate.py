"""Curves of kernels fitted to measured points, with the errors of the fit.

The formula is that of `physics/curves`; scipy finds the numbers, by least squares on the logarithm
of predicted over measured time, so that a microsecond call counts as much as one of a second.
Errors beyond a tenth count linearly: libraries choose a bad kernel now and then. Held-out errors
are those of second fits that did not see the points: three tenths of the rows, and three tenths of
the shapes with all their rows.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sim.errors import ScenarioError
from sim.physics.curves import Curve
from sim.physics.kernels import KERNELS
from sim.physics.work import Work
from sim.spec.calibration import Calibration, FitErrors, FittedSizes, KernelCurve
from sim.spec.device import DeviceSpec
from sim.study.calibration_samples import Array, Sample, pooled, samples
from sim.study.fit_figures import above, below, check_scipy, figures, rounded
from sim.study.measured_points import Point

FEWEST_POINTS = 24
"""Three for each number of a curve."""
_WORTH_A_CURVE = 0.85
"""To so much of their mean must errors on held-out points fall for a variant to be told apart."""
_OUTLIER = 0.1

_ANY_SIZE = FittedSizes(blocks=(0.0, 1e30), steps=(0.0, 1e30))
_NO_ERRORS = FitErrors(points=1, median=0.0, p90=0.0, worst=0.0)

Numbers = tuple[float, ...]


class _Bound(NamedTuple):
    name: str
    least: float
    start: float
    most: float


_BOUNDS = (
    _Bound("launch_s", 1e-6, 8e-6, 1e-3),
    _Bound("compute_efficiency", 1e-3, 0.5, 1.0),
    _Bound("memory_efficiency", 0.1, 0.8, 1.0),
    _Bound("wave_s", 1e-9, 2e-6, 1e-3),
    _Bound("step_s", 1e-13, 5e-9, 1e-6),
    _Bound("split_steps", 30.0, 800.0, 1e6),
    _Bound("cache_gain", 1.0, 1.3, 4.0),
    _Bound("staging_bytes", 0.1, 5.0, 16.0),
)
"""The last only where activations are staged."""


def calibrated(device: DeviceSpec, points: Sequence[Point]) -> Calibration:
    """The curves of a device, from its points."""
    check_scipy()
    _check_device(device)
    curves = {
        sample.kernel: fitted_curve(device, sample)
        for family in _families(samples(points))
        for sample in _told_apart(device, family)
        if len(sample.measured_s) >= FEWEST_POINTS
    }
    if not curves:
        raise ScenarioError(
            f"device {device.name}: no kernel has {FEWEST_POINTS} points among the "
            f"{len(points)} of this device; measure more"
        )
    origins = sorted({point.origin for point in points if point.kind in KERNELS and point.origin})
    return Calibration(curves=curves, source="; ".join(origins) or "unknown")


def _families(found: Sequence[Sample]) -> list[list[Sample]]:
    """The samples of each kernel, with those of its variants."""
    by_name: dict[str, list[Sample]] = {}
    for sample in found:
        by_name.setdefault(_family(sample.kernel), []).append(sample)
    return list(by_name.values())


def _family(kernel: str) -> str:
    """Kind, type and kernel of `gqa_decode/bf16/broad/mqa`."""
    return "/".join(kernel.split("/")[:3])


def _told_apart(device: DeviceSpec, family: Sequence[Sample]) -> Sequence[Sample]:
    """A kernel and its variant by themselves if that helps on points held out; else as one."""
    one = pooled(_family(family[0].kernel), family)
    if len(family) == 1 or min(len(sample.measured_s) for sample in family) < FEWEST_POINTS:
        return [one]
    apart, together = (
        np.mean(np.abs(np.concatenate([_all_held_out(device, sample) for sample in members])))
        for members in (family, [one])
    )
    return family if apart < _WORTH_A_CURVE * together else [one]


def _all_held_out(device: DeviceSpec, sample: Sample) -> Array:
    """Errors on held-out rows and on held-out shapes."""
    held = (sample.row_is_held, sample.shape_is_held)
    return np.concatenate([held_out_errors(device, sample, one) for one in held])


def fitted_curve(device: DeviceSpec, sample: Sample) -> KernelCurve:
    """The curve nearest to these points, with its errors on them and on points held out."""
    numbers, overlap = _fit(device, sample)
    held = {
        "held_out_rows": held_out_errors(device, sample, sample.row_is_held),
        "held_out_shapes": held_out_errors(device, sample, sample.shape_is_held),
    }
    errors = np.abs(_errors(device, sample, numbers, overlap))
    worth = {"points": len(errors)} | figures("", errors) | {"worst": rounded(errors.max())}
    for name, found in held.items():
        worth |= figures(f"{name}_", found)
    return KernelCurve(
        **_named(numbers, overlap), fitted_to=_sizes(sample.work), errors=FitErrors(**worth)
    )


def _check_device(device: DeviceSpec) -> None:
    if device.processors is None or device.cache_bytes is None:
        raise ScenarioError(
            f"device {device.name}: processors and cache_bytes are needed to fit curves; "
            "give both in its file"
        )


def _fit(device: DeviceSpec, sample: Sample) -> tuple[Numbers, str]:
    """The numbers of the curve, and whether its terms overlap: whichever comes nearer."""
    from scipy.optimize import least_squares

    grid = sample.work.grid
    bounds = _BOUNDS if grid is not None and np.any(grid.staged) else _BOUNDS[:-1]
    least, start, most = (np.log([bound[part] for bound in bounds]) for part in (1, 2, 3))
    fits = []
    for overlap in ("partial", "none"):
        found = least_squares(
            _residuals(device, sample, overlap),
            start,
            bounds=(least, most),
            loss="soft_l1",
            f_scale=_OUTLIER,
        )
        fits.append((found.cost, overlap, tuple(float(one) for one in np.exp(found.x))))
    _, overlap, numbers = min(fits)
    limited = zip(numbers, bounds, strict=True)
    return tuple(min(rounded(one), bound.most) for one, bound in limited), overlap


def _residuals(device: DeviceSpec, sample: Sample, overlap: str) -> Callable[[Array], Array]:
    def residuals(logarithms: Array) -> Array:
        predicted_s = _predicted_s(device, sample, tuple(np.exp(logarithms)), overlap)
        return np.asarray(np.log(predicted_s / sample.measured_s))

    return residuals


def _predicted_s(device: DeviceSpec, sample: Sample, numbers: Numbers, overlap: str) -> Array:
    # Unchecked: what the optimizer tries is within bounds, and its worth is not known yet.
    tried = KernelCurve.model_construct(
        **_named(numbers, overlap), fitted_to=_ANY_SIZE, errors=_NO_ERRORS
    )
    curve = Curve.of(device, sample.work.arithmetic, tried)
    return np.asarray(curve.seconds(sample.work, repeated=True))


def _errors(device: DeviceSpec, sample: Sample, numbers: Numbers, overlap: str) -> Array:
    return _predicted_s(device, sample, numbers, overlap) / sample.measured_s - 1


def held_out_errors(device: DeviceSpec, sample: Sample, is_held: NDArray[np.bool_]) -> Array:
    """Errors of a fit without these points on them; none where too few are on either side."""
    if is_held.sum() == 0 or (~is_held).sum() < FEWEST_POINTS // 2:
        return np.array([])
    fit = _fit(device, sample.where(~is_held))
    return _errors(device, sample.where(is_held), *fit)


def _named(numbers: Numbers, overlap: str) -> dict[str, Any]:
    named = {bound.name: one for bound, one in zip(_BOUNDS, numbers, strict=False)}
    return named | {"overlap": overlap}


def _sizes(work: Work) -> FittedSizes:
    assert work.grid is not None, "a measured kernel has a grid"
    blocks, steps = work.grid.cut()
    spans = ((below(np.min(one)), above(np.max(one))) for one in (blocks, steps))
    return FittedSizes(**dict(zip(("blocks", "steps"), spans, strict=True)))
