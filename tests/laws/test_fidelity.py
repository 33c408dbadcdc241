"""Steps as one event (`auto`) are the steps phase by phase (`layer`), to the bit."""

from collections.abc import Callable
from functools import partial
from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim import simulation
from sim.serving.player import Player
from sim.serving.replica import Replica
from sim.simulation import Run, simulate
from sim.spec.experts import Experts
from sim.spec.popularity import LognormalPopularity
from sim.spec.scenario import Record, Scenario
from tests.laws.random_scenarios import FAST, SWEEP, scenarios
from tests.laws.scenarios import (
    DENSE,
    IDEAL,
    LATENT,
    MIXTURE,
    ROUGH,
    WINDOWED,
    engine,
    pool,
    scenario,
    switched,
    two_sockets,
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


def played(asked: Scenario, *, by_rule: bool) -> Run:
    """A run phase by phase; not by rule, ranks are asked anew before every step."""
    with pytest.MonkeyPatch.context() as patch:
        if not by_rule:
            patch.setattr(simulation, "Replica", partial(Replica, most_steps=1))
        return simulate(asked.model_copy(update={"fidelity": "layer"}))


def check(asked: Scenario) -> None:
    """With and without a record of transfers, for which steps are planned one by one."""
    for record in (Record(transfers=True), Record()):
        recorded = asked.model_copy(update={"record": record})

        auto = simulate(recorded)

        check_equal(auto, played(recorded, by_rule=False))
    check_equal(auto, played(recorded, by_rule=True))


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


def ways_of(asked: Scenario) -> set[str]:
    """How the steps of a run were lived through."""
    used: set[str] = set()

    def noted(name: str) -> Callable[..., Any]:
        live = getattr(Player, name)

        def noting(*given: Any) -> Any:
            used.add(name)
            return live(*given)

        return noting

    with pytest.MonkeyPatch.context() as patch:
        for name in ("_many_steps", "_one_step", "_phases"):
            patch.setattr(Player, name, noted(name))
        simulate(asked)
    return used


APART = pool(2, replicas=2)  # each inside its own box
OWN_RAILS = pool(2, replicas=2, devices=(0, 2, 1, 3))  # each over both boxes, on its own rail


@pytest.mark.parametrize(
    ("replicas", "nics", "expected"),
    [
        (pool(2), 2, {"_many_steps"}),
        (APART, 2, {"_many_steps"}),
        (OWN_RAILS, 2, {"_many_steps"}),
        (OWN_RAILS, 1, {"_many_steps", "_phases"}),
        (pool(1, replicas=2), 1, {"_many_steps"}),
    ],
)
def test_steps_are_played_in_phases_only_where_replicas_share_links(
    replicas: Any, nics: int, expected: set[str]
) -> None:
    asked = scenario(DENSE, replicas, on=switched(2, 2, nics=nics), record=Record())

    assert ways_of(asked) == expected
    assert ways_of(asked.model_copy(update={"fidelity": "layer"})) == {"_phases"}


def test_experts_are_drawn_step_by_step() -> None:
    assert ways_of(scenario(LATENT, pool(1, 2))) == {"_one_step"}


@st.composite
def scenarios_in_company(draw: st.DrawFn) -> Scenario:
    """Two replicas that share links, and whose requests come now and then, so that each is alone
    for some steps, is disturbed in the middle of one, and is left alone again."""
    model = draw(st.sampled_from([DENSE, LATENT, MIXTURE, WINDOWED]))
    is_dense = model.experts is None
    shape = draw(st.sampled_from([(2, 1)] if is_dense else [(2, 1), (1, 2)]))
    machine = draw(st.sampled_from([switched(2, 2, nics=1), two_sockets(2)]))
    rate_per_s = draw(st.sampled_from([500.0, 2000.0, 8000.0]))
    return scenario(
        model,
        pool(*shape, replicas=2, devices=(0, 2, 1, 3)),
        on=machine,
        engine=engine(max_sequences=4, profile=draw(st.sampled_from([IDEAL, ROUGH]))),
        record=Record(),
        workload=work(
            draw(st.integers(2, 10)),
            {"kind": "poisson", "rate_per_s": rate_per_s},
            prompt=draw(st.sampled_from([8, 40])),
            output=draw(st.sampled_from([2, 9])),
        ),
    ).model_copy(update={"seed": draw(st.integers(1, 1000))})


def check_in_company(asked: Scenario) -> None:
    """To 1e-9 of each number, or of what is added up in it."""
    auto, layer = simulate(asked), played(asked, by_rule=False)

    for name in ("requests", "links", "devices", "experts", "steps"):
        one, other = (getattr(run, name) for run in (auto, layer))
        if name == "steps":
            one, other = by_replica(one), by_replica(other)
        pd.testing.assert_frame_equal(one, other, rtol=1e-9, atol=1e-12)


@given(scenarios_in_company())
@FAST
def test_auto_is_layer_in_company(asked: Scenario) -> None:
    check_in_company(asked)


@pytest.mark.slow
@given(scenarios_in_company())
@SWEEP
def test_auto_is_layer_in_company_in_many_runs(asked: Scenario) -> None:
    check_in_company(asked)


def test_a_replica_that_is_left_alone_on_shared_links_runs_as_if_fused() -> None:
    # All requests go to the first of two replicas: the other one is there, and idle.
    alone = scenario(LATENT, pool(2, devices=(0, 2)), on=switched(2, 2, nics=1), workload=work(1))
    beside = scenario(LATENT, OWN_RAILS, on=switched(2, 2, nics=1), workload=work(1))

    fused, phased = simulate(alone), simulate(beside)

    for name in ("requests", "steps", "transfers", "links", "link_users"):
        one, other = getattr(fused, name), getattr(phased, name)
        pd.testing.assert_frame_equal(one, other, check_exact=True)


def test_in_parts_auto_equals_layer_to_the_bit_where_skewed_exchanges_meet() -> None:
    asked = scenario(
        MIXTURE,
        pool(1, dp=4, replicas=2, devices=(0, 2, 4, 6, 1, 3, 5, 7)),
        on=switched(2, 4, nics=1),
        experts=Experts(popularity=LognormalPopularity(kind="lognormal", sigma=1.0)),
        sharing="parts",
    )
    met = simulate(asked)

    check(asked)

    assert met.links["contended_s"].sum() > 0
    whole = simulate(asked.model_copy(update={"sharing": "whole"}))
    assert whole.recorder.elapsed_s != met.recorder.elapsed_s
