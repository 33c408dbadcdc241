"""Every second of every device has one cause, in its compute and in its communication lane."""

from collections import defaultdict

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.record.recorder import StepRow, TransferRow
from sim.simulation import Run, simulate
from sim.spec.scenario import Scenario
from tests.laws.random_scenarios import FAST, SWEEP, scenarios
from tests.laws.scenarios import (
    LATENT,
    ROUGH,
    engine,
    pool,
    scenario,
    work,
)

COMMUNICATION = ("dispatch", "combine", "collective")


def computing_s(step: StepRow) -> float:
    return step.attention_s + step.dense_s + step.experts_s + step.overhead_s


def moving_s(step: StepRow) -> float:
    return step.dispatch_s + step.combine_s + step.collective_s


def check_lanes(run: Run) -> None:
    """`empty` is a remainder in the frame, so it is compared with the steps' own instants."""
    elapsed_s, frame = run.recorder.elapsed_s, run.devices
    in_steps_s, communicating_s = np.zeros(len(frame)), np.zeros(len(frame))
    for one in run.deployed.replicas:
        place = (one.layout.pool.name, one.layout.number)
        steps = [step for step in run.recorder.steps if (step.pool, step.replica) == place]
        in_steps_s[list(one.layout.devices)] = sum(step.end_s - step.start_s for step in steps)
        communicating_s[list(one.layout.devices)] = sum(moving_s(step) for step in steps)
    busy_s, wait_s, overhead_s, moving, empty_s, cut_s = (
        frame[name].to_numpy()
        for name in ("busy_s", "wait_s", "overhead_s", "communication_s", "empty_s", "cut_s")
    )
    rounding_s = 1e-9 * elapsed_s

    assert busy_s + wait_s + overhead_s + moving == pytest.approx(in_steps_s, abs=rounding_s)
    assert empty_s == pytest.approx(elapsed_s - in_steps_s - cut_s, abs=rounding_s)
    in_communication_lane = ("communication_busy_s", "communication_idle_compute_s")
    lane_s = frame[[*in_communication_lane, "empty_s", "cut_s"]].to_numpy().sum(axis=1)
    assert lane_s == pytest.approx(np.full(len(frame), elapsed_s))
    assert frame["communication_busy_s"].to_numpy() == pytest.approx(communicating_s)
    assert min(busy_s.min(), cut_s.min(), empty_s.min()) >= 0
    assert wait_s.min() >= -rounding_s


def check_steps(run: Run) -> None:
    """A step is the sum of its parts, and its transfers follow one another inside it."""
    rounding_s = 1e-9 * run.recorder.elapsed_s
    transfers: defaultdict[tuple[str, int, int], list[TransferRow]] = defaultdict(list)
    for row in run.recorder.transfers:
        transfers[row.pool, row.replica, row.step].append(row)
    for step in run.recorder.steps:
        length_s = step.end_s - step.start_s
        assert computing_s(step) + moving_s(step) == pytest.approx(length_s, abs=rounding_s)
        assert step.exposed_communication_s == pytest.approx(moving_s(step))
        if not run.scenario.record.transfers:
            continue
        found = transfers.pop((step.pool, step.replica, step.step), [])
        assert all(row.kind in COMMUNICATION for row in found)
        assert sum(row.duration_s for row in found) == pytest.approx(moving_s(step))
        free_from_s = step.start_s
        for row in found:
            assert row.start_s >= free_from_s - rounding_s
            free_from_s = row.start_s + row.duration_s
        assert free_from_s <= step.end_s + rounding_s
    assert not transfers


@given(scenarios(), st.sampled_from([None, None, 1e-3, 5e-3]))
@FAST
def test_busy_and_idle_by_cause_add_up_to_the_run(asked: Scenario, until_s: float | None) -> None:
    run = simulate(asked.model_copy(update={"until_s": until_s}))

    check_lanes(run)
    check_steps(run)


@pytest.mark.slow
@given(scenarios(), st.sampled_from([None, None, 1e-3, 5e-3]))
@SWEEP
def test_lanes_add_up_in_many_runs(asked: Scenario, until_s: float | None) -> None:
    run = simulate(asked.model_copy(update={"until_s": until_s}))

    check_lanes(run)
    check_steps(run)


@pytest.mark.parametrize("fidelity", ["auto", "layer"])
def test_a_step_cut_by_the_end_of_the_run_is_neither_busy_nor_empty(fidelity: str) -> None:
    whole = scenario(
        LATENT,
        pool(1, 2),
        engine=engine(profile=ROUGH),
        workload=work(2, "at-once", 30, 5),
        fidelity=fidelity,
    )
    third = simulate(whole).steps.iloc[2]
    until_s = float(third["start_s"] + third["end_s"]) / 2

    run = simulate(whole.model_copy(update={"until_s": until_s}))

    assert run.devices["cut_s"].to_numpy()[:2] == pytest.approx(until_s - third["start_s"])
    assert run.devices["empty_s"].to_numpy()[:2] == pytest.approx(0.0, abs=1e-12)
    assert np.isin(run.steps["step"], [1, 2]).all()
