"""The numbers of a formula that bring it nearest to measured times, by name.

Least squares on the logarithm of predicted over measured time, from several starts: formulas that
take the least of several times have more than one valley.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

from sim.spec.calibration import FitErrors
from sim.study.calibration_samples import Array, Flags
from sim.study.fit_figures import figures, rounded

_OUTLIER = 0.1
"""Errors beyond it count linearly."""
_TIMES = (0.4, 1.0, 2.5)
"""Fits start from so many times the usual seconds."""

Named = Mapping[str, float]
Predicted = Callable[[Named], Array]
"""Seconds (points) by numbers by their names."""


class Bound(NamedTuple):
    """Within what a number is looked for, and from where."""

    least: float
    start: float
    most: float


def seconds(start: float) -> Bound:
    """A time of this order."""
    return Bound(1e-9, start, 1e-4)


def share(start: float) -> Bound:
    """A part of a whole."""
    return Bound(1e-3, start, 1.0)


def nearest(
    bounds: Mapping[str, Bound], predicted: Predicted, measured_s: Array
) -> dict[str, float]:
    """The numbers that cost least: the sum of what errors count."""
    from scipy.optimize import least_squares

    least, start, most = (np.log([bound[part] for bound in bounds.values()]) for part in range(3))
    is_time = np.array([name.endswith("_s") for name in bounds])

    def residuals(logarithms: Array) -> Array:
        found = predicted(dict(zip(bounds, np.exp(logarithms).tolist(), strict=True)))
        return np.asarray(np.log(found / measured_s))

    fits = [
        least_squares(
            residuals,
            np.clip(start + is_time * np.log(times), least, most),
            bounds=(least, most),
            loss="soft_l1",
            f_scale=_OUTLIER,
        )
        for times in _TIMES
    ]
    best = min(fits, key=lambda one: float(one.cost))
    numbers = zip(bounds.items(), np.exp(best.x).tolist(), strict=True)
    return {name: min(rounded(one), bound.most) for (name, bound), one in numbers}


def worth(errors: Array, held_out: Mapping[str, Array], chosen: Flags) -> FitErrors:
    """Of the chosen points: errors of the fit, and of fits that did not see a point (else NaN)."""
    own = np.abs(errors[chosen])
    found: dict[str, Any] = {"points": own.size} | figures("", own) | {"worst": rounded(own.max())}
    for name, all_held in held_out.items():
        held = all_held[chosen]
        found |= figures(f"{name}_", held[~np.isnan(held)])
    return FitErrors(**found)


def held_out_errors(is_held: Flags, fewest: int, errors_without: Callable[[], Array]) -> Array:
    """(points) Of a fit without them on those held out; NaN on others, or where too few stay."""
    found = np.full(is_held.shape, np.nan)
    if is_held.any() and (~is_held).sum() >= fewest:
        found[is_held] = errors_without()
    return found
