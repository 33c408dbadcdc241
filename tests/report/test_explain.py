from functools import cache
from typing import Any

import pytest

import sim
from sim.report.explain import EXPLANATIONS, WORST_LINKS, explain_links

SCENARIO: dict[str, Any] = {
    "model": "llama-3.1-8b",
    "topology": "pcie-gen5-8",
    "deployment": {
        "router": "round-robin",
        "pools": [{"replicas": 2, "attention": {"tp": 2}, "devices": [0, 4, 1, 5]}],
    },
    "engine": {"profile": "ideal"},
    "workload": {
        "requests": 4,
        "arrivals": {"kind": "at-once"},
        "prompt_tokens": 100,
        "output_tokens": 3,
    },
}


@cache
def run(*settings: str) -> sim.Run:
    return sim.simulate(sim.load_scenario(SCENARIO, settings))


def test_the_worst_links_come_with_the_pairs_that_met_on_them() -> None:
    links, pairs = explain_links(run()).values()

    lost_s = [row["lost_s"] for row in links]
    assert lost_s == sorted(lost_s, reverse=True)
    assert lost_s[0] > 0
    assert len(links) <= WORST_LINKS
    # Both have one device behind switch 0 and one behind switch 2.
    assert "box0/pcie-switch0>box0/cpu0" in {row["link"] for row in pairs}
    assert {row["user"] for row in pairs} | {row["other"] for row in pairs} >= {
        "main/0 all-reduce",
        "main/1 all-reduce",
    }


def test_a_pair_stands_once_on_each_link() -> None:
    _, pairs = explain_links(run()).values()

    met = [(row["link"], *sorted([row["user"], row["other"]])) for row in pairs]
    assert len(met) == len(set(met))


def test_what_rounding_leaves_is_no_loss_and_pairs_without_loss_are_left_out() -> None:
    interleaved = run(
        "deployment.pools.0={replicas: 2, attention: {tp: 4}, devices: [0, 2, 4, 6, 1, 3, 5, 7]}"
    )

    links, pairs = explain_links(interleaved).values()

    for row in links:
        assert row["lost_s"] == 0 or row["lost_s"] > 1e-12
    assert any(row["lost_s"] == 0 for row in links)
    assert pairs
    for row in pairs:
        assert row["user_lost_s"] + row["other_lost_s"] > 1e-12


def test_where_nobody_met_the_busiest_links_are_listed() -> None:
    alone = run("deployment.pools=[{attention: {tp: 2}}]")

    ((title, rows),) = explain_links(alone).items()

    assert title.startswith("Nobody met anybody")
    shares = [row["busy_share"] for row in rows]
    assert shares == sorted(shares, reverse=True)
    assert "lost_s" not in rows[0]


def test_where_no_link_was_used_that_is_said() -> None:
    assert explain_links(run("deployment.pools=[{attention: {tp: 1}}]")) == {
        "No bytes crossed a link": []
    }


def test_the_command_line_knows_every_explanation() -> None:
    from sim.cli.explained import Explain

    assert [one.value for one in Explain] == list(EXPLANATIONS)


def test_what_links_cost_is_what_transfers_took_longer_than_alone() -> None:
    # Both replicas do the same at once; without the other each takes the time of the alone run.
    both, alone = run(), run("deployment.pools=[{attention: {tp: 2}, devices: [0, 4]}]",
                             "workload.requests=2")  # fmt: skip

    later_s = both.steps["collective_s"].sum() - 2 * alone.steps["collective_s"].sum()

    assert both.link_users["lost_s"].sum() == pytest.approx(later_s)
    assert both.links["lost_s"].sum() == pytest.approx(later_s)
