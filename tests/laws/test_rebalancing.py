"""Experts that move while a run goes on: what crosses links, what stays the same, by hand and law.

Four experts lie on two devices; a token picks all of them, so that nothing is left to chance, and
balanced places are those dealt out in turn: experts 0 and 2, 1 and 3. Neighbours at the start, 1
and 2 change places in each layer. Nothing of the physics is called: an expert has three matrices of
128 x 64 numbers of 2 bytes.
"""

from typing import Any

import numpy as np
import pytest

from sim.experts.placement import Places
from sim.physics.sums import decoding
from sim.serving.rebalancing import moved_experts
from sim.simulation import Run, check, simulate
from sim.spec.experts import Experts
from sim.spec.model import RoutedExperts
from sim.spec.scenario import Scenario
from tests.laws.scenarios import LATENT, MIXTURE, ROUGH, engine, pool, scenario, switched, work
from tests.laws.test_fidelity import check as check_fidelity
from tests.laws.test_network_events import degrade, with_links

LAYERS = MIXTURE.layers
EXPERT_BYTES = 3 * 128 * 64 * 2
LINK_BYTES_PER_S, WAY_S = 4e9, 2 * 0.5e-6
ALL_FOUR = MIXTURE.model_copy(
    update={"experts": RoutedExperts(experts=4, experts_per_token=4, intermediate_size=64)}
)
SKEWED: dict[str, Any] = {"popularity": {"kind": "lognormal", "sigma": 1.0}}


