"""Bytes that move beside serving: alone as by hand, and in company as fair sharing says."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.errors import ScenarioError
from sim.serving import mover
from sim.simulation import Run, simulate
from sim.spec.scenario import Record, Scenario
from sim.spec.topology import TopologySpec
from tests.laws.random_scenarios import FAST, SWEEP
from tests.laws.scenarios import (
    DENSE,
    engine,
    group,
    join,
    pool,
    scenario,
    topology,
    two_sockets,
    work,
)
from tests.laws.test_fidelity import check_in_company, scenarios_in_company
from tests.laws.test_network_events import fail, with_links, with_movements

RATE_BYTES_PER_S, HOP_S = 1e9, 1e-6
LATENCY_S = 2 * HOP_S


def one_switch(devices: int = 4) -> TopologySpec:
    """Devices on one PCIe switch."""
    groups = {"gpus": group("device", devices), "switch": group("switch")}
    return topology(1, groups, [join("gpus", "switch", "all", RATE_BYTES_PER_S, HOP_S)])


def movement(**more: Any) -> dict[str, Any]:
    return {"name": "weights", "from_devices": [0], "to_devices": [1], "bytes": 1e6} | more


def idle(*movements: dict[str, Any], **more: Any) -> Run:
    """Two requests, a second from one another, of one device that sends nothing."""
    seldom = work(2, {"kind": "fixed", "rate_per_s": 1.0}, output=2)
    asked = scenario(DENSE, pool(1), on=one_switch(), workload=seldom, **more)
    return simulate(with_movements(asked, *movements))


def test_alone_it_takes_its_latency_and_its_bytes() -> None:
    run = idle(movement(at_s=0.25))

    (row,) = run.recorder.movements
    assert row.start_s == 0.25
    assert row.end_s == pytest.approx(0.25 + LATENCY_S + 1e-3)
    assert row.alone_s == pytest.approx(LATENCY_S + 1e-3)
    used = run.links[run.links["bytes"] > 0].set_index("link")
    assert used["bytes"].to_dict() == {
        "box0/gpus0>box0/switch0": 1e6,
        "box0/switch0>box0/gpus1": 1e6,
    }
    assert used["busy_s"].to_numpy() == pytest.approx(1e-3)


def test_from_one_to_several_it_takes_as_long_as_the_sender_needs() -> None:
    (row,) = idle(movement(to_devices=["box0/gpus1", 2, 3])).recorder.movements

    assert row.bytes == 3e6
    assert row.end_s == pytest.approx(LATENCY_S + 3e-3)


def test_it_is_no_faster_than_it_may_be() -> None:
    run = idle(movement(at_most_bytes_per_s=1e8), movement(name="fast", at_most_bytes_per_s=1e12))

    fast, slow = run.recorder.movements
    assert (fast.name, slow.name) == ("fast", "weights")
    # For 1.1 ms together: the slow one has a tenth of the link, the other what is left of it.
    assert fast.end_s == pytest.approx(LATENCY_S + 1e-3 / 0.9)
    assert slow.end_s == pytest.approx(LATENCY_S + 1e-2)


def test_it_begins_anew_after_so_long_until_its_end() -> None:
    run = idle(movement(at_s=0.1, every_s=0.2, until_s=0.5))

    assert run.movements["start_s"].to_numpy() == pytest.approx([0.1, 0.3])
    assert run.links["bytes"].sum() == pytest.approx(4e6)


def test_one_that_takes_longer_than_that_begins_anew_when_it_has_ended() -> None:
    run = idle(movement(every_s=4e-4, until_s=3e-3))

    starts_s = run.movements["start_s"].to_numpy()
    assert starts_s == pytest.approx([0.0, 1e-3 + LATENCY_S, 2 * (1e-3 + LATENCY_S)])


def test_one_that_the_end_cuts_off_has_no_end_and_its_bytes_do_not_count() -> None:
    run = idle(movement(bytes=1e12))

    assert run.movements["end_s"].isna().tolist() == [True]
    assert run.links["bytes"].sum() == 0


def served(*movements: dict[str, Any], **more: Any) -> Scenario:
    """A replica of two devices, whose all-reduces cross the switch; nobody else."""
    asked = scenario(
        DENSE,
        pool(2),
        on=one_switch(),
        workload=work(1, prompt=20, output=40),
        engine=engine(all_reduce="ring", all_gather="ring"),
        **more,
    )
    return with_movements(asked, *movements)


# Seven all-reduces of 256 bytes and a gather of 1,000 leave each of the two devices in a step.
STEP_BYTES = 7 * 256 + 1000
STEP_LATENCY_S = (7 * 2 + 1) * LATENCY_S


def test_it_slows_steps_down_on_the_links_that_it_shares_and_they_it() -> None:
    # From device 0 to device 2: each of the replica's transfers has half of device 0's way out,
    # for ring all-reduces are one stream there, and the movement is one.
    plain = simulate(served())
    whole_s = plain.recorder.elapsed_s

    run = simulate(served(movement(to_devices=[2], at_s=whole_s / 2, bytes=whole_s / 8 * 1e9)))

    (row,) = run.recorder.movements
    assert row.end_s is not None
    steps = run.steps[run.steps["kind"] == "decode"]
    beside = steps[(steps["start_s"] > row.start_s) & (steps["end_s"] < row.end_s)]
    apart = steps[(steps["end_s"] < row.start_s) | (steps["start_s"] > row.end_s)]
    assert min(len(beside), len(apart)) > 3
    drain_s = STEP_BYTES / RATE_BYTES_PER_S
    assert apart["collective_s"].to_numpy() == pytest.approx(STEP_LATENCY_S + drain_s)
    assert beside["collective_s"].to_numpy() == pytest.approx(STEP_LATENCY_S + 2 * drain_s)
    # What the steps sent meanwhile is what the movement had to wait for.
    by_link = run.links.set_index("link")["bytes"]
    whole_bytes = plain.links.set_index("link")["bytes"]["box0/gpus0>box0/switch0"]
    assert by_link["box0/gpus0>box0/switch0"] == pytest.approx(whole_bytes + row.bytes)
    late_s = row.end_s - row.start_s - row.alone_s
    assert late_s > len(beside) * drain_s
    assert late_s < (len(beside) + 2) * drain_s


def test_on_links_of_its_own_it_disturbs_nobody() -> None:
    run = simulate(served(movement(from_devices=[2], to_devices=[3])))

    plain = simulate(served())
    assert len(run.movements) == 1
    for name in ("requests", "steps", "transfers"):
        one, other = getattr(run, name), getattr(plain, name)
        pd.testing.assert_frame_equal(one, other, check_exact=True)


def test_steps_are_fused_again_when_it_has_ended() -> None:
    whole_s = simulate(served()).recorder.elapsed_s
    record = Record(steps="stretch")

    run = simulate(served(movement(at_s=whole_s / 2, bytes=whole_s / 20 * 1e9), record=record))

    (row,) = run.recorder.movements
    together = run.steps[run.steps["steps"] > 1]
    assert (together["end_s"] < row.start_s).sum() == 1
    assert (together["start_s"] > row.start_s).sum() == 1
    assert run.steps["steps"].sum() == 40


def test_it_waits_for_a_way() -> None:
    seldom = work(2, {"kind": "fixed", "rate_per_s": 1.0}, output=2)
    asked = scenario(DENSE, pool(1), on=one_switch(), workload=seldom)
    half_s = LATENCY_S + 5e-4
    cut = with_links(asked, fail("box0/gpus1", half_s, 0.5))

    run = simulate(with_movements(cut, movement(), movement(name="later", at_s=0.25)))

    first, later = run.recorder.movements
    # Both go on or begin at half a second; then they share the link.
    assert (first.name, later.name) == ("weights", "later")
    assert first.end_s == pytest.approx(0.5 + LATENCY_S + 2 * (5e-4 - LATENCY_S / 2), rel=1e-4)
    assert later.start_s == 0.5
    assert later.end_s == pytest.approx(0.5 + 1.5e-3, rel=1e-4)
    assert run.links.set_index("link")["bytes"]["box0/gpus0>box0/switch0"] == pytest.approx(2e6)


@st.composite
def moved(draw: st.DrawFn, asked: Scenario) -> Scenario:
    """Movements over links that replicas use, or others, at any time."""
    whole_s = simulate(asked).recorder.elapsed_s
    devices = len(asked.topology.devices)
    ends = st.lists(st.integers(0, devices - 1), min_size=2, max_size=2, unique=True)
    movements = []
    for number in range(draw(st.integers(1, 2))):
        source, target = draw(ends)
        at_s = draw(st.floats(1e-7, 1.0)) * whole_s
        repeats = draw(st.booleans())
        movements.append(
            movement(
                name=f"{number}",
                from_devices=[source],
                to_devices=[target],
                at_s=at_s,
                bytes=draw(st.floats(0.01, 0.5)) * whole_s * 2.5e8,
                every_s=draw(st.floats(0.05, 0.5)) * whole_s if repeats else None,
                until_s=2 * whole_s if repeats else None,
            )
        )
    return with_movements(asked, *movements)


@given(st.data())
@FAST
def test_auto_is_layer_beside_movements(data: st.DataObject) -> None:
    check_in_company(data.draw(moved(data.draw(scenarios_in_company()))))


@pytest.mark.slow
@given(st.data())
@SWEEP
def test_auto_is_layer_beside_movements_in_many_runs(data: st.DataObject) -> None:
    check_in_company(data.draw(moved(data.draw(scenarios_in_company()))))


def test_boxes_move_device_by_device() -> None:
    seldom = work(2, {"kind": "fixed", "rate_per_s": 1.0}, output=2)
    asked = scenario(DENSE, pool(1), on=two_sockets(2), workload=seldom)

    run = simulate(with_movements(asked, movement(from_devices=["box0"], to_devices=["box1"])))

    # Eight pairs of 1 MB each share the one network card: 8 MB at 250 MB/s.
    (row,) = run.recorder.movements
    assert row.alone_s == pytest.approx(8e6 / 2.5e8, rel=1e-3)
    received = run.links[run.links["link"].str.fullmatch(r"box1/switches\d>box1/gpus\d")]
    assert received["bytes"].to_numpy() == pytest.approx(np.full(8, 1e6))


def test_a_movement_does_not_begin_more_often_than_a_run_can_follow(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(mover, "MOST_TIMES", 3)
    thrice = movement(at_s=0.0, every_s=0.2, until_s=0.5)

    assert len(idle(thrice).recorder.movements) == 3
    with pytest.raises(ScenarioError, match="began 3 times by"):
        idle({**thrice, "until_s": 0.7})
