"""Steps as one event (`auto`) are the steps phase by phase (`layer`), to the bit."""

from collections.abc import Callable
from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim import simulation
from sim.simulation import Run, simulate
from sim.spec.scenario import Scenario
from tests.laws.random_scenarios import FAST, SWEEP, scenarios
from tests.laws.scenarios import (
    DENSE,
    LATENT,
    pool,
    scenario,
    switched,
    work,
)


def by_replica(frame: pd.DataFrame) -> pd.DataFrame:
    """Replicas that end steps at one instant may be recorded in either order."""
    return frame.sort_values(["pool", "replica", "step"], kind="stable", ignore_index=True)


def check_equal(one: Run, other: Run) -> None:
    for name in ("requests", "links", "devices", "experts"):
        pd.testing.assert_frame_equal(getattr(one, name), getattr(other, name), check_exact=True)
    for name in ("steps", "transfers"):
        fused, phased = (by_replica(getattr(run, name)) for run in (one, other))
        pd.testing.assert_frame_equal(fused, phased, check_exact=True)
    assert one.recorder.elapsed_s == other.recorder.elapsed_s


def check(asked: Scenario) -> None:
    auto = simulate(asked)
    layer = simulate(asked.model_copy(update={"fidelity": "layer"}))

    check_equal(auto, layer)


ENDS_S = st.sampled_from([None, None, 1e-3, 5e-3])


@given(scenarios(), ENDS_S)
@FAST
def test_auto_equals_layer_to_the_bit(asked: Scenario, until_s: float | None) -> None:
    check(asked.model_copy(update={"until_s": until_s}))


@pytest.mark.slow
@given(scenarios(), ENDS_S)
@SWEEP
def test_auto_equals_layer_in_many_runs(asked: Scenario, until_s: float | None) -> None:
    check(asked.model_copy(update={"until_s": until_s}))


def players_of(asked: Scenario) -> list[str]:
    """How each replica of a run was played."""
    used: list[str] = []

    def noted(name: str) -> Callable[..., Any]:
        make = getattr(simulation, name)

        def player(*given: Any) -> Any:
            used.append(name)
            return make(*given)

        return player

    with pytest.MonkeyPatch.context() as patch:
        for name in ("fused", "phase_by_phase"):
            patch.setattr(simulation, name, noted(name))
        simulate(asked)
    return used


APART = pool(2, replicas=2)  # each inside its own box
OWN_RAILS = pool(2, replicas=2, devices=(0, 2, 1, 3))  # each over both boxes, on its own rail


@pytest.mark.parametrize(
    ("replicas", "nics", "expected"),
    [
        (pool(2), 2, ["fused"]),
        (APART, 2, ["fused", "fused"]),
        (OWN_RAILS, 2, ["fused", "fused"]),
        (OWN_RAILS, 1, ["phase_by_phase", "phase_by_phase"]),
        (pool(1, replicas=2), 1, ["fused", "fused"]),
    ],
)
def test_replicas_are_played_in_phases_only_where_they_share_links(
    replicas: Any, nics: int, expected: list[str]
) -> None:
    asked = scenario(DENSE, replicas, on=switched(2, 2, nics=nics))

    assert players_of(asked) == expected
    as_phases = players_of(asked.model_copy(update={"fidelity": "layer"}))
    assert as_phases == ["phase_by_phase"] * len(expected)


def test_a_replica_that_is_left_alone_on_shared_links_runs_as_if_fused() -> None:
    # All requests go to the first of two replicas: the other one is there, and idle.
    alone = scenario(LATENT, pool(2, devices=(0, 2)), on=switched(2, 2, nics=1), workload=work(1))
    beside = scenario(LATENT, OWN_RAILS, on=switched(2, 2, nics=1), workload=work(1))

    fused, phased = simulate(alone), simulate(beside)

    for name in ("requests", "steps", "transfers", "links"):
        one, other = getattr(fused, name), getattr(phased, name)
        pd.testing.assert_frame_equal(one, other, check_exact=True)
