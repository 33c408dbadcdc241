import pytest

import sim
from sim.physics.operators import operators
from sim.physics.roofline import seconds
from sim.physics.sums import prefill
from sim.simulation import Run


def run(profile: str, *settings: str) -> Run:
    few = ["topology=dgx-h100", f"engine.profile={profile}", *(settings or ["workload.limit=6"])]
    return sim.simulate(sim.load_scenario("chat-llama-70b", few))


@pytest.fixture(scope="module")
def measured() -> Run:
    return run("measured")


def test_constants_measure_nothing() -> None:
    share = run("plain").measured_share

    assert share is not None
    assert share.inside == 0
    assert sum(share.outside.values()) == pytest.approx(1)


def test_the_shares_are_of_all_time(measured: Run) -> None:
    share = measured.measured_share

    assert share is not None
    assert share.inside + sum(share.outside.values()) == pytest.approx(1)
    assert list(share.outside.values()) == sorted(share.outside.values(), reverse=True)
    assert measured.summary()["sim_measured_share"] == share.inside


def test_products_of_a_measured_device_are_inside(measured: Run) -> None:
    share = measured.measured_share

    assert share is not None
    assert share.inside > 0.5
    assert "gemm" not in share.outside
    assert {"communication", "elementwise"} <= set(share.outside)


def test_what_moves_bytes_alone_is_outside_as_long_as_it_takes() -> None:
    # One prompt, and an answer of the token that it ends with: a single step.
    lengths = "requests: 1, arrivals: {kind: at-once}, prompt_tokens: 512, output_tokens: 1"
    one_step = run("measured", f"workload={{{lengths}}}")
    scenario, device = one_step.scenario, one_step.scenario.topology.devices[0]
    kernels = operators(scenario.model, scenario.deployment.precision, 8, prefill(512.0))
    moved_s = sum(
        one.layers * float(seconds(one.work, device, scenario.engine.profile))
        for one in kernels
        if one.kernel == "elementwise"
    )
    steps = one_step.steps

    share = one_step.measured_share

    assert len(steps) == 1
    assert share is not None
    lasted_s = (steps["end_s"] - steps["start_s"]).item()
    assert share.outside["elementwise"] == pytest.approx(moved_s / lasted_s)


def test_rings_of_a_measured_fabric_are_inside_and_other_algorithms_outside() -> None:
    ring = run("measured", "workload.limit=6", "engine.all_reduce=ring").measured_share
    direct = run("measured", "workload.limit=6", "engine.all_reduce=two-shot").measured_share

    assert ring is not None
    assert direct is not None
    # What is left is the gather of logits, which goes as it likes.
    assert ring.outside.get("communication", 0.0) < 0.2 * direct.outside["communication"]


def test_copies_to_each_expert_were_measured_and_copies_to_each_device_were_not() -> None:
    few = ["topology=dgx-h200", "engine.profile=measured", "workload.limit=4"]
    protocols = ("per-expert", "per-device")

    alone, together = (
        sim.simulate(sim.load_scenario("chat-deepseek-r1", [*few, f"experts.dispatch={one}"]))
        for one in protocols
    )

    assert alone.measured_share is not None
    assert together.measured_share is not None
    assert "communication" not in alone.measured_share.outside
    assert together.measured_share.outside["communication"] > 0


def test_another_device_by_the_same_curves_was_not_measured() -> None:
    share = run("measured", "topology=dgx-b200", "workload.limit=6").measured_share

    assert share is not None
    assert share.inside == 0


def test_it_does_not_depend_on_how_steps_were_played(measured: Run) -> None:
    assert (
        run("measured", "fidelity=layer", "workload.limit=6").measured_share
        == measured.measured_share
    )
