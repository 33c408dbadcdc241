"""A cache that is too small: who gives up, what is computed again, who fails."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.physics.sums import StepSums
from sim.simulation import simulate
from sim.workload.requests import Request
from tests.laws.random_scenarios import FAST
from tests.laws.scenarios import (
    MIXTURE,
    engine,
    pool,
    scenario,
    with_cache,
    work,
)
from tests.laws.twin import Batch, Limits, Step, Twin
from tests.serving.servers import serve

# (gap before it, prompt, answer)
ASKED = st.lists(
    st.tuples(st.sampled_from([0.0, 0.003, 0.05]), st.integers(1, 40), st.integers(1, 25)),
    min_size=1,
    max_size=12,
)
LIMITS = st.builds(
    lambda blocks, block_tokens, places, more: Limits(blocks, block_tokens, places, places + more),
    st.integers(3, 12),
    st.sampled_from([1, 3, 4]),
    st.integers(1, 6),
    st.sampled_from([0, 5, 60]),
)


def step_seconds(batch: Batch) -> float:
    """Every number counts, so that a wrong one shows in every later instant."""
    weights = (1e-3, 1e-5, 1e-4, 1e-6, 3e-6, 7e-5)
    return 2e-3 + sum(weight * amount for weight, amount in zip(weights, batch, strict=True))


def of_sums(sums: StepSums) -> float:
    return step_seconds(
        Batch(
            *(
                int(np.sum(amount))
                for amount in (
                    sums.decode_tokens,
                    sums.decode_kv_tokens,
                    sums.prefill_tokens,
                    sums.prefill_pairs,
                    sums.prefill_kv_tokens,
                    sums.sampled_tokens,
                )
            )
        )
    )


def numbered(asked: list[tuple[float, int, int]]) -> list[Request]:
    arrivals_s = np.add.accumulate([gap_s for gap_s, _, _ in asked]).tolist()
    return [
        Request(number, arrival_s, prompt, output)
        for number, (arrival_s, (_, prompt, output)) in enumerate(
            zip(arrivals_s, asked, strict=True)
        )
    ]


def check(asked: list[tuple[float, int, int]], limits: Limits) -> int:
    """The engine against its twin; how often somebody was preempted."""
    twin = Twin(limits, step_seconds)
    expected = twin.serve(numbered(asked))

    recorder = serve(
        numbered(asked),
        of_sums,
        max_sequences=limits.max_sequences,
        max_step_tokens=limits.max_step_tokens,
        kv_blocks=limits.blocks,
        block_tokens=limits.block_tokens,
    )

    for row, sequence in zip(recorder.requests, expected, strict=True):
        assert row.status == sequence.status
        assert row.finish_s == sequence.finish_s
        assert row.first_token_s == sequence.first_token_s
        assert row.output_tokens == sequence.produced
        assert row.preemptions == sequence.preemptions
    assert [
        Step(step.start_s, step.end_s, step.sequences, step.tokens, step.output_tokens)
        for step in recorder.steps
    ] == twin.steps
    if all(row.status in ("finished", "rejected") for row in recorder.requests):
        finished = [row for row in recorder.requests if row.status == "finished"]
        once = sum(row.prompt_tokens + row.output_tokens - 1 for row in finished)
        fed = sum(step.tokens for step in recorder.steps)
        assert fed == once + twin.recomputed_tokens
    return sum(row.preemptions for row in recorder.requests)


@given(ASKED, LIMITS)
@settings(FAST, max_examples=50)
def test_a_rank_schedules_as_its_twin_token_by_token(
    asked: list[tuple[float, int, int]], limits: Limits
) -> None:
    check(asked, limits)


@pytest.mark.slow
@given(ASKED, LIMITS)
@settings(FAST, max_examples=5000)
def test_a_rank_schedules_as_its_twin_in_many_runs(
    asked: list[tuple[float, int, int]], limits: Limits
) -> None:
    check(asked, limits)


def test_the_twin_is_compared_where_sequences_are_preempted() -> None:
    asked = [(0.0, 9, 20)] * 6

    assert check(asked, Limits(blocks=10, block_tokens=4, max_sequences=6, max_step_tokens=30)) > 3


def test_two_sequences_that_outgrow_the_cache_by_hand() -> None:
    # 4 blocks of 4; two prompts of 6 (2 blocks each), 5 tokens to come. The first step fills both
    # prompts, two decode steps make them 8 long; the ninth token needs a third block, so the later
    # one gives up, with 3 tokens produced. The first alone produces its last two (lengths 9, 10),
    # then the second prefills 6 + 3 tokens, which produces its fourth, and decodes its last.
    # 8 cached tokens were computed twice.
    requests = [Request(0, 0.0, 6, 5), Request(1, 0.0, 6, 5)]

    recorder = serve(requests, lambda sums: 1.0, max_sequences=2, kv_blocks=4, block_tokens=4)

    first, second = recorder.requests
    assert (first.first_token_s, first.finish_s, first.preemptions) == (1.0, 5.0, 0)
    assert (second.first_token_s, second.finish_s, second.preemptions) == (1.0, 7.0, 1)
    assert [step.tokens for step in recorder.steps] == [12, 2, 2, 1, 1, 9, 1]
    assert sum(step.tokens for step in recorder.steps) == 2 * (6 + 4) + 8
    # The second waits from its third token, at 3 s, to its fourth, at 6 s.
    gaps = sorted(zip(recorder.gap_s, recorder.gap_weights, strict=True))
    assert gaps == [(1.0, 1), (1.0, 1), (1.0, 1), (1.0, 2), (1.0, 2), (3.0, 1)]


def test_a_prompt_larger_than_the_cache_is_rejected_at_once() -> None:
    requests = [Request(0, 0.0, 16, 1), Request(1, 0.5, 17, 1)]

    recorder = serve(requests, lambda sums: 1.0, kv_blocks=4, block_tokens=4)

    assert [row.status for row in recorder.requests] == ["finished", "rejected"]
    rejected = recorder.requests[1]
    assert (rejected.first_scheduled_s, rejected.finish_s, rejected.rank) == (None, None, None)
    assert rejected.output_tokens == 0


def test_a_lone_sequence_that_outgrows_the_cache_fails() -> None:
    # 16 tokens fit; the prompt's 15 and one decoded; the second answer token was made of the 16th.
    requests = [Request(0, 0.0, 15, 9), Request(1, 0.0, 3, 2)]

    recorder = serve(requests, lambda sums: 1.0, kv_blocks=4, block_tokens=4)

    failed, after = recorder.requests
    assert (failed.status, failed.output_tokens, failed.finish_s) == ("failed: kv", 2, None)
    assert (after.status, after.first_scheduled_s, after.finish_s) == ("finished", 2.0, 4.0)


@pytest.mark.parametrize("fidelity", ["auto", "layer"])
def test_preempted_requests_of_a_whole_replica_finish_with_their_exact_answers(
    fidelity: str,
) -> None:
    asked = with_cache(
        scenario(
            MIXTURE,
            pool(1, 2),
            engine=engine(max_sequences=6),
            workload=work(14, prompt=(1, 20), output=(5, 20)),
            fidelity=fidelity,
        ),
        blocks=12,
    )

    run = simulate(asked)

    assert run.deployed.replicas[0].footprint.kv_blocks == 12
    assert run.requests["preemptions"].sum() > 0
    assert (run.requests["status"] == "finished").all()
    assert run.steps["output_tokens"].sum() == run.requests["output_tokens"].sum()
    once = (run.requests["prompt_tokens"] + run.requests["output_tokens"] - 1).sum()
    again = run.steps["tokens"].sum() - once
    assert again > 0
    # Who is preempted loses at least a token, and at most what a cache holds.
    preemptions = run.requests["preemptions"].sum()
    assert preemptions <= again <= preemptions * 12 * 4
