"""The study of expert scheduling, on its committed rows."""

from pathlib import Path

import pandas as pd

from sim.study.paper.expert_scheduling import PLACEMENTS, POPULARITIES

ROWS = pd.read_csv(Path(__file__).parents[2] / "results" / "paper" / "expert_scheduling.csv")
PLACED = ROWS[ROWS["study"] == "placements"].pivot_table(
    values="tokens_per_s_per_device", index="popularity", columns="placement", sort=False
)


def test_every_popularity_is_there_with_every_placement() -> None:
    assert list(PLACED.index) == list(POPULARITIES)
    assert list(PLACED.columns) == list(PLACEMENTS)
    assert not PLACED.isna().any(axis=None)


def test_without_scheduling_more_skew_is_slower() -> None:
    # arXiv 2507.15465: throughput falls monotonically with skew.
    zipf = PLACED.drop(index="measured")

    for placement in ("contiguous", "strided", "random"):
        assert zipf[placement].is_monotonic_decreasing
        assert zipf[placement].iloc[-1] < 0.6 * zipf[placement].iloc[0]


def test_what_is_balanced_is_faster_than_what_is_not_under_skew() -> None:
    skewed = PLACED.drop(index="Zipf 0")

    for blind in ("contiguous", "strided", "random"):
        assert (skewed["balanced"] > skewed[blind]).all()
