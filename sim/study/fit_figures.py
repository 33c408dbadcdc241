"""The figures that say what a fit is worth, and how its numbers are rounded."""

from importlib.util import find_spec
from typing import Any

import numpy as np

from sim.errors import ScenarioError
from sim.study.calibration_samples import Array

_DIGITS = 4


def check_scipy() -> None:
    """Say what would do where it is not installed."""
    if find_spec("scipy") is None:
        raise ScenarioError(
            "calibrate: scipy is not installed; install it with pip install 'moesim[calibration]'"
        )


def figures(prefix: str, errors: Array) -> dict[str, Any]:
    """Median and 90 of 100, without sign; nothing of no errors."""
    if not len(errors):
        return {}
    errors = np.abs(errors)
    return {
        f"{prefix}median": rounded(float(np.median(errors))),
        f"{prefix}p90": rounded(float(np.percentile(errors, 90))),
    }


def rounded(value: float) -> float:
    """To four digits."""
    return float(f"{value:.{_DIGITS}g}")


def below(value: float) -> float:
    """Rounded, and not above."""
    near = rounded(value)
    return near if near <= value else rounded(value * (1 - 10.0 ** (1 - _DIGITS)))


def above(value: float) -> float:
    """Rounded, and not below."""
    near = rounded(value)
    return near if near >= value else rounded(value * (1 + 10.0 ** (1 - _DIGITS)))
