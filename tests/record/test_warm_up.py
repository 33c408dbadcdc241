"""The rule against its definition, on transients whose end is known, and on noise."""

from collections.abc import Sequence
from math import sqrt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.record.intervals import CONFIDENCE, interval
from sim.record.warm_up import mser5
from sim.rng import stream

FLOATS = st.floats(-100, 100)


def literal(series: list[float]) -> int | None:
    """The definition, word by word: the cut with the least of sum((Y - mean)^2) / count^2."""
    batches = [sum(series[5 * i : 5 * i + 5]) / 5 for i in range(len(series) // 5)]
    if len(batches) < 10:
        return None
    errors = []
    for cut in range(len(batches) - 4):
        left = batches[cut:]
        mean = sum(left) / len(left)
        errors.append(sum((one - mean) ** 2 for one in left) / len(left) ** 2)
    best = errors.index(min(errors))
    return 5 * best if best < len(batches) / 2 else None


@given(st.lists(st.integers(-3, 3), min_size=40, max_size=120), st.integers(0, 9))
def test_it_is_what_the_definition_says(values: list[int], level: int) -> None:
    rng = stream(level, "jitter")
    series = np.array(values) + rng.normal(0, 0.1, len(values))
    series[: 10 * level] += level

    assert mser5(series) == literal(series.tolist())


@pytest.mark.parametrize("transient", [0, 5, 50, 95])
def test_a_step_is_cut_off_where_it_ends(transient: int) -> None:
    # Batches of five beside the step: mean 1 + 0.2 and 1 - 0.2 in turn.
    series = 1 + np.where(np.arange(200) % 2, -1.0, 1.0)
    series[:transient] += 10

    assert mser5(series) == transient


def test_a_batch_that_the_transient_only_begins_goes_too() -> None:
    series = 1 + np.where(np.arange(200) % 2, -1.0, 1.0)
    series[:52] += 10

    assert mser5(series) == 55


@given(FLOATS, st.integers(50, 300))
def test_nothing_is_cut_from_what_never_changes(level: float, count: int) -> None:
    assert mser5(np.full(count, level)) == 0


@given(st.integers(0, 99), st.sampled_from([0.25, 4.0, -2.0]), st.sampled_from([-64.0, 0.0, 8.0]))
def test_neither_scale_nor_level_matters(seed: int, scale: float, level: float) -> None:
    # Eighths of a unit, in batches of equal values, so that nothing is rounded in a mean of five.
    batches = stream(seed, "scale").integers(-40, 40, 60) / 8
    series = np.repeat(batches, 5)
    series[:40] += 20

    assert mser5(scale * series + level) == mser5(series)


def test_a_huge_transient_does_not_drown_what_follows() -> None:
    series = 1 + stream(1, "drown").normal(0, 0.1, 600)
    small, huge = series.copy(), series.copy()
    small[:100] += 10
    huge[:100] += 1e12

    after = mser5(series[100:])
    assert after is not None
    assert mser5(small) == mser5(huge) == 100 + after


@pytest.mark.parametrize("count", [0, 1, 49])
def test_a_short_series_says_nothing(count: int) -> None:
    assert mser5(np.ones(count)) is None


@pytest.mark.parametrize("series", [np.arange(400.0), np.arange(400.0) ** 2])
def test_what_grows_to_the_end_has_no_steady_state(series: np.ndarray) -> None:
    assert mser5(series) is None


def test_a_transient_over_half_of_the_series_is_no_warm_up() -> None:
    before, after = np.full(200, 9.0), np.full(200, 1.0)

    assert mser5(np.concatenate([before[:195], after])) == 195
    assert mser5(np.concatenate([before, after])) is None


def test_those_behind_the_last_whole_batch_have_no_say() -> None:
    series = 1 + np.where(np.arange(100) % 2, -1.0, 1.0)

    assert mser5(np.concatenate([series, [1e6] * 4])) == mser5(series)


def test_a_decay_is_cut_where_it_sinks_into_the_noise() -> None:
    # 10 exp(-i / 30) is 0.37 after 100, the deviation of a batch's mean 0.45; 0.01 after 200.
    decay = 10 * np.exp(-np.arange(2000) / 30)
    noise = stream(1, "decay").normal(0, 1, (200, 2000))

    cuts = [mser5(5 + decay + one) for one in noise]

    found = np.array([cut for cut in cuts if cut is not None])
    assert len(found) == len(cuts)
    assert 50 < np.median(found) < 150
    cut_means = [(5 + decay + one)[cut:].mean() for one, cut in zip(noise, found, strict=True)]
    whole_means = (5 + decay + noise).mean(axis=1)
    # The whole series' mean is too high by 10 * 30 / 2000, and most of this is gone.
    assert whole_means.mean() - 5 == pytest.approx(0.15, abs=0.01)
    assert abs(np.mean(cut_means) - 5) < 0.015


def test_of_stationary_noise_little_is_cut_and_as_often_as_theory_says() -> None:
    # Wang and Glynn (2016): the cut is where a random walk is least. For white noise one batch
    # more multiplies the criterion by 1 - (Y / sigma)^2 / b + 2 / b: steps of 2 - Y^2, unit Y.
    trials, batches = 1000, 400
    noise = stream(1, "white noise").normal(0, 1, (trials, 5 * batches))
    walks = np.cumsum(2 - stream(1, "walks").normal(0, 1, (20_000, 200)) ** 2, axis=1)
    uncut_in_theory = (walks > 0).all(axis=1).mean()

    cuts = [mser5(series) for series in noise]

    uncut = np.mean([cut == 0 for cut in cuts])
    standard_error = sqrt(uncut_in_theory * (1 - uncut_in_theory) / trials)
    assert 0.7 < uncut_in_theory < 0.8
    assert abs(uncut - uncut_in_theory) < 4 * standard_error
    assert np.mean([cut is not None and cut <= 50 for cut in cuts]) > 0.95


def test_intervals_over_cut_queues_cover_the_closed_form_and_over_whole_ones_do_not() -> None:
    # M/M/1 at load 1/2 and service 1: the mean wait is 1. The first customer waits 40. Five runs
    # of 2,000 customers a trial, cut where their mean waits say, or not where they say nothing.
    trials, runs, customers = 400, 5, 2000
    rng = stream(1, "waits")
    waits = np.empty((customers, trials, runs))
    waits[0] = 40
    for number in range(1, customers):
        change = rng.exponential(1, (trials, runs)) - rng.exponential(2, (trials, runs))
        waits[number] = np.maximum(waits[number - 1] + change, 0)

    cuts = [mser5(waits[:, trial].mean(axis=1)) for trial in range(trials)]

    standard_error = sqrt(CONFIDENCE * (1 - CONFIDENCE) / trials)
    assert abs(_covered(waits, cuts) - CONFIDENCE) < 4 * standard_error
    assert _covered(waits, [0] * trials) < 0.5


def _covered(waits: np.ndarray, cuts: Sequence[int | None]) -> float:
    """How many of the intervals have 1 in them; the axes are (customers, trials, runs)."""
    found = [interval(waits[cut:, trial].mean(axis=0).tolist()) for trial, cut in enumerate(cuts)]
    return float(np.mean([one is not None and one.low <= 1 <= one.high for one in found]))
