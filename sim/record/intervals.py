"""Confidence intervals of a mean over independent runs, by Student's t.

Neither numpy nor the standard library has quantiles of t. For a whole number of degrees of freedom
its distribution is a finite sum, so they are found here by bisection, exact to rounding.
"""

import statistics
from collections.abc import Sequence
from math import cos, fsum, pi, sin, sqrt, tan
from typing import NamedTuple

CONFIDENCE = 0.95
"""How often such an interval covers the mean that it is after."""


class Interval(NamedTuple):
    """A mean over runs, and between what the true mean lies; in the unit of its figure."""

    mean: float
    low: float
    high: float
    half_width: float
    half_width_share: float | None
    """Of the mean; None where that is 0."""


def interval(values: Sequence[float | None]) -> Interval | None:
    """The interval over a figure's values, one a run; None where a run has none, or for one run.

    It supposes runs that are independent and a figure that is near normal over runs. A figure that
    is undefined in some runs has no interval: the other runs are not a fair sample of it.
    """
    found = [value for value in values if value is not None]
    runs = len(found)
    if runs < max(2, len(values)):
        return None
    # These two are exact before they round: equal values have no width.
    mean = statistics.mean(found)
    half_width = student_t(runs - 1) * statistics.stdev(found) / sqrt(runs)
    share = half_width / abs(mean) if mean else None
    return Interval(mean, mean - half_width, mean + half_width, half_width, share)


def student_t(degrees: int, confidence: float = CONFIDENCE) -> float:
    """The t that |T| exceeds with probability 1 - confidence, for `degrees` of freedom."""
    low, high = 0.0, pi / 2
    while low < (middle := (low + high) / 2) < high:
        if _within_share(middle, degrees) < confidence:
            low = middle
        else:
            high = middle
    return sqrt(degrees) * tan(low)


def _within_share(angle: float, degrees: int) -> float:
    """P(|T| < sqrt(degrees) tan(angle)): Abramowitz and Stegun (1964), 26.7.3 and 26.7.4."""
    is_odd = degrees % 2
    terms = [cos(angle) if is_odd else 1.0]
    for power in range(2 + is_odd, degrees - 1, 2):
        terms.append(terms[-1] * cos(angle) ** 2 * (power - 1) / power)
    if not is_odd:
        return sin(angle) * fsum(terms)
    series = sin(angle) * fsum(terms) if degrees > 1 else 0.0
    return 2 / pi * (angle + series)