@pytest.fixture(autouse=True)
def few_samples(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who shares a token is of no interest here, and takes long to find out exactly."""
    monkeypatch.setattr("sim.experts.sample.sample_tokens", lambda _: 256)
    monkeypatch.setattr("sim.experts.law.sample_tokens", lambda _: 256)


def moving(**more: Any) -> Experts:
    return Experts.model_validate({"rebalance": {"every_steps": 4}} | more)


def of_four(experts: Experts, **more: Any) -> Scenario:
    """Eight answers of 10 tokens: 1 step of prompts, 9 more."""
    asked: dict[str, Any] = {"on": switched(1, 2), "workload": work(8, prompt=4, output=10)} | more
    return scenario(ALL_FOUR, pool(1, 2), experts=experts, **asked)


def collective_s(run: Run) -> list[float]:
    return run.steps["collective_s"].tolist()


def test_two_experts_of_each_layer_change_places_in_the_fourth_step_by_hand() -> None:
    run = simulate(of_four(moving()))

    # Each device sends one expert of each layer over its link to the switch, and gets one.
    took_s = WAY_S + LAYERS * EXPERT_BYTES / LINK_BYTES_PER_S
    assert collective_s(run) == pytest.approx([0, 0, 0, took_s, 0, 0, 0, 0, 0, 0])
    (moved,) = run.transfers[run.transfers["kind"] == "collective"].itertuples()
    assert moved.step == 4
    assert moved.link_bytes == 2 * 2 * LAYERS * EXPERT_BYTES
    assert moved.duration_s == pytest.approx(took_s)


def test_the_step_in_which_experts_move_is_longer_by_the_transfer() -> None:
    moved, stayed = (simulate(of_four(one)).steps for one in (moving(), Experts()))

    length_s = [(one["end_s"] - one["start_s"]).to_numpy() for one in (moved, stayed)]
    took_s = WAY_S + LAYERS * EXPERT_BYTES / LINK_BYTES_PER_S
    assert length_s[0] - length_s[1] == pytest.approx(
        [0, 0, 0, took_s, 0, 0, 0, 0, 0, 0], abs=1e-12
    )


def test_the_links_carry_what_moved_beside_the_tokens() -> None:
    moved, stayed = (simulate(of_four(one)).links["bytes"] for one in (moving(), Experts()))

    assert (moved - stayed).sum() == pytest.approx(2 * 2 * LAYERS * EXPERT_BYTES)


def test_sliced_experts_go_from_slice_to_slice() -> None:
    sliced = scenario(
        ALL_FOUR,
        pool(2, 2, expert_tp=2),
        on=switched(1, 4),
        workload=work(8, prompt=4, output=10),
        experts=moving(),
    )
    run, stayed = simulate(sliced), simulate(sliced.model_copy(update={"experts": Experts()}))

    # Half an expert on each of twice as many links.
    extra_s = np.subtract(collective_s(run), collective_s(stayed))
    took_s = WAY_S + LAYERS * EXPERT_BYTES / 2 / LINK_BYTES_PER_S
    assert extra_s == pytest.approx([0, 0, 0, took_s, 0, 0, 0, 0, 0, 0], abs=1e-12)


def test_a_rough_network_takes_longer_to_move_them() -> None:
    run = simulate(of_four(moving(), engine=engine(profile=ROUGH)))

    took_s = 6.3e-6 + WAY_S + LAYERS * EXPERT_BYTES / LINK_BYTES_PER_S / 0.6
    assert collective_s(run)[3] == pytest.approx(took_s)


def test_experts_on_their_way_go_on_over_links_that_slow_down() -> None:
    asked = of_four(moving())
    drain_s = LAYERS * EXPERT_BYTES / LINK_BYTES_PER_S
    transfers = simulate(asked).transfers
    starts_s = transfers.loc[transfers["kind"] == "collective", "start_s"].tolist()
    half_way_s = starts_s[0] + WAY_S + drain_s / 2

    run = simulate(with_links(asked, degrade("gpus-nvswitch", 0.5, half_way_s)))

    # The second half takes twice as long; the rest of the step is planned anew, and moves no more.
    took_s = WAY_S + drain_s / 2 + 2 * drain_s / 2
    assert collective_s(run) == pytest.approx([0, 0, 0, took_s, 0, 0, 0, 0, 0, 0])
    assert run.experts.groupby("layer")["tokens"].sum().tolist() == [8 * 4 * 13] * LAYERS


def test_a_step_that_is_planned_anew_has_the_same_experts_move() -> None:
    deployed = check(of_four(moving()))
    pricer = deployed.replicas[0].pricer.for_a_run()
    slower = pricer.on(deployed.network.without((), deployed.network.capacity_bytes_per_s / 2))
    sums = decoding(np.full(2, 4.0), np.full(2, 40.0), np.zeros(2))
    before = pricer.plan(3, sums).transfers["rebalance"]

    planned, anew = (one.plan(4, sums).transfers["rebalance"] for one in (pricer, slower))

    assert not before.mask
    assert planned.mask
    assert anew.least_drain_s == pytest.approx(2 * planned.least_drain_s)


def test_a_step_that_is_planned_anew_counts_its_tokens_once() -> None:
    experts = moving(**SKEWED, redundant_experts=8)
    asked = scenario(MIXTURE, pool(1, 4), experts=experts, on=switched(1, 4))
    quiet = simulate(asked)
    ends_s = quiet.steps["end_s"].tolist()

    # Nobody uses these links, but the third step and all after it are planned anew.
    middle_s = (ends_s[1] + ends_s[2]) / 2
    run = simulate(with_links(asked, degrade("nics-leaves", 0.5, middle_s)))

    assert run.experts.equals(quiet.experts)


def test_who_gets_an_expert_gets_it_from_one_that_has_it_in_turn() -> None:
    # Expert 0 lies on groups 0 and 1, and goes to 2 and 3; expert 1 moves from 2 to 1.
    before = Places(np.array([[0, 2, 1, 3]]), np.array([[0, 1, 0, 1]]))
    now = Places(np.array([[2, 1, 3, 3]]), np.array([[0, 1, 0, 1]]))

    moved = moved_experts(before, now, 4)

    assert moved.tolist() == [[0, 0, 1, 0], [0, 0, 0, 1], [0, 1, 0, 0], [0, 0, 0, 0]]


def test_rebalanced_experts_share_the_load_better() -> None:
    experts = SKEWED | {"draws": "expert"}
    asked: dict[str, Any] = {"on": switched(1, 4), "workload": work(64, prompt=8, output=40)}
    wide = engine(max_sequences=16, max_step_tokens=128)

    def imbalance(more: dict[str, Any]) -> float:
        chosen = Experts.model_validate(experts | more)
        run = simulate(scenario(MIXTURE, pool(1, 4), experts=chosen, engine=wide, **asked))
        found: float = run.experts["step_imbalance"].mean()
        return found

    stays = imbalance({})
    follows = imbalance({"rebalance": {"every_steps": 8}})
    copies = imbalance({"rebalance": {"every_steps": 8}, "redundant_experts": 8})

    assert copies < follows < stays


def test_every_token_of_a_moved_expert_is_counted_once() -> None:
    experts = moving(**SKEWED, redundant_experts=8, drift={"every_steps": 3})
    run = simulate(scenario(MIXTURE, pool(1, 4), experts=experts, on=switched(1, 4)))

    assert not run.experts.duplicated(["layer", "expert", "device"]).any()
    by_layer = run.experts.groupby("layer")["tokens"].sum()
    assert by_layer.tolist() == [2 * run.steps["tokens"].sum()] * LAYERS


@pytest.mark.parametrize(
    ("rebalance", "drift", "replicas"),
    [
        ({"every_steps": 3, "window_steps": 2}, {}, 2),
        ({}, {"every_steps": 4}, 2),
        ({"every_steps": 3}, {"every_steps": 4}, 1),
    ],
)
def test_moving_and_drifting_are_the_same_step_by_step_and_phase_by_phase(
    rebalance: dict[str, int], drift: dict[str, int], replicas: int
) -> None:
    experts = Experts.model_validate(
        SKEWED
        | {"placement": "balanced", "redundant_experts": 4}
        | {"rebalance": rebalance, "drift": drift}
    )

    check_fidelity(
        scenario(
            LATENT,
            pool(1, 2, replicas=replicas),
            on=switched(1, 4),
            workload=work(12, {"kind": "poisson", "rate_per_s": 4000.0}, (4, 30), (2, 12)),
            experts=experts,
        )
    )


def test_a_scenario_that_was_made_ready_runs_twice_the_same() -> None:
    deployed = check(of_four(moving(**SKEWED, drift={"every_steps": 3})))

    first, second = simulate(deployed), simulate(deployed)

    assert first.steps.equals(second.steps)
    assert first.links.equals(second.links)


def test_popularity_that_drifts_changes_what_is_picked_from_then_on() -> None:
    asked: dict[str, Any] = {"on": switched(1, 2), "workload": work(8, prompt=4, output=10)}
    stays, drifts = (
        simulate(
            scenario(
                MIXTURE,
                pool(1, 2),
                experts=Experts.model_validate(SKEWED | {"drift": drift}),
                **asked,
            )
        ).steps
        for drift in ({}, {"every_steps": 5})
    )

    same = (stays["experts_s"] == drifts["experts_s"]).tolist()
    assert same[:4] == [True] * 4
    assert not all(same[4:])


def test_copies_take_their_room_from_the_cache_by_hand() -> None:
    def weights_bytes(redundant: int) -> float:
        experts = Experts.model_validate({"placement": "balanced", "redundant_experts": redundant})
        return check(of_four(experts)).replicas[0].footprint.weights_bytes

    # Two more copies in each layer, one of them on each device.
    assert weights_bytes(2) - weights_bytes(0) == LAYERS * EXPERT_BYTES
