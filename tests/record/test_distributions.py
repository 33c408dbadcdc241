import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.record.distributions import (
    statistics_ms,
    weighted_mean,
    weighted_percentiles,
)

samples = st.floats(0, 1e6).map(float)
weighted = st.lists(st.tuples(samples, st.integers(0, 50)), min_size=1, max_size=30).filter(
    lambda pairs: any(weight for _, weight in pairs)
)


def split(pairs: list[tuple[float, int]]) -> tuple[np.ndarray, np.ndarray]:
    return np.array([s for s, _ in pairs]), np.array([w for _, w in pairs])


@given(pairs=weighted, percent=st.floats(0, 100))
def test_percentiles_are_numpys_of_the_repeated_list(
    pairs: list[tuple[float, int]], percent: float
) -> None:
    values, weights = split(pairs)

    found = weighted_percentiles(values, weights, (percent, 50, 99))

    expected = np.percentile(np.repeat(values, weights), (percent, 50, 99))
    assert found == expected.tolist()


@given(pairs=weighted)
def test_the_mean_is_that_of_the_repeated_list(pairs: list[tuple[float, int]]) -> None:
    values, weights = split(pairs)

    assert weighted_mean(values, weights) == pytest.approx(np.repeat(values, weights).mean())


@given(pairs=weighted)
def test_all_statistics_are_numpys_of_the_repeated_list_in_milliseconds(
    pairs: list[tuple[float, int]],
) -> None:
    values, weights = split(pairs)

    found = statistics_ms("itl", values, weights)

    repeated_ms = np.repeat(values, weights) * 1000
    assert found == pytest.approx(
        {
            "mean_itl_ms": repeated_ms.mean(),
            "median_itl_ms": np.median(repeated_ms),
            "std_itl_ms": repeated_ms.std(),
            "p50_itl_ms": np.percentile(repeated_ms, 50),
            "p90_itl_ms": np.percentile(repeated_ms, 90),
            "p95_itl_ms": np.percentile(repeated_ms, 95),
            "p99_itl_ms": np.percentile(repeated_ms, 99),
        },
        # Equal values have a deviation of rounding's size, of another size in another order.
        abs=1e-9 * float(repeated_ms.max()),
    )


def test_weights_need_no_list_of_their_size() -> None:
    found = weighted_percentiles(np.array([2.0, 1.0]), np.array([10**15, 10**15]), (25, 75))

    assert found == [1.0, 2.0]


def test_samples_without_weights_count_once() -> None:
    found = statistics_ms("ttft", np.array([0.001, 0.002, 0.006]))

    # By hand: mean 3, median 2, population variance (4 + 1 + 9) / 3, p90 = 2 + 0.8 * 4.
    assert found["mean_ttft_ms"] == pytest.approx(3.0)
    assert found["median_ttft_ms"] == pytest.approx(2.0)
    assert found["std_ttft_ms"] == pytest.approx((14 / 3) ** 0.5)
    assert found["p90_ttft_ms"] == pytest.approx(5.2)


def test_without_samples_every_statistic_is_none() -> None:
    found = statistics_ms("itl", np.array([]), np.array([], dtype=np.int64))

    assert len(found) == 7
    assert set(found.values()) == {None}
