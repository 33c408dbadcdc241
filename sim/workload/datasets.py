"""The synthetic data sets of vLLM's `bench serve`: the lengths and the prefixes that they have."""

import math
from typing import NamedTuple

import numpy as np

from sim.spec.lengths import Dataset, FixedLength, Length, UniformLength

BLOCK_TOKENS = 16
"""Of the blocks in which prefixes are told; vLLM's default."""


class Prefixes(NamedTuple):
    """What prompts begin with."""

    hash_ids: list[tuple[int, ...]]
    """Of each prefix, for every block that it fills."""
    of_request: list[int]
    """Which one each request has."""


def dataset_lengths(dataset: Dataset) -> tuple[Length, Length]:
    """Of prompts and of answers.

    `random` rounds the ends of its ranges outwards, as vLLM does, but never below one token.
    """
    match dataset.kind:
        case "random":
            ratio = dataset.range_ratio
            prompt = _around(dataset.input_len, ratio, dataset.prefix_len)
            return prompt, _around(dataset.output_len, ratio, 0)
        case "prefix_repetition":
            prompt_tokens = dataset.prefix_len + dataset.suffix_len
            return (
                FixedLength(kind="fixed", tokens=prompt_tokens),
                FixedLength(kind="fixed", tokens=dataset.output_len),
            )


def dataset_prefixes(
    dataset: Dataset, requests: int, generator: np.random.Generator
) -> Prefixes | None:
    """The prefixes that prompts share; None where no block of one is full.

    `random` has one for all. Those of `prefix_repetition` come equally often, in random order.
    """
    blocks = dataset.prefix_len // BLOCK_TOKENS
    if not blocks:
        return None
    prefixes = dataset.num_prefixes if dataset.kind == "prefix_repetition" else 1
    ids = [tuple(range(one * blocks, (one + 1) * blocks)) for one in range(min(prefixes, requests))]
    of_request: list[int] = generator.permutation(np.arange(requests) % prefixes).tolist()
    return Prefixes(ids, of_request)


def _around(tokens: int, ratio: float, before: int) -> UniformLength:
    low = max(1, math.floor(tokens * (1 - ratio)))
    high = math.ceil(tokens * (1 + ratio))
    return UniformLength(kind="uniform", low=before + low, high=before + high)
