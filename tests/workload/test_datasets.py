from collections import Counter
from typing import Any

import pytest
from pydantic import ValidationError

from sim.spec.workload import Workload
from sim.workload.requests import PLAIN, Request, arriving, as_trace, requests
from sim.workload.trace_statistics import trace_statistics


def drawn(count: int, dataset: dict[str, Any], **more: Any) -> list[Request]:
    at_once = {"kind": "at-once"}
    given = {"requests": count, "arrivals": at_once, "dataset": dataset} | more
    return requests(Workload.model_validate(given), seed=1)


# Defaults of `vllm bench serve`: 1024 in, 128 out; prefixes and suffixes of 256.
@pytest.mark.parametrize(
    ("kind", "prompt_tokens", "output_tokens"),
    [("random", 1024, 128), ("prefix_repetition", 512, 128)],
)
def test_a_data_set_has_the_defaults_of_vllm(
    kind: str, prompt_tokens: int, output_tokens: int
) -> None:
    found = drawn(5, {"kind": kind})

    assert {(one.prompt_tokens, one.output_tokens) for one in found} == {
        (prompt_tokens, output_tokens)
    }


def test_a_range_ratio_draws_both_lengths_from_around_them() -> None:
    found = drawn(2000, {"kind": "random", "input_len": 10, "output_len": 5, "range_ratio": 0.5})

    assert {one.prompt_tokens for one in found} == set(range(5, 16))
    # 2.5 to 7.5, rounded outwards.
    assert {one.output_tokens for one in found} == set(range(2, 9))


def test_a_prefix_comes_before_what_is_drawn() -> None:
    found = drawn(2000, {"kind": "random", "input_len": 10, "range_ratio": 0.5, "prefix_len": 100})

    assert {one.prompt_tokens for one in found} == set(range(105, 116))


def test_no_length_is_below_one_token() -> None:
    found = drawn(500, {"kind": "random", "input_len": 1, "output_len": 1, "range_ratio": 0.9})

    assert {one.prompt_tokens for one in found} == {1, 2}


def test_prefix_repetition_adds_its_prefix_and_suffix() -> None:
    dataset = {"kind": "prefix_repetition", "prefix_len": 30, "suffix_len": 4, "output_len": 2}

    assert {(one.prompt_tokens, one.output_tokens) for one in drawn(3, dataset)} == {(34, 2)}


def test_lengths_beside_a_data_set_are_refused() -> None:
    with pytest.raises(ValidationError, match="is given beside a 'dataset'"):
        drawn(3, {"kind": "random"}, prompt_tokens=5)


def test_prefixes_are_repeated_equally_often_and_in_random_order() -> None:
    found = drawn(30, {"kind": "prefix_repetition", "prefix_len": 40, "num_prefixes": 3})

    # Two blocks of 16 are full in a prefix of 40 tokens.
    ids = [one.about.hash_ids for one in found]
    assert Counter(ids) == {(0, 1): 10, (2, 3): 10, (4, 5): 10}
    assert {one.about.block_tokens for one in found} == {16}
    assert ids != [(0, 1), (2, 3), (4, 5)] * 10


def test_random_prompts_have_one_prefix_if_any() -> None:
    assert {one.about.hash_ids for one in drawn(5, {"kind": "random", "prefix_len": 32})} == {
        (0, 1)
    }
    assert {one.about for one in drawn(5, {"kind": "random"})} == {PLAIN}


def test_a_synthetic_workload_shows_the_prefixes_that_it_shares() -> None:
    dataset = {"kind": "prefix_repetition", "num_prefixes": 10}
    workload = {"requests": 100, "arrivals": {"kind": "at-once"}, "dataset": dataset}

    found = arriving(Workload.model_validate(workload), seed=1)
    sharing = trace_statistics(as_trace(found)).prefix_sharing

    # 90 of 100 prompts find their prefix, half of their 512 tokens.
    assert sharing == (3200, 0.45, 0.45)
