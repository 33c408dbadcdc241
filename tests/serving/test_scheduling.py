"""What goes into a step, worked out by hand; a step takes 1 s, so instants count steps."""

import numpy as np
import pytest

from sim.physics.sums import StepSums
from sim.record.recorder import RequestRow
from sim.workload.requests import Request
from tests.serving.servers import rows, serve


def at_once(*lengths: tuple[int, int]) -> list[Request]:
    return [Request(n, 0.0, prompt, output) for n, (prompt, output) in enumerate(lengths)]


def one_second(sums: StepSums) -> float:
    return 1.0


def instants(row: RequestRow) -> tuple[float | None, float | None, float | None]:
    return row.first_scheduled_s, row.first_token_s, row.finish_s


def test_the_first_token_comes_with_the_end_of_the_prompt() -> None:
    [row] = rows(at_once((5, 3)), one_second)

    assert instants(row) == (0.0, 1.0, 3.0)


def test_a_long_prompt_is_cut_into_chunks_that_fit_a_step() -> None:
    [row] = rows(at_once((10, 2)), one_second, max_step_tokens=4)

    assert instants(row) == (0.0, 3.0, 4.0)


def test_decoding_sequences_come_before_prompts() -> None:
    # From 1 s on one token of each step belongs to the first; the second's 5 take two steps of 3.
    first, second = rows(at_once((3, 4), (5, 1)), one_second, max_sequences=2, max_step_tokens=4)

    assert instants(first) == (0.0, 1.0, 4.0)
    # One of its tokens fits beside the first's prompt, three beside its second token.
    assert instants(second) == (0.0, 3.0, 3.0)


def test_a_new_sequence_waits_for_a_place() -> None:
    _, second = rows(at_once((2, 3), (2, 1)), one_second, max_sequences=1)

    assert instants(second) == (3.0, 4.0, 4.0)


def test_a_new_sequence_waits_for_blocks() -> None:
    _, second = rows(at_once((4, 2), (4, 1)), one_second, max_sequences=2, kv_blocks=6)

    assert instants(second) == (2.0, 3.0, 3.0)


def test_the_latest_admitted_is_preempted_and_computed_anew() -> None:
    # Blocks of one token, 8 in all. 1 s: both prompts done, 6 held. 2 s: 8 held, and two more are
    # needed: the second is preempted with 2 tokens. The first ends at 4 s; then 3 + 2 tokens are
    # prefilled, which gives the third token at 5 s, and the fourth comes at 6 s.
    first, second = rows(at_once((3, 4), (3, 4)), one_second, max_sequences=2, kv_blocks=8)

    assert instants(first) == (0.0, 1.0, 4.0)
    assert instants(second) == (0.0, 1.0, 6.0)
    assert (first.preemptions, second.preemptions) == (0, 1)


def test_a_preempted_sequence_keeps_its_first_token_and_records_its_long_gap() -> None:
    recorder = serve(at_once((3, 4), (3, 4)), one_second, max_sequences=2, kv_blocks=8)

    gaps = sorted(np.repeat(recorder.gap_s, recorder.gap_weights).tolist())

    # First: three gaps of 1 s. Second: 1 s, then from 2 s to 5 s, then 1 s.
    assert gaps == [1.0, 1.0, 1.0, 1.0, 1.0, 3.0]


def test_a_preempted_sequence_comes_before_those_that_never_ran() -> None:
    # The third would fit into the blocks that the second leaves at 2 s, but the second is first.
    *_, third = rows(at_once((3, 4), (3, 4), (1, 1)), one_second, max_sequences=2, kv_blocks=8)

    assert third.first_scheduled_s == 4.0


def test_a_prompt_larger_than_the_cache_is_rejected() -> None:
    [row] = rows(at_once((9, 1)), one_second, kv_blocks=8)

    assert row.status == "rejected"
    assert instants(row) == (None, None, None)


def test_a_sole_sequence_that_outgrows_the_cache_fails() -> None:
    # Three tokens of prompt and two of the answer are held; the third token of the answer is out.
    [row] = rows(at_once((3, 9)), one_second, kv_blocks=5)

    assert row.status == "failed: kv"
    assert row.output_tokens == 3


def test_the_queue_goes_on_after_a_failure() -> None:
    failed, second = rows(at_once((3, 9), (2, 2)), one_second, kv_blocks=5)

    assert failed.status == "failed: kv"
    assert instants(second) == (3.0, 4.0, 5.0)


def test_ranks_step_together_and_are_filled_by_tokens() -> None:
    recorder = serve(at_once((4, 2), (6, 2), (1, 2)), one_second, ranks=2)

    # The third goes to the rank with fewer tokens, and waits there for the only place.
    assert [row.rank for row in recorder.requests] == [0, 1, 0]
    assert instants(recorder.requests[2]) == (2.0, 3.0, 4.0)


def test_an_arrival_at_the_instant_of_a_step_s_end_is_in_the_next_step() -> None:
    requests = [Request(0, 0.0, 1, 2), Request(1, 1.0, 1, 1)]

    _, second = rows(requests, one_second, max_sequences=2)

    assert instants(second) == (1.0, 2.0, 2.0)


def test_the_router_sees_an_end_before_an_arrival_at_the_same_instant() -> None:
    requests = [Request(0, 0.0, 1, 1), Request(1, 0.5, 1, 3), Request(2, 1.0, 1, 1)]

    recorder = serve(requests, one_second, replicas=2, router="least-loaded")

    assert [row.replica for row in recorder.requests] == [0, 1, 0]


@pytest.mark.parametrize("outputs", [1, 2, 7])
def test_an_answer_of_n_tokens_takes_n_steps(outputs: int) -> None:
    [row] = rows(at_once((1, outputs)), one_second)

    assert row.finish_s == outputs
    assert row.output_tokens == outputs


def test_who_comes_just_as_a_step_ends_is_in_the_next_one() -> None:
    first = Request(0, 0.0, prompt_tokens=1, output_tokens=10)
    second = Request(1, 3.0, prompt_tokens=1, output_tokens=2)

    long, short = rows([first, second], one_second, max_sequences=2)

    assert (short.first_token_s, short.finish_s) == (4.0, 5.0)
    assert long.finish_s == 10.0


def test_a_router_counts_the_step_that_ends_just_now() -> None:
    # At 4 s the first replica holds 3 + 3 tokens, the second 5.
    first = Request(0, 0.0, prompt_tokens=3, output_tokens=20)
    second = Request(1, 3.0, prompt_tokens=5, output_tokens=20)
    third = Request(2, 4.0, prompt_tokens=1, output_tokens=1)

    recorder = serve([first, second, third], one_second, replicas=2, router="least-loaded")

    assert [row.replica for row in recorder.requests] == [0, 1, 1]
