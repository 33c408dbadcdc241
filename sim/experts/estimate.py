"""How likely a token is to touch each part of the experts, by the best method that there is.

- Equal weights: closed forms.
- Any weights, every expert in reach: exact quadrature (`inclusion.py`), about 10 ms a layer.
- Group-limited routing: a seeded sample of n tokens, routed one by one. A probability p has a
  standard error of sqrt(p (1 - p) / n): where all layers share one sample of 2**17 tokens,
  1.5 % of p for an expert picked by one token in 32; where 58 layers have weights of their own,
  2**13 tokens each, 6 %, and 2 % for a group of eight such experts. With equal weights, parts
  that only differ by a name are averaged, and inclusion is exact.
- Experts with several copies: inclusion as above; touches from such a sample, each pick going to
  one of its expert's copies.
"""

from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from sim.experts.inclusion import touch_probabilities, uniform_touch
from sim.experts.placement import IntArray
from sim.experts.popularity import FloatArray
from sim.experts.routing import Choice, route

_MOST_TOKENS, _FEWEST_TOKENS = 2**17, 2**12
_ALL_TOKENS = 2**19
"""Routed for all different layers together, which takes about 1.6 s for 256 experts."""
_BATCH = 2**12
"""Tokens routed at once, so that their clocks stay near the processor."""


def sample_tokens(different_layers: int) -> int:
    """The tokens to route for each layer where a sample is needed."""
    tokens = _ALL_TOKENS // different_layers // _BATCH * _BATCH
    return min(max(tokens, _FEWEST_TOKENS), _MOST_TOKENS)


def touches(
    weights: FloatArray,
    choice: Choice,
    partitions: Sequence[IntArray],
    picks: Iterable[IntArray],
) -> list[FloatArray]:
    """For each partition, the probability (parts,) that a token touches each part.

    A partition gives the part (experts,) of each expert; single experts as parts have their
    inclusion probabilities. `picks` (tokens, k) of a sample are asked for where one is needed.
    """
    is_uniform = bool((weights == weights[0]).all())
    if choice.is_limited:
        sampled = _sampled(partitions, picks)
        if not is_uniform:
            return sampled
        return [
            _alike_averaged(touch, part_of, choice)
            for touch, part_of in zip(sampled, partitions, strict=True)
        ]
    if is_uniform:
        return [
            uniform_touch(len(weights), choice.experts_per_token, np.bincount(part_of))
            for part_of in partitions
        ]
    return touch_probabilities(weights, choice.experts_per_token, partitions)


def sampled_picks(
    weights: FloatArray, choice: Choice, tokens: int, generator: np.random.Generator
) -> Iterator[IntArray]:
    """The experts (tokens, k) that so many tokens pick, in batches."""
    for start in range(0, tokens, _BATCH):
        yield route(weights, choice, min(_BATCH, tokens - start), generator)


def _sampled(partitions: Sequence[IntArray], picks: Iterable[IntArray]) -> list[FloatArray]:
    hits = [np.zeros(int(part_of.max()) + 1, dtype=np.int64) for part_of in partitions]
    tokens = 0
    for picked in picks:
        tokens += len(picked)
        for total, part_of in zip(hits, partitions, strict=True):
            total += touched(part_of[picked], len(total)).sum(axis=0)
    return [total / tokens for total in hits]


def touched(parts: IntArray, count: int) -> np.ndarray[tuple[int, int], np.dtype[np.bool_]]:
    """Whether each token (tokens, count) touches each part, by the parts (tokens, k) it picked."""
    hit = np.zeros((len(parts), count), dtype=np.bool_)
    hit[np.arange(len(parts))[:, None], parts] = True
    return hit


def _alike_averaged(touch: FloatArray, part_of: IntArray, choice: Choice) -> FloatArray:
    """With equal weights, parts that overlap the runs alike are touched alike."""
    size = len(part_of) // choice.runs
    if len(touch) == len(part_of):
        return np.full(len(touch), choice.experts_per_token / len(part_of))
    overlap = np.zeros((len(touch), choice.runs), dtype=np.int64)
    np.add.at(overlap, (part_of, np.arange(len(part_of)) // size), 1)
    _, kind = np.unique(np.sort(overlap, axis=1), axis=0, return_inverse=True)
    mean: FloatArray = np.bincount(kind, touch) / np.bincount(kind)
    return mean[kind]
