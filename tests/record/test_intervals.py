from math import pi, sqrt, tan

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.record.intervals import CONFIDENCE, interval, student_t
from sim.rng import stream

# Percentage points of t, two-sided 5 %: Fisher and Yates, Statistical Tables, table III.
PUBLISHED = dict(
    zip(
        (*range(1, 12), 15, 20, 25, 29, 30, 40, 60, 120),
        (
            *(12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201),
            *(2.131, 2.086, 2.060, 2.045, 2.042, 2.021, 2.000, 1.980),
        ),
        strict=True,
    )
)


@pytest.mark.parametrize(("degrees", "published"), PUBLISHED.items())
def test_quantiles_are_those_of_the_published_tables(degrees: int, published: float) -> None:
    assert student_t(degrees) == pytest.approx(published, abs=0.0005)


@given(st.floats(0.01, 0.999))
def test_one_and_two_degrees_have_closed_forms(confidence: float) -> None:
    assert student_t(1, confidence) == pytest.approx(tan(pi / 2 * confidence), rel=1e-9)
    closed = confidence * sqrt(2 / (1 - confidence**2))
    assert student_t(2, confidence) == pytest.approx(closed, rel=1e-9)


def test_with_many_degrees_t_is_normal() -> None:
    # Cornish and Fisher: t = z + (z^3 + z) / (4 degrees) + ...
    z = 1.959963984540054

    assert student_t(10_000) == pytest.approx(z + (z**3 + z) / 40_000, abs=1e-7)


def test_an_interval_by_hand() -> None:
    # Mean 4, deviations -2, 0, 2: variance 4, standard error 2 / sqrt(3), t of 2 degrees 4.3027.
    found = interval([2.0, 4.0, 6.0])

    assert found is not None
    assert found.mean == 4
    assert found.half_width == pytest.approx(4.9683, abs=1e-4)
    assert (found.low, found.high) == (4 - found.half_width, 4 + found.half_width)
    assert found.half_width_share == pytest.approx(4.9683 / 4, abs=1e-4)


@given(st.floats(-1e300, 1e300), st.integers(2, 20))
def test_equal_values_have_no_width(value: float, runs: int) -> None:
    found = interval([value] * runs)

    assert found is not None
    assert (found.low, found.mean, found.high, found.half_width) == (value, value, value, 0)


def test_a_mean_of_zero_has_no_relative_width() -> None:
    found = interval([-1.0, 1.0])

    assert found is not None
    assert found.half_width_share is None


def test_the_relative_width_of_a_negative_mean_is_positive() -> None:
    found = interval([-3.0, -1.0])

    assert found is not None
    assert found.half_width_share == found.half_width / 2


@pytest.mark.parametrize("values", [[], [1.0], [None, None], [1.0, 2.0, None]])
def test_a_figure_that_a_run_has_not_has_no_interval(values: list[float | None]) -> None:
    assert interval(values) is None


@pytest.mark.parametrize("runs", [2, 3, 5, 20])
def test_it_covers_the_mean_of_normal_runs_as_often_as_it_says(runs: int) -> None:
    trials = 2000
    drawn = stream(1, f"coverage of {runs}").normal(10, 3, (trials, runs))

    found = [interval(values) for values in drawn.tolist()]

    covered = np.mean([one is not None and one.low <= 10 <= one.high for one in found])
    standard_error = sqrt(CONFIDENCE * (1 - CONFIDENCE) / trials)
    assert abs(covered - CONFIDENCE) < 4 * standard_error
