"""Links fail and degrade in the middle of a run: replicas slow down, go round, or stand still."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from sim.simulation import Run, simulate
from sim.spec.network_events import LinkEvents, Movements
from sim.spec.scenario import Record, Scenario
from sim.spec.topology import TopologySpec
from tests.laws.random_scenarios import FAST, SWEEP, scenarios
from tests.laws.scenarios import (
    DENSE,
    LATENT,
    engine,
    group,
    join,
    pool,
    scenario,
    switched,
    topology,
    two_sockets,
    work,
)
from tests.laws.test_fidelity import (
    by_replica,
    check,
    check_in_company,
    played,
    scenarios_in_company,
)

ACROSS = (0, 7)
"""Devices of one replica on either socket."""
SOCKETS = "box0/cpus0-box0/cpus1"


def with_links(asked: Scenario, *events: dict[str, Any]) -> Scenario:
    links = TypeAdapter(LinkEvents).validate_python(list(events))
    return asked.model_copy(update={"links": links})


def with_movements(asked: Scenario, *movements: dict[str, Any]) -> Scenario:
    listed = TypeAdapter(Movements).validate_python(list(movements))
    return asked.model_copy(update={"movements": listed})


def fail(link: str, at_s: float, until_s: float | None = None) -> dict[str, Any]:
    return {"kind": "fail", "link": link, "at_s": at_s, "until_s": until_s}


def degrade(link: str, to_share: float, at_s: float, until_s: float | None = None) -> Any:
    return {**fail(link, at_s, until_s), "kind": "degrade", "to_share": to_share}


def one_replica(**more: Any) -> Scenario:
    return scenario(
        DENSE,
        pool(2, devices=ACROSS),
        on=two_sockets(),
        workload=work(1, prompt=20, output=30),
        engine=engine(all_reduce="ring", all_gather="ring"),
        **more,
    )


def decode_steps(run: Run) -> pd.DataFrame:
    return run.steps[run.steps["kind"] == "decode"]


def spines() -> TopologySpec:
    """Two leaves of two devices, joined over two equal spines."""
    groups = {
        "gpus": group("device", 4),
        "leaves": group("switch", 2),
        "spines": group("switch", 2),
    }
    return topology(
        1,
        groups,
        [join("gpus", "leaves", "blocks", 1e9, 1e-6), join("leaves", "spines", "all", 5e8, 1e-6)],
    )


# A step's seven all-reduces put 256 bytes on each direction of the two devices' way, and the
# gather of logits 1,000; alone each takes its latency and its bytes at the slowest link.
CROSSING_BYTES = 7 * 256 + 1000


def test_a_step_on_a_degraded_link_takes_its_bytes_at_what_is_left_of_it() -> None:
    built = one_replica()
    half_s = simulate(built).recorder.elapsed_s / 2

    run = simulate(with_links(built, degrade("box0/cpus0>box0/cpus1", 0.25, half_s)))

    steps = decode_steps(run)
    before, after = steps[steps["end_s"] < half_s], steps[steps["start_s"] > half_s]
    assert min(len(before), len(after)) > 5
    drain_s = CROSSING_BYTES / 4e8
    latency_s = before["collective_s"].iloc[0] - drain_s
    assert before["collective_s"].to_numpy() == pytest.approx(latency_s + drain_s)
    assert after["collective_s"].to_numpy() == pytest.approx(latency_s + 4 * drain_s)
    assert latency_s == pytest.approx((7 * 2 + 1) * (0.3e-6 * 4 + 0.4e-6))


def test_replicas_slow_down_and_lose_no_byte() -> None:
    built = one_replica()
    plain = simulate(built)
    half_s = plain.recorder.elapsed_s / 2

    run = simulate(with_links(built, degrade(SOCKETS, 0.1, half_s, 2 * half_s)))

    assert run.recorder.elapsed_s > 1.1 * plain.recorder.elapsed_s
    assert run.links["bytes"].to_numpy() == pytest.approx(plain.links["bytes"].to_numpy())
    assert run.transfers["link_bytes"].sum() == pytest.approx(run.links["bytes"].sum())


def test_without_one_of_two_equal_spines_half_is_left() -> None:
    # 50 MB each of two pairs at 500 MB/s until 40 ms, when 30 MB of each are left; these share the
    # spine that is left.
    seldom = work(2, {"kind": "fixed", "rate_per_s": 1.0})
    asked = scenario(DENSE, pool(1), on=spines(), workload=seldom)
    moved = {"name": "w", "from_devices": [0, 1], "to_devices": [2, 3], "bytes": 5e7}
    latency_s = 4e-6

    run = simulate(with_movements(with_links(asked, fail("box0/spines0", latency_s + 0.04)), moved))

    (row,) = run.recorder.movements
    assert row.alone_s == pytest.approx(latency_s + 0.1)
    assert row.end_s == pytest.approx(latency_s + 0.04 + 0.06 * 2)
    by_link = run.links.set_index("link")["bytes"]
    over = [by_link[f"box0/leaves0>box0/spines{number}"] for number in (0, 1)]
    assert over == pytest.approx([2e7, 8e7])


def test_without_the_link_between_sockets_all_goes_round() -> None:
    # Over the network card: 300 MB/s in place of 400, and 0.2 us more.
    built = one_replica()
    half_s = simulate(built).recorder.elapsed_s / 2

    run = simulate(with_links(built, fail(SOCKETS, half_s)))

    steps = decode_steps(run)
    before, after = steps[steps["end_s"] < half_s], steps[steps["start_s"] > half_s]
    longer_s = CROSSING_BYTES * (1 / 3e8 - 1 / 4e8) + (7 * 2 + 1) * 0.2e-6
    assert after["collective_s"].iloc[0] - before["collective_s"].iloc[0] == pytest.approx(longer_s)
    by_link = run.links.set_index("link")["bytes"]
    assert by_link["box0/nic0>box0/cpus1"] > 0
    whole = simulate(built).links.set_index("link")["bytes"]["box0/cpus0>box0/cpus1"]
    across = by_link["box0/nic0>box0/cpus1"] + by_link["box0/cpus0>box0/cpus1"]
    assert across == pytest.approx(whole)


def test_without_its_only_link_a_device_is_reported_and_its_replica_stands_still() -> None:
    built = one_replica()
    half_s = simulate(built).recorder.elapsed_s / 2

    run = simulate(with_links(built, fail("box0/gpus7-box0/switches3", half_s)))

    assert run.stops == [
        f"box0/gpus7 out of reach from {half_s:g} s on, with box0/gpus7-box0/switches3 failed: "
        "replica 0 of pool main stands still"
    ]
    summary = run.summary()
    assert summary["sim_unfinished"] == 1
    assert summary["sim_stops"]["main 0"][0]["from_s"] == half_s
    assert summary["sim_stops"]["main 0"][0]["until_s"] is None
    assert half_s <= run.recorder.elapsed_s < 1.1 * half_s


def test_it_goes_on_when_the_link_is_back_and_has_lost_just_that_time() -> None:
    built = one_replica()
    plain = simulate(built)
    half_s = plain.recorder.elapsed_s / 2

    run = simulate(with_links(built, fail("box0/gpus7", half_s, half_s + 10.0)))

    assert run.summary()["completed"] == 1
    lost_s = run.recorder.elapsed_s - plain.recorder.elapsed_s
    # What computes when the link fails goes on to its end.
    assert 10.0 - 1e-4 < lost_s <= 10.0 + 1e-12
    assert run.links["bytes"].to_numpy() == pytest.approx(plain.links["bytes"].to_numpy())
    lanes = run.devices.loc[
        list(ACROSS), ["busy_s", "wait_s", "communication_s", "overhead_s", "empty_s", "cut_s"]
    ]
    assert lanes.sum(axis=1).to_numpy() == pytest.approx(run.recorder.elapsed_s)


def two_replicas(**more: Any) -> Scenario:
    arrivals = {"kind": "fixed", "rate_per_s": 2000.0}
    return scenario(
        DENSE,
        pool(2, replicas=2, devices=(0, 1, 6, 7)),
        on=two_sockets(),
        router="round-robin",
        workload=work(20, arrivals, prompt=8, output=4),
        **more,
    )


def test_nobody_is_sent_to_a_replica_that_stands_still() -> None:
    built = two_replicas()
    last_s = simulate(built).requests["arrival_s"].max()
    from_s, until_s = last_s * 0.31, last_s * 0.71

    run = simulate(with_links(built, fail("box0/gpus0", from_s, until_s)))

    came = run.requests["arrival_s"]
    inside = run.requests[(came > from_s) & (came < until_s)]
    assert len(inside) > 5
    assert set(inside["replica"]) == {1}
    assert 0 in set(run.requests[came > until_s]["replica"])
    assert run.summary()["completed"] == 20


@pytest.mark.parametrize("until_s", [None, 0.5])
def test_with_no_replica_left_requests_wait_for_one_or_for_the_end(until_s: float | None) -> None:
    built = two_replicas()
    cuts = [fail(name, 1e-3, until_s) for name in ("box0/gpus0", "box0/gpus7")]

    run = simulate(with_links(built, *cuts))

    assert len(run.requests) == 20
    assert len(run.stops) == 2
    if until_s is None:
        assert run.summary()["sim_unfinished"] > 10
        assert run.recorder.elapsed_s == run.requests["arrival_s"].max()
    else:
        assert run.summary()["completed"] == 20
        assert set(run.requests[run.requests["arrival_s"] > 1e-3]["replica"]) == {0, 1}
        assert run.requests["ttft_s"].max() > 0.49


def test_a_device_that_sends_nothing_needs_no_link() -> None:
    asked = scenario(DENSE, pool(1), on=two_sockets())

    cut = simulate(with_links(asked, fail("box0/gpus0", 0.0)))

    assert cut.stops == []
    pd.testing.assert_frame_equal(cut.requests, simulate(asked).requests, check_exact=True)


def test_all_of_a_link_is_no_change_to_the_bit() -> None:
    built = two_replicas()

    same = simulate(with_links(built, degrade("gpus-switches", 1.0, 1e-3, 2e-3)))

    plain = simulate(built)
    for name in ("requests", "steps", "transfers", "links", "devices"):
        one, other = getattr(same, name), getattr(plain, name)
        pd.testing.assert_frame_equal(one, other, check_exact=True)


def test_who_uses_none_of_the_links_does_not_notice() -> None:
    built = two_replicas()
    half_s = simulate(built).recorder.elapsed_s / 2

    far = simulate(with_links(built, fail("box0/nic0", half_s), degrade("box0/gpus3", 0.1, half_s)))

    plain = simulate(built)
    for name in ("requests", "steps", "transfers"):
        one, other = getattr(far, name), getattr(plain, name)
        pd.testing.assert_frame_equal(one, other, check_exact=True)


LINKS = {
    "two": ["box0/cpus0", SOCKETS, "box0/gpus0", "gpus-switches", "box0/switches0"],
    "switched": ["box0/gpus0", "box0/nics0", "box0/nvswitch0", "gpus-nics", "gpus-nvswitch"],
}


@st.composite
def happenings(draw: st.DrawFn, asked: Scenario) -> Scenario:
    """Up to three, at any instant or just as a step ends."""
    ends_s = simulate(asked).steps["end_s"].tolist() or [1e-3]
    instants = st.one_of(st.sampled_from(ends_s), st.floats(1e-7, 1.1 * ends_s[-1]))
    names = LINKS["two" if "cpus" in asked.topology.groups else "switched"]
    events = []
    for _ in range(draw(st.integers(1, 3))):
        at_s, link = draw(instants), draw(st.sampled_from(names))
        lasts_s = draw(st.sampled_from([None, 0.05, 0.4]))
        until_s = None if lasts_s is None else at_s + lasts_s * ends_s[-1]
        shares = st.sampled_from([0.1, 0.5, 1.0])
        fails = draw(st.booleans())
        events.append(
            fail(link, at_s, until_s) if fails else degrade(link, draw(shares), at_s, until_s)
        )
    return with_links(asked, *events)


def alone(asked: Scenario) -> Scenario:
    """With one replica: what shares no link agrees to the bit."""
    pools = tuple(one.model_copy(update={"replicas": 1}) for one in asked.deployment.pools)
    pools = tuple(
        one.model_copy(update={"devices": one.devices and one.devices[: one.attention_devices]})
        for one in pools
    )
    deployment = asked.deployment.model_copy(update={"pools": pools})
    return asked.model_copy(update={"deployment": deployment})


@given(st.data())
@FAST
def test_auto_equals_layer_to_the_bit_whatever_happens(data: st.DataObject) -> None:
    check(data.draw(happenings(alone(data.draw(scenarios())))))


@pytest.mark.slow
@given(st.data())
@SWEEP
def test_auto_equals_layer_in_many_runs_whatever_happens(data: st.DataObject) -> None:
    check(data.draw(happenings(alone(data.draw(scenarios())))))


@given(st.data())
@FAST
def test_auto_is_layer_in_company_whatever_happens(data: st.DataObject) -> None:
    check_in_company(data.draw(happenings(data.draw(scenarios_in_company()))))


@pytest.mark.slow
@given(st.data())
@SWEEP
def test_auto_is_layer_in_company_in_many_runs_whatever_happens(data: st.DataObject) -> None:
    check_in_company(data.draw(happenings(data.draw(scenarios_in_company()))))


@pytest.mark.parametrize("model", [DENSE, LATENT], ids=["dense", "latent"])
def test_every_byte_goes_once_through_failures_and_back(model: Any) -> None:
    built = scenario(
        model, pool(2, devices=ACROSS), on=two_sockets(), workload=work(2, prompt=20, output=20)
    )
    plain = simulate(built)
    whole_s = plain.recorder.elapsed_s
    events = [fail(SOCKETS, whole_s * part, whole_s * (part + 0.07)) for part in (0.2, 0.4, 0.6)]

    run = simulate(with_links(built, *events))

    # All that leaves the devices is as before, whichever way it goes from there.
    at_devices = plain.links["link"].str.contains("gpus")
    assert run.links["bytes"][at_devices].to_numpy() == pytest.approx(
        plain.links["bytes"][at_devices].to_numpy()
    )
    round_about = run.links.set_index("link")["bytes"]["box0/nic0>box0/cpus1"]
    assert round_about > 0
    assert run.transfers["link_bytes"].sum() == pytest.approx(run.links["bytes"].sum())


def test_happenings_are_the_same_run_twice() -> None:
    asked = with_links(two_replicas(), fail(SOCKETS, 1e-3), fail("box0/gpus0", 2e-3, 3e-3))

    one, other = simulate(asked), simulate(asked)

    for name in ("requests", "steps", "links"):
        pd.testing.assert_frame_equal(getattr(one, name), getattr(other, name), check_exact=True)


def test_after_a_change_steps_are_fused_again() -> None:
    asked = one_replica(record=Record())
    at_s = simulate(asked).recorder.elapsed_s / 2
    changed = with_links(asked, degrade(SOCKETS, 0.5, at_s))

    run = simulate(changed.model_copy(update={"record": Record(steps="stretch")}))

    # The prompt; by rule; the step in which it happened; by rule again.
    assert run.steps["steps"].tolist()[0] == 1
    assert len(run.steps) == 4
    assert run.steps["steps"].sum() == len(simulate(changed).steps) == 30
    assert np.array_equal(
        by_replica(played(changed, by_rule=False).steps)["end_s"],
        by_replica(simulate(changed).steps)["end_s"],
    )


def test_a_run_that_a_movement_would_keep_going_for_ever_is_refused() -> None:
    asked = with_movements(
        with_links(one_replica(), fail("box0/gpus7", 1e-3)),
        {"name": "w", "from_devices": [0], "to_devices": [1], "bytes": 1e3, "every_s": 1.0},
    )

    with pytest.raises(Exception, match=r"movements.0.every_s: goes on for ever"):
        simulate(asked)
    assert simulate(asked.model_copy(update={"until_s": 5.0})).recorder.elapsed_s == 5.0


def test_a_switch_that_must_reduce_and_cannot_is_said() -> None:
    built = scenario(DENSE, pool(2), on=switched(1, 2, reduces=True), workload=work(1, output=30))
    asked = built.model_copy(
        update={"engine": built.engine.model_copy(update={"all_reduce": "in-switch"})}
    )
    at_s = simulate(asked).recorder.elapsed_s / 2

    run = simulate(with_links(asked, fail("box0/nvswitch0", at_s)))

    assert len(run.stops) == 1
    assert f"from {at_s:g} s on, with box0/nvswitch0 failed" in run.stops[0]
