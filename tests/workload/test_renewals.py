"""Against closed forms, within four standard errors."""

import math

import numpy as np
import pytest

from sim.rng import stream
from sim.workload.renewals import Gaps, Window, instants_s

POISSON = Gaps("gamma", 1.0)
LAWS = [POISSON, Gaps("gamma", 0.2), Gaps("gamma", 5.0), Gaps("weibull", 0.6), Gaps("weibull", 3.0)]


def variance(law: Gaps) -> float:
    """Of a gap with mean 1."""
    if law.kind == "gamma":
        return 1 / law.shape
    first, second = (math.gamma(1 + power / law.shape) for power in (1, 2))
    return second / first**2 - 1


@pytest.mark.parametrize("law", LAWS)
def test_gaps_have_the_mean_of_the_rate_and_the_variance_of_their_law(law: Gaps) -> None:
    gaps_s = np.diff(instants_s([Window(0.0, 5000.0, 8.0, law)], stream(1, "test")))

    standard_error_s = math.sqrt(variance(law) / len(gaps_s)) / 8
    assert gaps_s.mean() == pytest.approx(1 / 8, abs=4 * standard_error_s)
    fourth = np.mean((gaps_s - gaps_s.mean()) ** 4) - gaps_s.var() ** 2
    error = math.sqrt(fourth / len(gaps_s))
    assert gaps_s.var() == pytest.approx(variance(law) / 64, abs=4 * error)


@pytest.mark.parametrize("law", LAWS)
def test_rare_clients_send_rate_times_time_on_average_however_bursty(law: Gaps) -> None:
    window = Window(0.0, 10.0, 0.05, law)

    counts = np.array([len(instants_s([window], stream(1, "test", one))) for one in range(4000)])

    # A first gap from 0 on would give 0.94 for the burstiest, not 0.5.
    assert counts.mean() == pytest.approx(0.5, abs=4 * counts.std() / math.sqrt(4000))


def test_each_window_has_its_own_rate() -> None:
    windows = [Window(0.0, 1000.0, 1.0, POISSON), Window(1000.0, 2000.0, 9.0, POISSON)]

    at_s = instants_s(windows, stream(1, "test"))

    # Of Poisson counts, the variance is the mean.
    assert (at_s < 1000).sum() == pytest.approx(1000, abs=4 * math.sqrt(1000))
    assert (at_s >= 1000).sum() == pytest.approx(9000, abs=4 * math.sqrt(9000))
    assert (np.diff(at_s) >= 0).all()


def test_nobody_sends_in_a_window_without_a_rate_or_between_windows() -> None:
    windows = [
        Window(0.0, 10.0, 5.0, POISSON),
        Window(10.0, 20.0, 0.0, POISSON),
        Window(30.0, 40.0, 5.0, POISSON),
    ]

    at_s = instants_s(windows, stream(1, "test"))

    assert not ((at_s > 10) & (at_s < 30)).any()
    assert (at_s < 10).any()
    assert (at_s > 30).any()


def test_a_client_that_never_sends_has_no_arrivals() -> None:
    assert len(instants_s([Window(0.0, 10.0, 0.0, POISSON)], stream(1, "test"))) == 0
