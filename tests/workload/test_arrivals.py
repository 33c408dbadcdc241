"""Against closed forms: `n` gaps have mean m, variance v; four standard errors of each estimate."""

import numpy as np
import pytest

from sim.rng import stream
from sim.spec.arrivals import (
    Arrivals,
    ArrivalsAtOnce,
    ClosedLoop,
    FixedArrivals,
    GammaArrivals,
    PoissonArrivals,
    VllmArrivals,
)
from sim.workload.arrivals import arrivals_s

REQUESTS = 40_000
RATE_PER_S = 8.0


def gaps_s(arrivals: Arrivals) -> np.ndarray:
    instants_s = arrivals_s(arrivals, REQUESTS, stream(1, "test"))
    assert instants_s is not None
    return np.diff(np.array(instants_s), prepend=0.0)


# A gamma distribution of shape k and mean m: variance m^2 / k, excess kurtosis 6 / k.
PROCESSES: list[tuple[Arrivals, float]] = [
    (PoissonArrivals(kind="poisson", rate_per_s=RATE_PER_S), 1.0),
    (GammaArrivals(kind="gamma", rate_per_s=RATE_PER_S, burstiness=0.25), 0.25),
    (GammaArrivals(kind="gamma", rate_per_s=RATE_PER_S, burstiness=4.0), 4.0),
]


@pytest.mark.parametrize(("arrivals", "shape"), PROCESSES)
def test_gaps_have_the_mean_of_the_rate(arrivals: Arrivals, shape: float) -> None:
    standard_error_s = 1 / RATE_PER_S / np.sqrt(shape * REQUESTS)

    mean_s = gaps_s(arrivals).mean()

    assert mean_s == pytest.approx(1 / RATE_PER_S, abs=4 * standard_error_s)


@pytest.mark.parametrize(("arrivals", "shape"), PROCESSES)
def test_gaps_have_the_variance_of_their_burstiness(arrivals: Arrivals, shape: float) -> None:
    variance = 1 / RATE_PER_S**2 / shape
    standard_error = variance * np.sqrt((2 + 6 / shape) / REQUESTS)

    assert gaps_s(arrivals).var() == pytest.approx(variance, abs=4 * standard_error)


@pytest.mark.parametrize(("arrivals", "shape"), PROCESSES)
def test_gaps_are_independent(arrivals: Arrivals, shape: float) -> None:
    found = gaps_s(arrivals)

    correlation = np.corrcoef(found[:-1], found[1:])[0, 1]

    assert correlation == pytest.approx(0, abs=4 / np.sqrt(REQUESTS))


def test_poisson_arrivals_in_a_second_have_the_variance_of_their_mean() -> None:
    instants_s = np.add.accumulate(gaps_s(PROCESSES[0][0]))
    seconds = int(instants_s[-1])

    counts = np.bincount(instants_s.astype(int))[:seconds]

    # Of Poisson counts with mean m, the variance estimate has variance (2 m^2 + m) / n.
    standard_error = np.sqrt((2 * RATE_PER_S**2 + RATE_PER_S) / seconds)
    assert counts.var() == pytest.approx(RATE_PER_S, abs=4 * standard_error)


def test_fixed_arrivals_come_like_a_clock_from_0() -> None:
    arrivals = FixedArrivals(kind="fixed", rate_per_s=4.0)

    assert arrivals_s(arrivals, 4, stream(1, "test")) == [0.0, 0.25, 0.5, 0.75]


def test_arrivals_at_once_are_all_at_0() -> None:
    assert arrivals_s(ArrivalsAtOnce(kind="at-once"), 3, stream(1, "test")) == [0.0, 0.0, 0.0]


def test_a_closed_loop_has_no_instants() -> None:
    arrivals = ClosedLoop(kind="closed-loop", concurrency=2)

    assert arrivals_s(arrivals, 3, stream(1, "test")) is None


@pytest.mark.parametrize(("arrivals", "shape"), PROCESSES)
def test_a_longer_run_begins_with_the_arrivals_of_a_shorter_one(
    arrivals: Arrivals, shape: float
) -> None:
    short = arrivals_s(arrivals, 10, stream(1, "test"))
    long = arrivals_s(arrivals, 20, stream(1, "test"))

    assert long is not None
    assert long[:10] == short
    assert long == sorted(long)


def vllm_s(**keys: object) -> np.ndarray:
    arrivals = VllmArrivals.model_validate({"kind": "vllm"} | keys)
    instants_s = arrivals_s(arrivals, REQUESTS, stream(1, "test"))
    assert instants_s is not None
    return np.array(instants_s)


@pytest.mark.parametrize("burstiness", [0.25, 1.0])
def test_arrivals_of_vllm_end_at_exactly_requests_over_rate(burstiness: float) -> None:
    instants_s = vllm_s(request_rate_per_s=RATE_PER_S, burstiness=burstiness)

    assert instants_s[-1] == pytest.approx(REQUESTS / RATE_PER_S, rel=1e-12)
    gaps = np.diff(instants_s, prepend=0.0) * RATE_PER_S
    standard_error = np.sqrt((2 + 6 / burstiness) / REQUESTS) / burstiness
    assert gaps.var() == pytest.approx(1 / burstiness, abs=4 * standard_error)


def test_arrivals_of_vllm_without_a_rate_are_all_at_0() -> None:
    assert not vllm_s().any()


# From 1 to 100 a second over n requests, the gaps 1 / rate add up to an integral: linear,
# n ln(rate) / 99 when the rate is reached; exponential, n (1 - 1 / rate) / ln 100. Half of the
# requests have come at 50.5 and at 10 a second.
@pytest.mark.parametrize(
    ("strategy", "half_s", "whole_s", "variance"),
    [
        ("linear", np.log(50.5) / 99, np.log(100) / 99, 0.99 / 99),
        ("exponential", 0.9 / np.log(100), 0.99 / np.log(100), 0.5 / np.log(100)),
    ],
)
def test_a_ramp_of_vllm_goes_from_one_rate_to_the_other(
    strategy: str, half_s: float, whole_s: float, variance: float
) -> None:
    ends = {"ramp_up_start_rps": 1, "ramp_up_end_rps": 100}

    instants_s = vllm_s(ramp_up_strategy=strategy, **ends)

    error_s = 4 * np.sqrt(REQUESTS * variance) + 1
    assert instants_s[REQUESTS // 2] == pytest.approx(REQUESTS * half_s, abs=error_s)
    assert instants_s[-1] == pytest.approx(REQUESTS * whole_s, abs=error_s)
