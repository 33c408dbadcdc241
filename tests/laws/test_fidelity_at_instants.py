"""Steps by rule are the steps one by one, also where something happens just as one ends."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim import simulation
from sim.simulation import Run, simulate
from sim.spec.model import ModelSpec
from sim.spec.scenario import Pool, Record, Scenario
from sim.spec.topology import TopologySpec
from sim.workload.requests import Arriving, Request
from tests.laws.attention_models import HYBRID, SPARSE
from tests.laws.random_scenarios import FAST, SWEEP
from tests.laws.scenarios import (
    CHUNKED,
    DENSE,
    LATENT,
    MIXTURE,
    ROUGH,
    WINDOWED,
    engine,
    pool,
    scenario,
    switched,
    two_sockets,
    with_cache,
)
from tests.laws.test_fidelity import by_replica, check_equal, played

FEW = settings(FAST, max_examples=4)
ALIKE = [DENSE, WINDOWED, CHUNKED, HYBRID]
EXPERTS = [
    LATENT,
    SPARSE,
    MIXTURE.model_copy(update={"window": WINDOWED.window}),
    MIXTURE.model_copy(update={"window": CHUNKED.window}),
]


def served(
    asked: Scenario, requests: list[Request], run: Callable[[Scenario], Run] = simulate
) -> Run:
    """A run of just these requests, numbered in the order of their arrivals."""
    in_order = sorted(requests, key=lambda request: request.arrival_s or 0.0)
    numbered = [request._replace(number=number) for number, request in enumerate(in_order)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(simulation, "arriving", lambda *_: Arriving(numbered))
        return run(asked)


def step_by_step(asked: Scenario) -> Run:
    return played(asked, by_rule=False)


@dataclass(frozen=True)
class Case:
    """Some requests at random instants, more that come just as a step ends, and perhaps an end."""

    asked: Scenario
    requests: list[Request]


@st.composite
def cases(draw: st.DrawFn, places: st.SearchStrategy[tuple[TopologySpec, Pool]]) -> Case:
    machine, replicas = draw(places)
    is_dense = replicas.attention.dp == 1 and draw(st.booleans())
    model: ModelSpec = draw(st.sampled_from(ALIKE if is_dense else EXPERTS))
    asked = scenario(
        model,
        replicas,
        on=machine,
        router=draw(st.sampled_from(["round-robin", "least-loaded"])),
        engine=engine(
            profile=ROUGH,
            max_sequences=draw(st.sampled_from([1, 2, 8])),
            max_step_tokens=draw(st.sampled_from([8, 33, 512])),
            kv_block_tokens=draw(st.sampled_from([1, 3, 16])),
        ),
        record=Record(),
        seed=draw(st.integers(0, 1000)),
    )
    blocks = draw(st.sampled_from([None, 12, 40]))
    asked = asked if blocks is None else with_cache(asked, blocks)
    few = draw(st.lists(sent_at(st.floats(0, 5e-3)), min_size=1, max_size=6))
    ends_s = served(asked, few, step_by_step).steps["end_s"].tolist() or [0.0]
    at_ends = st.sampled_from(ends_s)
    more = draw(st.lists(sent_at(at_ends), max_size=4))
    until_s = draw(st.one_of(st.none(), at_ends.filter(bool), st.floats(1e-6, 1e-2)))
    return Case(asked.model_copy(update={"until_s": until_s}), few + more)


def sent_at(arrivals: st.SearchStrategy[float]) -> st.SearchStrategy[Request]:
    answers = st.one_of(st.integers(1, 40), st.just(140))
    return st.builds(
        lambda arrival_s, prompt, answer: Request(0, arrival_s, prompt, answer),
        arrivals,
        st.integers(1, 50),
        answers,
    )


APART = st.sampled_from(
    [
        (switched(1, 8), pool()),
        (switched(1, 8), pool(2, replicas=3)),
        (switched(1, 8), pool(1, 2, replicas=2)),
        (switched(1, 8), pool(1, 4)),
    ]
)
TOGETHER = st.sampled_from(
    [
        (switched(2, 2, nics=1), pool(2, replicas=2, devices=(0, 2, 1, 3))),
        (two_sockets(2), pool(2, replicas=3, devices=(0, 8, 1, 9, 2, 10))),
        (two_sockets(2), pool(1, 2, replicas=3, devices=(0, 8, 1, 9, 2, 10))),
    ]
)


def check_apart(case: Case) -> None:
    auto, *others = (
        served(case.asked, case.requests, run)
        for run in (simulate, step_by_step, lambda asked: played(asked, by_rule=True))
    )

    for other in others:
        check_equal(auto, other)


def check_together(case: Case) -> None:
    """To 1e-9 of each number, as in company."""
    auto, layer = (served(case.asked, case.requests, run) for run in (simulate, step_by_step))

    for name in ("requests", "links", "devices", "experts"):
        pd.testing.assert_frame_equal(
            getattr(auto, name), getattr(layer, name), rtol=1e-9, atol=1e-12
        )
    pd.testing.assert_frame_equal(
        by_replica(auto.steps), by_replica(layer.steps), rtol=1e-9, atol=1e-12
    )


@given(cases(APART))
@FEW
def test_apart_steps_by_rule_are_steps_one_by_one_to_the_bit(case: Case) -> None:
    check_apart(case)


@given(cases(TOGETHER))
@FEW
def test_in_company_steps_by_rule_are_steps_one_by_one(case: Case) -> None:
    check_together(case)


@pytest.mark.slow
@given(cases(APART))
@SWEEP
def test_apart_they_are_in_many_runs(case: Case) -> None:
    check_apart(case)


@pytest.mark.slow
@given(cases(TOGETHER))
@SWEEP
def test_in_company_they_are_in_many_runs(case: Case) -> None:
    check_together(case)


@pytest.mark.parametrize("model", ALIKE, ids=lambda model: model.name)
def test_rows_of_stretches_add_up_to_rows_of_steps(model: ModelSpec) -> None:
    # Longer than what is priced at once, and than what is worked out at once.
    long = [Request(0, 0.0, 20, 5000), Request(1, 2.5e-2, 9, 700)]

    def totals(**record: Any) -> pd.Series:
        rows = served(scenario(model, record=Record(**record)), long).steps
        return rows.drop(columns=["step", "start_s", "end_s", "sequences"]).sum(numeric_only=True)

    assert totals()["steps"] == totals(steps="stretch")["steps"] > 4096
    pd.testing.assert_series_equal(
        totals().drop("replica"), totals(steps="stretch").drop("replica"), rtol=1e-9
    )
