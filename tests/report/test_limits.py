from functools import cache
from typing import Any

import pytest

import sim
from sim.report.limits import communication_share, imbalance_rows, link_rows, step_rows

SCENARIO: dict[str, Any] = {
    "model": "qwen3-30b-a3b",
    "topology": "dgx-h200",
    "deployment": {"pools": [{"attention": {"dp": 4}, "experts": {"ep": 4}}]},
    "engine": {"profile": "plain"},
    "experts": {"popularity": {"kind": "zipf", "exponent": 0.8}, "dispatch": "per-device"},
    "workload": {
        "requests": 20,
        "arrivals": {"kind": "at-once"},
        "prompt_tokens": 100,
        "output_tokens": 5,
    },
}


@cache
def run(*settings: str) -> sim.Run:
    return sim.simulate(sim.load_scenario(SCENARIO, settings))


def test_the_kinds_of_phases_make_up_the_step_time() -> None:
    *kinds, waiting = step_rows(run())

    assert waiting["step_time"] == "of these, waiting"
    assert sum(row["time_share"] for row in kinds) == pytest.approx(1)
    assert {"attention", "experts", "dispatch", "combine"} <= {row["step_time"] for row in kinds}


def test_ranks_that_wait_for_nobody_are_not_said_to_wait() -> None:
    alone = run("deployment.pools=[{attention: {tp: 1}}]")

    assert "of these, waiting" not in {row["step_time"] for row in step_rows(alone)}


def test_communication_has_the_share_that_its_phases_have() -> None:
    # One replica: what devices say of themselves and what steps say is the same.
    shares = {row["step_time"]: row["time_share"] for row in step_rows(run())}

    assert communication_share(run()) == pytest.approx(shares["dispatch"] + shares["combine"])


def test_communication_is_known_without_steps() -> None:
    without = run("record.steps='off'")

    assert step_rows(without) == []
    assert communication_share(without) == communication_share(run())


def test_the_fullest_links_come_first() -> None:
    rows = link_rows(run())

    shares = [row["utilization_share"] for row in rows]
    assert shares == sorted(shares, reverse=True)
    assert rows[0]["link"] == run().summary()["sim_fullest_link"]


def test_links_that_carried_nothing_are_not_shown() -> None:
    alone = run("deployment.pools=[{attention: {tp: 1}}]")

    assert link_rows(alone) == []
    assert communication_share(alone) == 0


def test_imbalance_is_over_the_replicas_layers() -> None:
    (row,) = imbalance_rows(run())

    by_layer = run().experts.groupby("layer")["step_imbalance"].first()
    assert row["mean"] == pytest.approx(by_layer.mean())
    assert row["worst_layer"] == by_layer.max() > row["mean"] > 1


def test_a_run_in_which_experts_are_not_counted_has_no_imbalance() -> None:
    assert imbalance_rows(run("experts.draws=device")) == []
