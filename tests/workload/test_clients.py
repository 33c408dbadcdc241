import math
from collections import Counter
from typing import Any

import pytest

from sim.spec.workload import ClientGroup, Workload
from sim.workload.clients import rates_per_s
from sim.workload.requests import Request, requests

HEAVY = {"rate_per_s": 9.0, "slo_class": "batch", "prompt_tokens": 1000, "output_tokens": 10}
LIGHT = {"count": 50, "rate_per_s": 0.02, "model": "m", "prompt_tokens": 7, "output_tokens": 3}


def drawn(count: int, *groups: dict[str, Any], seed: int = 1) -> list[Request]:
    given = {"requests": count, "clients": list(groups)}
    return requests(Workload.model_validate(given), seed)


def test_clients_send_in_proportion_to_their_rates_with_their_own_lengths() -> None:
    found = drawn(4000, HEAVY, LIGHT)

    kinds = Counter((one.about.slo_class, one.about.model, one.prompt_tokens) for one in found)
    assert set(kinds) == {("batch", None, 1000), (None, "m", 7)}
    # Nine in ten; Poisson streams added up, so each request is a coin.
    assert kinds["batch", None, 1000] == pytest.approx(3600, abs=4 * math.sqrt(4000 * 0.09))


def test_all_clients_together_have_the_sum_of_their_rates() -> None:
    found = drawn(4000, HEAVY, LIGHT)

    last_s = found[-1].arrival_s
    assert last_s is not None
    assert last_s == pytest.approx(400, abs=4 * math.sqrt(4000) / 10)


def test_requests_are_in_order_of_arrival_and_as_many_as_asked_for() -> None:
    found = drawn(500, HEAVY | {"burstiness": 0.1}, LIGHT)

    assert [one.number for one in found] == list(range(500))
    arrivals_s = [one.arrival_s or 0.0 for one in found]
    assert arrivals_s == sorted(arrivals_s)


def test_a_longer_run_begins_with_the_arrivals_of_a_shorter_one() -> None:
    short, long = drawn(200, HEAVY, LIGHT), drawn(300, HEAVY, LIGHT)

    assert long[:200] == short
    assert drawn(200, HEAVY, LIGHT, seed=2) != short


def test_rates_fall_by_their_exponent_and_keep_their_mean() -> None:
    group = ClientGroup.model_validate(LIGHT | {"count": 3, "rate_per_s": 11.0, "exponent": 1.0})

    # 1, 1/2 and 1/3 add up to 11/6.
    assert list(rates_per_s(group)) == pytest.approx([18.0, 9.0, 6.0])
