"""Prompts that come with their keys and values; a step takes 1 s, so instants count steps."""

from typing import Any

import numpy as np
import pytest

from sim.physics.sums import StepSums
from sim.simulation import simulate
from sim.workload.requests import Request
from tests.laws.scenarios import DENSE, LATENT, pool, scenario, work
from tests.serving.servers import serve


def served(*lengths: tuple[int, int], **limits: Any) -> tuple[list[Any], list[StepSums], Any]:
    seen: list[StepSums] = []

    def one_second(sums: StepSums) -> float:
        seen.append(StepSums(*(float(np.sum(part)) for part in sums)))
        return 1.0

    asked = [Request(n, 0.0, prompt, output) for n, (prompt, output) in enumerate(lengths)]
    recorder = serve(asked, one_second, prompts_are_cached=True, **limits)
    return list(recorder.requests), seen, recorder


def test_nothing_but_decoding_is_priced() -> None:
    [row], steps, _ = served((100, 3))

    assert (row.first_token_s, row.finish_s, row.output_tokens) == (1.0, 3.0, 3)
    assert [one.decode_kv_tokens for one in steps] == [101, 102, 103]
    assert [one.prefill_tokens for one in steps] == [0, 0, 0]
    assert [one.sampled_tokens for one in steps] == [1, 1, 1]


def test_the_first_token_ends_no_gap() -> None:
    _, _, recorder = served((10, 3), (10, 2), max_sequences=2)

    # The first has two gaps, the second one.
    assert sum(recorder.gap_weights) == 3


def test_a_newcomer_needs_room_for_its_prompt_and_a_token() -> None:
    first, second = served((4, 1), (4, 1), max_sequences=2, kv_blocks=9)[0]

    assert (first.first_token_s, second.first_token_s) == (1.0, 2.0)


def test_a_newcomer_that_leaves_no_room_to_decode_is_rejected() -> None:
    [row] = served((8, 1), kv_blocks=8)[0]

    assert row.status == "rejected"


def test_a_preempted_prompt_is_computed_anew() -> None:
    # Ten blocks of a token: 4 + 4 and their first tokens fill them; the second gives way.
    rows, steps, _ = served((4, 3), (4, 3), max_sequences=2, kv_blocks=10)

    assert [row.preemptions for row in rows] == [0, 1]
    # The first ends at 3 s; 4 + 1 tokens are prefilled, which gives the second token at 4 s.
    assert [one.prefill_tokens for one in steps] == [0, 0, 0, 5, 0]
    assert [row.finish_s for row in rows] == [3.0, 5.0]


@pytest.mark.parametrize("model", [DENSE, LATENT])
def test_a_run_of_prompts_that_come_cached_has_decode_steps_only(model: Any) -> None:
    asked = scenario(model, pool(1, 1), workload=work(4, prompt=30, output=5), seed=1)
    cached = asked.workload.model_copy(update={"prefilled": True})

    run = simulate(asked.model_copy(update={"workload": cached}))

    assert run.steps["kind"].tolist() == ["decode"] * 5
    assert run.steps["tokens"].tolist() == [4] * 5
    assert sum(run.recorder.gap_weights) == 4 * 4
