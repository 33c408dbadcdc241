import pytest

import sim
from sim.simulation import Run


def run(profile: str, *settings: str) -> Run:
    few = ["topology=dgx-h100", f"engine.profile={profile}", "workload.limit=6", *settings]
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


def test_another_device_by_the_same_curves_was_not_measured() -> None:
    share = run("measured", "topology=dgx-b200").measured_share

    assert share is not None
    assert share.inside == 0


def test_it_does_not_depend_on_how_steps_were_played(measured: Run) -> None:
    assert run("measured", "fidelity=layer").measured_share == measured.measured_share
