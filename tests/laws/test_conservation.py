"""Nothing is lost: requests, tokens and bytes that go in come out, or are accounted for."""

from collections import defaultdict

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.errors import ScenarioError
from sim.simulation import Run, check, simulate
from sim.spec.experts import Experts
from sim.spec.scenario import Scenario
from sim.workload.requests import requests
from tests.laws.random_scenarios import FAST, SWEEP, scenarios
from tests.laws.scenarios import (
    DENSE,
    LATENT,
    MIXTURE,
    pool,
    scenario,
    switched,
    two_sockets,
    work,
)


def check_requests(run: Run) -> None:
    asked = requests(run.scenario.workload, run.scenario.seed)
    frame = run.requests

    assert frame["request"].tolist() == [request.number for request in asked]
    assert frame["prompt_tokens"].tolist() == [request.prompt_tokens for request in asked]
    is_finished = (frame["status"] == "finished").to_numpy(bool)
    assert set(frame["status"]) <= {"finished", "rejected", "failed: kv"}
    wanted = np.array([request.output_tokens for request in asked])
    produced = frame["output_tokens"].to_numpy()
    assert (produced[is_finished] == wanted[is_finished]).all()
    assert (produced[~is_finished] < wanted[~is_finished]).all()
    assert (frame["finish_s"].notna().to_numpy() == is_finished).all()


def check_causality(run: Run) -> None:
    frame = run.requests[run.requests["status"] == "finished"]
    instants_s = frame[["arrival_s", "first_scheduled_s", "first_token_s", "finish_s"]].to_numpy()

    assert (np.diff(instants_s, axis=1) >= 0).all()
    assert instants_s.max(initial=0.0) <= run.recorder.elapsed_s
    for _, steps in run.steps.groupby(["pool", "replica"]):
        assert (steps["end_s"].to_numpy() > steps["start_s"].to_numpy()).all()
        assert (steps["start_s"].to_numpy()[1:] >= steps["end_s"].to_numpy()[:-1]).all()


def check_tokens(run: Run) -> None:
    frame, steps = run.requests, run.steps

    assert steps["output_tokens"].sum() == frame["output_tokens"].sum()
    assert sum(run.recorder.output_tokens) == frame["output_tokens"].sum()
    if not frame["preemptions"].any() and (frame["status"] == "finished").all():
        # The last token of an answer is never fed; of a prompt that comes in the cache, only the
        # one that its prefill brought forth elsewhere.
        fed = frame["prompt_tokens"] + frame["output_tokens"] - 1
        if run.scenario.workload.prefilled:
            fed = frame["output_tokens"]
        assert steps["tokens"].sum() == fed.sum()


def check_gaps(run: Run) -> None:
    """The times between tokens of a request fill the time from its first token to its last."""
    frame = run.requests
    if (frame["status"] != "finished").any():
        return
    recorder = run.recorder
    gaps_s = np.dot(np.array(recorder.gap_s), np.array(recorder.gap_weights))

    assert sum(recorder.gap_weights) == (frame["output_tokens"] - 1).sum()
    assert gaps_s == pytest.approx((frame["finish_s"] - frame["first_token_s"]).sum(), rel=1e-9)


def check_bytes(run: Run) -> None:
    links = run.links
    surplus: defaultdict[str, float] = defaultdict(float)
    entered: defaultdict[str, float] = defaultdict(float)
    for name, carried in zip(links["link"], links["bytes"], strict=True):
        if ">" in name:
            tail, head = name.split(">")
            surplus[tail] -= carried
            surplus[head] += carried
            entered[head] += carried
    total = links["bytes"].sum()

    if run.scenario.record.transfers:
        assert run.transfers["link_bytes"].sum() == pytest.approx(total, rel=1e-9)
    groups = run.scenario.topology.groups
    for vertex, more in surplus.items():
        group = groups[vertex.rsplit("/", 1)[-1].rstrip("0123456789")]
        if group.kind != "device" and not group.reduces:
            assert more == pytest.approx(0.0, abs=1e-9 * total)
    through = links[links["kind"] == "through"]
    for name, carried in zip(through["link"], through["bytes"], strict=True):
        assert carried == pytest.approx(entered[name.removeprefix("through ")], rel=1e-9)


def check_experts(run: Run) -> None:
    """Every token that is fed chooses its experts in every layer."""
    routed = run.scenario.model.experts
    if routed is None or run.scenario.experts.draws == "device":
        return
    fed = run.steps["tokens"].sum()

    by_layer = run.experts.groupby("layer")["tokens"].sum()

    assert by_layer.index.tolist() == list(run.scenario.model.expert_layers)
    assert (by_layer == fed * routed.experts_per_token).all()


def check_all(asked: Scenario) -> None:
    run = simulate(asked)
    check_requests(run)
    check_causality(run)
    check_tokens(run)
    check_gaps(run)
    check_bytes(run)
    check_experts(run)


@given(scenarios())
@FAST
def test_requests_tokens_and_bytes_are_conserved(asked: Scenario) -> None:
    check_all(asked)


@pytest.mark.slow
@given(scenarios())
@SWEEP
def test_requests_tokens_and_bytes_are_conserved_in_many_runs(asked: Scenario) -> None:
    check_all(asked)


