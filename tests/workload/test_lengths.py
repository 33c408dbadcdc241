"""Against closed forms, within four standard errors."""

import math
from statistics import NormalDist

import numpy as np
import pytest

from sim.rng import stream
from sim.spec.lengths import (
    EmpiricalLength,
    FixedLength,
    Length,
    LognormalLength,
    UniformLength,
)
from sim.workload.lengths import lengths_tokens

REQUESTS = 40_000


def drawn(length: Length, requests: int = REQUESTS) -> np.ndarray:
    return np.array(lengths_tokens(length, requests, stream(1, "test")))


def test_a_fixed_length_is_always_the_same() -> None:
    assert lengths_tokens(FixedLength(kind="fixed", tokens=7), 3, stream(1, "test")) == [7, 7, 7]


def test_uniform_lengths_reach_both_ends_and_nothing_else() -> None:
    lengths = drawn(UniformLength(kind="uniform", low=3, high=6))

    assert sorted(set(lengths)) == [3, 4, 5, 6]


def test_uniform_lengths_have_mean_and_variance_of_the_distribution() -> None:
    low, high = 100, 299
    variance = ((high - low + 1) ** 2 - 1) / 12

    lengths = drawn(UniformLength(kind="uniform", low=low, high=high))

    assert lengths.mean() == pytest.approx((low + high) / 2, abs=4 * (variance / REQUESTS) ** 0.5)
    # Excess kurtosis -6/5.
    assert lengths.var() == pytest.approx(variance, abs=4 * variance * (0.8 / REQUESTS) ** 0.5)


# Of a mean of 4 tokens, rounding up by half a token is much; of 250, the cut at 600 is.
@pytest.mark.parametrize(("mean", "most"), [(4.0, 1000), (250.0, 600)])
def test_lognormal_lengths_have_the_mean_of_the_rounded_and_cut_distribution(
    mean: float, most: int
) -> None:
    cv = 0.8
    sigma = math.sqrt(math.log(1 + cv**2))
    logarithm = NormalDist(math.log(mean) - sigma**2 / 2, sigma)
    # E[N] is the sum of P(N > k); rounded up, N > k wherever the unrounded is.
    expected = 1 + sum(1 - logarithm.cdf(math.log(k)) for k in range(1, most))

    lengths = drawn(LognormalLength(kind="lognormal", mean=mean, cv=cv, most=most))

    assert lengths.mean() == pytest.approx(expected, abs=4 * mean * cv / REQUESTS**0.5)


def test_lognormal_lengths_have_their_coefficient_of_variation() -> None:
    mean, cv = 10_000.0, 0.5
    log_variance = math.log(1 + cv**2)

    lengths = drawn(LognormalLength(kind="lognormal", mean=mean, cv=cv, most=10**9))

    # The variance of a normal sample's variance is 2 variance^2 / n.
    standard_error = log_variance * (2 / REQUESTS) ** 0.5
    assert np.log(lengths).var() == pytest.approx(log_variance, abs=4 * standard_error)


def test_lognormal_lengths_stay_between_1_and_the_most() -> None:
    # With cv = 1e6 nearly all are far below 1, and a few are far above any number of tokens.
    lengths = drawn(LognormalLength(kind="lognormal", mean=1e6, cv=1e6, most=50))

    assert (lengths.min(), lengths.max()) == (1, 50)


def test_a_lognormal_that_does_not_vary_is_its_mean() -> None:
    lengths = drawn(LognormalLength(kind="lognormal", mean=5, cv=0, most=10), requests=4)

    assert lengths.tolist() == [5, 5, 5, 5]


def test_empirical_lengths_come_as_often_as_their_weights() -> None:
    length = EmpiricalLength(kind="empirical", tokens=(10, 30, 20), weights=(1.0, 2.0, 5.0))

    lengths = drawn(length)

    for tokens, share in {10: 1 / 8, 30: 2 / 8, 20: 5 / 8}.items():
        standard_error = (share * (1 - share) / REQUESTS) ** 0.5
        assert (lengths == tokens).mean() == pytest.approx(share, abs=4 * standard_error)


def test_empirical_lengths_without_weights_are_equally_likely() -> None:
    lengths = drawn(EmpiricalLength(kind="empirical", tokens=(10, 20)))

    assert (lengths == 10).mean() == pytest.approx(0.5, abs=4 * 0.5 / REQUESTS**0.5)
