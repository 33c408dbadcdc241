"""The engine is the queue that theory says it is, when its steps take what theory says."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.physics.sums import StepSums
from sim.rng import stream
from sim.workload.requests import Request
from tests.serving.servers import StepSeconds, one_token, rows

GAP_S = st.floats(0, 10)
SERVICE_S = st.floats(0.001, 10)


@given(st.lists(st.tuples(GAP_S, SERVICE_S), min_size=1, max_size=30))
@settings(deadline=None)
def test_one_server_follows_lindleys_recursion_to_the_bit(
    gaps_and_services: list[tuple[float, float]],
) -> None:
    requests, expected_s = [], []
    arrival_s = finish_s = 0.0
    for number, (gap_s, service_s) in enumerate(gaps_and_services):
        arrival_s += gap_s
        finish_s = max(arrival_s, finish_s) + service_s
        requests.append(one_token(number, arrival_s))
        expected_s.append(finish_s)
    services_s = iter([service_s for _, service_s in gaps_and_services])

    served = rows(requests, lambda sums: next(services_s), max_sequences=1)

    assert [row.finish_s for row in served] == expected_s


def poisson(count: int, rate_per_s: float, seed: int, tokens: int = 1) -> list[Request]:
    instants_s = np.add.accumulate(stream(seed, "arrivals").exponential(1 / rate_per_s, count))
    return [Request(n, float(at_s), 1, tokens) for n, at_s in enumerate(instants_s)]


def mean_sojourn_s(requests: list[Request], step_seconds: StepSeconds, places: int) -> float:
    served = rows(requests, step_seconds, max_sequences=places)
    # The queue starts empty; the first tenth is left out.
    sojourns_s = [row.finish_s - row.arrival_s for row in served if row.finish_s is not None]
    return float(np.mean(sojourns_s[len(served) // 10 :]))


def within_four_errors(samples: list[float]) -> float:
    """Four standard errors of the mean of independent seeds."""
    return 4 * float(np.std(samples, ddof=1)) / math.sqrt(len(samples))


def test_exponential_services_wait_as_in_m_m_1() -> None:
    load = 0.5
    sojourns_s = []
    for seed in range(6):
        service = stream(seed, "service")
        requests = poisson(1000, load, seed)
        sojourns_s.append(mean_sojourn_s(requests, lambda sums: service.exponential(1.0), 1))  # noqa: B023

    assert np.mean(sojourns_s) == pytest.approx(1 / (1 - load), abs=within_four_errors(sojourns_s))


def test_fixed_services_wait_as_in_m_d_1() -> None:
    load = 0.7
    expected_s = 1 + load / (2 * (1 - load))

    sojourns_s = [
        mean_sojourn_s(poisson(1000, load, seed), lambda sums: 1.0, 1) for seed in range(6)
    ]

    assert np.mean(sojourns_s) == pytest.approx(expected_s, abs=within_four_errors(sojourns_s))


def test_many_small_steps_share_the_processor() -> None:
    # M/D/1 under processor sharing: S / (1 - load); first come first served has 2.17 S, not 3.33.
    load, tokens = 0.7, 25

    def shared(sums: StepSums) -> float:
        return float(np.sum(sums.decode_tokens) + np.sum(sums.prefill_tokens)) / tokens

    sojourns_s = [
        mean_sojourn_s(poisson(250, load, seed, tokens), shared, 10**6) for seed in range(5)
    ]

    # A step is a twenty-fifth of a service: the limit is nearly reached.
    error_s = within_four_errors(sojourns_s) + 1 / tokens
    assert np.mean(sojourns_s) == pytest.approx(1 / (1 - load), abs=error_s)