OPEN_ARRIVALS = {"kind": "poisson", "rate_per_s": 2000.0}


@pytest.mark.parametrize("until_s", [1e-9, 1e-3, 3e-3, 5e-3])
def test_a_run_cut_short_has_a_row_for_each_request_that_had_arrived(until_s: float) -> None:
    asked = scenario(
        LATENT, pool(1, 2, replicas=2), workload=work(20, OPEN_ARRIVALS, 30, 12), until_s=until_s
    )
    arrived = [one for one in requests(asked.workload, 1) if (one.arrival_s or 0.0) < until_s]

    run = simulate(asked)

    frame = run.requests
    assert frame["request"].tolist() == [request.number for request in arrived]
    is_open = frame["finish_s"].isna().to_numpy()
    assert ((frame["status"] == "unfinished").to_numpy(bool) == is_open).all()
    assert (frame["finish_s"][~is_open] <= until_s).all()
    assert run.recorder.elapsed_s == until_s
    check_tokens(run)


@given(most=st.integers(1, 12))
@FAST
def test_a_run_ends_when_so_many_requests_have_ended(most: int) -> None:
    asked = scenario(
        MIXTURE,
        pool(1, 2, replicas=2),
        workload=work(12, OPEN_ARRIVALS, (1, 40), (1, 20)),
        max_requests=most,
    )

    run = simulate(asked)

    frame = run.requests
    ended = frame[frame["status"] == "finished"]
    assert len(ended) >= most
    assert (ended["finish_s"] < run.recorder.elapsed_s).sum() < most
    assert frame["request"].is_unique
    assert (frame["arrival_s"] <= run.recorder.elapsed_s).all()
    check_tokens(run)


def test_what_one_rank_sends_the_other_is_its_tokens_for_the_others_experts() -> None:
    # The only request is on the first rank, so every token of the second device's experts crosses
    # to it and comes back; tokens are 128 elements of 2 bytes.
    asked = scenario(MIXTURE, pool(1, 2), on=switched(1, 2), workload=work(1, "at-once", 30, 10))

    run = simulate(asked)

    crossed = run.experts.loc[run.experts["device"] == 1, "tokens"].sum() * 256.0
    carried = run.links.set_index("link")["bytes"]
    assert crossed > 0
    assert carried["box0/gpus0>box0/nvswitch0"] == pytest.approx(crossed)
    assert carried["box0/gpus1>box0/nvswitch0"] == pytest.approx(crossed)
    by_kind = run.transfers.groupby("kind")["link_bytes"].sum()
    assert by_kind["dispatch"] == pytest.approx(2 * crossed)  # up to the switch, and down
    assert by_kind["combine"] == pytest.approx(2 * crossed)


def test_tokens_that_are_split_over_the_devices_of_a_rank_are_sent_once() -> None:
    # 30 + 9 tokens choose 2 experts in 3 layers; half of each device's copies are for the other,
    # and each of the two has half of the tokens: half of all copies cross, on two links.
    split = pool(2, 1, moe_entry="scatter")
    asked = scenario(MIXTURE, split, on=switched(1, 2), workload=work(1, "at-once", 30, 10))

    run = simulate(asked)

    by_kind = run.transfers.groupby("kind")["link_bytes"].sum()
    assert by_kind["dispatch"] == pytest.approx(39 * 2 * 3 * 256 / 2 * 2)
    assert by_kind["combine"] == pytest.approx(by_kind["dispatch"])


def test_experts_that_lie_on_one_device_get_every_copy_whatever_their_popularity() -> None:
    # Popularities of which the probabilities of one group add up to 1 only but for rounding.
    for seed in range(40):
        run = simulate(
            scenario(
                MIXTURE,
                pool(1, 1),
                experts=Experts.model_validate(
                    {"popularity": {"kind": "lognormal", "sigma": 1.0}, "draws": "device"}
                ),
                workload=work(1, prompt=4, output=1),
                seed=seed,
            )
        )

        assert run.requests["status"].tolist() == ["finished"]


def test_per_node_dispatch_refuses_an_expert_that_is_spread_over_boxes() -> None:
    spread = pool(1, 4, expert_tp=2, devices=(0, 2, 1, 3))
    asked = scenario(
        MIXTURE, spread, on=switched(2, 2), experts=Experts.model_validate({"dispatch": "per-node"})
    )

    with pytest.raises(ScenarioError, match=r"per-node.*box0/gpus0, box1/gpus0.*per-device"):
        check(asked)


@pytest.mark.parametrize("until_s", [4.9e-4, 6.1e-4, 6.8e-4])
def test_a_cut_step_leaves_no_bytes_even_where_replicas_contend(until_s: float) -> None:
    pair = pool(2, replicas=2, devices=(0, 2, 1, 3))

    run = simulate(scenario(DENSE, pair, on=two_sockets(), until_s=until_s))

    assert (run.recorder.devices.cut_s > 0).any()
    assert run.links["contended_s"].max() > 0
    assert run.links["bytes"].sum() == pytest.approx(run.transfers["link_bytes"].sum(), rel=1e-12)
