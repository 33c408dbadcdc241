"""Worked out by hand: requests at 0, 1, 2, ... s, of which some come late or not at all."""

from typing import Any

import pandas as pd
import pytest

from sim.record.frames import requests_frame
from sim.record.recorder import RequestRow
from sim.record.row_table import RowTable
from sim.record.steady_state import answered_in_order, steady_figures
from sim.spec.scenario import Slo
from tests.record.example import request


def frame(*rows: RequestRow) -> pd.DataFrame:
    table = RowTable(RequestRow)
    for row in rows:
        table.append(row)
    return requests_frame(table)


# Numbered out of order; 100 prompt tokens each. The second, of ten seconds, is the warm-up.
REQUESTS = frame(
    request(3, 0.0, 0.5, 1.0, 2),
    request(1, 1.0, 6.0, 11.0, 3),
    request(2, 2.0, None, None, 0, "rejected"),
    request(0, 4.0, 4.5, 6.5, 3),
    request(4, 6.0, 7.0, 7.0, 1),
    request(5, 12.0, 14.0, 16.0, 5),
)


def figures(cut: int, slo: Slo | None = None, requests: pd.DataFrame = REQUESTS) -> dict[str, Any]:
    return steady_figures(requests, slo or Slo(), cut)


def test_answered_requests_stand_in_order_of_arrival() -> None:
    assert answered_in_order(REQUESTS)["request"].tolist() == [3, 1, 0, 4, 5]


def test_latencies_are_of_the_requests_that_are_left() -> None:
    found = figures(2)

    # Times to the first token 0.5, 1, 2 s; per later token 1, none, 0.5 s; to the last 2.5, 1, 4 s.
    assert found["mean_ttft_ms"] == pytest.approx(3500 / 3)
    assert found["p50_ttft_ms"] == 1000
    assert found["mean_tpot_ms"] == 750
    assert found["mean_e2el_ms"] == 2500


def test_throughputs_are_of_what_ends_between_the_first_arrival_left_and_the_last() -> None:
    found = figures(2)

    # From 4 to 12 s: the long answer of the warm-up ends then, the last one does not.
    assert found["request_throughput"] == 3 / 8
    assert found["output_throughput"] == (3 + 3 + 1) / 8
    assert found["total_token_throughput"] == (300 + 7) / 8


def test_good_requests_are_counted_in_both_ways() -> None:
    found = figures(2, Slo(e2el_s=2.75))

    # Of the three left, the last takes 4 s; of the three that end in time, one took 10 s.
    assert found["sim_slo_attainment_share"] == pytest.approx(2 / 3)
    assert found["request_goodput"] == 2 / 8


def test_without_limits_none_are_good_or_bad() -> None:
    found = figures(0)

    assert found["request_goodput"] is None
    assert found["sim_slo_attainment_share"] is None


def test_what_arrives_at_one_instant_has_no_throughput() -> None:
    at_once = frame(request(0, 1.0, 2.0, 3.0, 2), request(1, 1.0, 2.0, 3.0, 2))

    found = figures(0, requests=at_once)

    assert found["request_throughput"] is None
    assert found["mean_ttft_ms"] == 1000


def test_where_all_is_cut_nothing_is_known() -> None:
    assert set(figures(5).values()) == {None}
