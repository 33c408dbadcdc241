"""The synthetic data sets of vLLM's `bench serve`, as the lengths that they have."""

import math

from sim.spec.workload import Dataset, FixedLength, Length, UniformLength


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


def _around(tokens: int, ratio: float, before: int) -> UniformLength:
    low = max(1, math.floor(tokens * (1 - ratio)))
    high = math.ceil(tokens * (1 + ratio))
    return UniformLength(kind="uniform", low=before + low, high=before + high)
