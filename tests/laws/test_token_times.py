"""Instants of single tokens, which nobody records, against a twin that goes token by token."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.errors import SimulationError
from sim.record.frames import requests_frame, steps_frame
from sim.record.recorder import Recorder, StepRow
from sim.record.row_table import RowTable
from sim.record.token_times import token_times_s, tokens_of_requests_s
from sim.simulation import Run, simulate
from sim.spec.scenario import Scenario
from sim.workload.requests import Request
from tests.laws.random_scenarios import FAST, SWEEP, scenarios
from tests.laws.scenarios import MIXTURE, engine, pool, scenario, with_cache, work
from tests.laws.test_preemption import ASKED, LIMITS, numbered, of_sums, step_seconds
from tests.laws.twin import Limits, Twin
from tests.serving.servers import serve


def tokens_s(recorder: Recorder) -> list[list[float]]:
    requests, steps = requests_frame(recorder.requests), steps_frame(recorder.steps)
    return [one.tolist() for one in tokens_of_requests_s(requests, steps, recorder.stalls)]


def check_against_the_twin(asked: list[tuple[float, int, int]], limits: Limits) -> int:
    """How many stalls there were."""
    twin = Twin(limits, step_seconds)
    expected = [served.token_at_s for served in twin.serve(numbered(asked))]

    recorder = serve(
        numbered(asked),
        of_sums,
        max_sequences=limits.max_sequences,
        max_step_tokens=limits.max_step_tokens,
        kv_blocks=limits.blocks,
        block_tokens=limits.block_tokens,
    )

    assert tokens_s(recorder) == expected
    return len(recorder.stalls)


@given(ASKED, LIMITS)
@settings(FAST, max_examples=30)
def test_every_token_comes_when_the_twin_produces_it(
    asked: list[tuple[float, int, int]], limits: Limits
) -> None:
    check_against_the_twin(asked, limits)


def test_the_twin_is_compared_where_requests_stall_several_times() -> None:
    limits = Limits(blocks=10, block_tokens=4, max_sequences=6, max_step_tokens=30)

    assert check_against_the_twin([(0.0, 9, 20)] * 6, limits) > 3


def test_a_stall_by_hand() -> None:
    # The run of `test_two_sequences_that_outgrow_the_cache_by_hand`: the second gives up its place
    # after its third token, at 3 s, and its fourth comes at 6 s, with the end of its recomputation.
    requests = [Request(0, 0.0, 6, 5), Request(1, 0.0, 6, 5)]

    recorder = serve(requests, lambda sums: 1.0, max_sequences=2, kv_blocks=4, block_tokens=4)

    assert recorder.stalls == [(1, 3.0, 6.0)]
    assert tokens_s(recorder) == [[1.0, 2.0, 3.0, 4.0, 5.0], [1.0, 2.0, 3.0, 6.0, 7.0]]


def test_a_long_prompt_of_another_stretches_a_gap_by_hand() -> None:
    # A step takes a second, and one more for each four tokens of prompts. The first: prompt at
    # 0..2 s, tokens at 2, 3 s; then the second's prompt of 8 comes in, 3..6 s; then 7, 8 s.
    requests = [Request(0, 0.0, 4, 5), Request(1, 2.5, 8, 2)]

    recorder = serve(
        requests, lambda sums: 1.0 + float(np.sum(sums.prefill_tokens)) / 4, max_sequences=2
    )

    assert tokens_s(recorder) == [[2.0, 3.0, 6.0, 7.0, 8.0], [6.0, 7.0]]


def test_a_request_without_a_token_has_no_instants() -> None:
    assert token_times_s(np.array([1.0, 2.0]), math.nan, 0).tolist() == []


def one_more(steps: list[StepRow]) -> None:
    steps.insert(2, steps[1]._replace(end_s=2.5))


def one_less(steps: list[StepRow]) -> None:
    del steps[1]


@pytest.mark.parametrize("spoil", [one_more, one_less])
def test_steps_that_do_not_lead_to_the_last_token_are_an_error(
    spoil: Callable[[list[StepRow]], None],
) -> None:
    recorder = serve([Request(0, 0.0, 4, 3)], lambda sums: 1.0)
    steps = list(recorder.steps)
    spoil(steps)
    recorder.steps = RowTable(StepRow)
    for step in steps:
        recorder.steps.append(step)

    with pytest.raises(SimulationError, match="do not give request 0 its 3 tokens"):
        tokens_s(recorder)


def check_laws(run: Run) -> None:
    found_s = tokens_of_requests_s(run.requests, run.steps, run.recorder.stalls)
    requests = run.requests
    assert [len(times_s) for times_s in found_s] == requests["output_tokens"].tolist()
    assert all((np.diff(times_s) > 0).all() for times_s in found_s)
    columns = (requests[name].tolist() for name in ("status", "ttft_s", "e2e_s"))
    for times_s, status, ttft_s, e2e_s in zip(found_s, *columns, strict=True):
        if status == "finished":
            assert ttft_s + math.fsum(np.diff(times_s)) == pytest.approx(e2e_s, rel=1e-12)
    gaps_s = np.concatenate([np.empty(0), *(np.diff(times_s) for times_s in found_s)])
    recorded_s = np.repeat(np.array(run.recorder.gap_s), np.array(run.recorder.gap_weights))
    assert np.sort(gaps_s).tolist() == np.sort(recorded_s).tolist()


def cut(draw_s: float | None) -> dict[str, float]:
    return {} if draw_s is None else {"until_s": draw_s}


@given(st.data(), st.sampled_from([None, 0.001, 0.02]))
@FAST
def test_gaps_add_up_to_latencies_and_are_those_that_were_pooled(
    data: st.DataObject, until_s: float | None
) -> None:
    check_laws(simulate(data.draw(scenarios(**cut(until_s)))))


@pytest.mark.slow
@given(st.data(), st.sampled_from([None, 0.001, 0.02]))
@SWEEP
def test_gaps_add_up_in_many_scenarios(data: st.DataObject, until_s: float | None) -> None:
    check_laws(simulate(data.draw(scenarios(**cut(until_s)))))


def crowded(**more: Any) -> Scenario:
    """Two replicas of two ranks, with preemptions."""
    return with_cache(
        scenario(
            MIXTURE,
            pool(1, 2, replicas=2),
            engine=engine(max_sequences=6),
            workload=work(30, prompt=(1, 20), output=(5, 20)),
            **more,
        ),
        blocks=12,
    )


@pytest.mark.parametrize("fidelity", ["auto", "layer"])
def test_ranks_that_step_together_each_have_their_own_stalls(fidelity: str) -> None:
    run = simulate(crowded(fidelity=fidelity))

    assert len({(row.replica, row.rank) for row in run.recorder.requests}) == 4
    assert len(run.recorder.stalls) > 3
    check_laws(run)


def test_requests_that_are_cut_off_while_they_stall_keep_the_tokens_they_had() -> None:
    whole = simulate(crowded())
    stall = whole.recorder.stalls[-1]

    run = simulate(crowded(until_s=(stall.last_token_s + stall.next_token_s) / 2))

    assert run.requests["status"].eq("unfinished").any()
    check_laws(run)
