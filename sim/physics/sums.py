"""All that the cost of a step depends on: sums over its sequences, so any batch costs the same.

A token attends to itself and to what came before it; under a window of w tokens, to the last w with
itself; in chunks of w tokens, to what came before it in its chunk. Numbers may be floats or arrays
with any leading axes.
"""

from collections.abc import Callable, Iterable
from typing import NamedTuple

import numpy as np

from sim.physics.work import Operator, Phase, Real, Work
from sim.spec.model import Window


class StepSums(NamedTuple):
    """Sums over the sequences of one rank in one step.

    In a model whose layers attend to tokens that an indexer chooses, "in a windowed layer" is: to
    the chosen ones. They are as many as a sliding window has.
    """

    decode_tokens: Real = 0.0
    """Sequences that decode: one new token each."""
    decode_kv_tokens: Real = 0.0
    """Tokens that these attend to, themselves included."""
    decode_window_kv_tokens: Real = 0.0
    """The same in a windowed layer."""
    prefill_tokens: Real = 0.0
    """New tokens of prompts."""
    prefill_sequences: Real = 0.0
    """Prompts of which some are."""
    prefill_pairs: Real = 0.0
    """Pairs of a new token and one that it attends to."""
    prefill_kv_tokens: Real = 0.0
    """Tokens whose keys and values are read for them: the cached prefix and the new ones."""
    prefill_window_pairs: Real = 0.0
    """The pairs in a windowed layer."""
    prefill_window_kv_tokens: Real = 0.0
    """The tokens read in a windowed layer."""
    sampled_tokens: Real = 0.0
    """Sequences whose next token comes out of this step."""


NOTHING = StepSums()
_REST = NOTHING[3:-1]


def decoding(sequences: Real, kv_tokens: Real, window_kv_tokens: Real) -> StepSums:
    """So many sequences that decode a token each, and nothing else."""
    # By place, which is several times faster than by name: it happens once a stretch of steps.
    return StepSums._make((sequences, kv_tokens, window_kv_tokens, *_REST, sequences))


class SumsOperator(NamedTuple):
    """A kernel whose work depends on more than how many tokens a step has."""

    name: str
    phase: Phase
    layers: int
    kernel: str
    work: Callable[[StepSums], Work]
    prefills: bool = False
    """It has work only where there are new tokens of prompts."""

    def operator(self, sums: StepSums) -> Operator:
        """The same with the work of one step."""
        return Operator(self.name, self.phase, self.layers, self.kernel, self.work(sums))


def decode(kv_tokens: Real, window: Window | None = None) -> StepSums:
    """One sequence that decodes a token, which attends to `kv_tokens` with itself."""
    return StepSums(
        decode_tokens=1.0,
        decode_kv_tokens=kv_tokens,
        decode_window_kv_tokens=0.0 if window is None else window_kv_tokens(kv_tokens, window),
        sampled_tokens=1.0,
    )


def prefill(
    new_tokens: Real,
    prefix_tokens: Real = 0.0,
    window: Window | None = None,
    *,
    samples: bool = True,
) -> StepSums:
    """One chunk of a prompt of which `prefix_tokens` are in the cache already.

    `samples`: the chunk ends its prompt, so that a token comes out.
    """
    return StepSums(
        prefill_tokens=new_tokens,
        prefill_sequences=1.0,
        prefill_pairs=causal_pairs(new_tokens, prefix_tokens),
        prefill_kv_tokens=prefix_tokens + new_tokens,
        prefill_window_pairs=0.0
        if window is None
        else causal_pairs(new_tokens, prefix_tokens, window),
        prefill_window_kv_tokens=0.0
        if window is None
        else _seen_prefix(prefix_tokens, window) + new_tokens,
        sampled_tokens=1.0 if samples else 0.0,
    )


def causal_pairs(new_tokens: Real, prefix_tokens: Real, window: Window | None = None) -> Real:
    """Pairs of each of the new tokens with what it attends to.

    Token i of the n new ones attends to p + i tokens, or to w of them: with f tokens before the
    window fills, f p + f (f + 1) / 2 + (n - f) w. In chunks, a sequence of x tokens has
    [x / w] w (w + 1) / 2 + r (r + 1) / 2 pairs with r = x mod w; the new ones those of p + n less
    those of p.
    """
    if window is None:
        return new_tokens * prefix_tokens + new_tokens * (new_tokens + 1) / 2
    if window.kind == "chunked":
        ends = prefix_tokens + new_tokens
        return _chunked_pairs(ends, window.tokens) - _chunked_pairs(prefix_tokens, window.tokens)
    filling = _between(window.tokens - prefix_tokens, new_tokens)
    growing = filling * prefix_tokens + filling * (filling + 1) / 2
    return growing + (new_tokens - filling) * window.tokens


def window_kv_tokens(kv_tokens: Real, window: Window) -> Real:
    """What the last of so many tokens (at least one) attends to, itself included."""
    if window.kind == "chunked":
        return (kv_tokens - 1) % window.tokens + 1
    return _at_most(kv_tokens, window.tokens)


def total(parts: Iterable[StepSums]) -> StepSums:
    """The sums of all these together."""
    return StepSums._make(map(sum, zip(NOTHING, *parts, strict=True)))


def _chunked_pairs(tokens: Real, chunk_tokens: int) -> Real:
    rest = tokens % chunk_tokens
    return tokens // chunk_tokens * (chunk_tokens * (chunk_tokens + 1) / 2) + rest * (rest + 1) / 2


def _at_most(tokens: Real, most: int) -> Real:
    return np.minimum(tokens, most) if isinstance(tokens, np.ndarray) else min(tokens, most)


def _seen_prefix(prefix_tokens: Real, window: Window) -> Real:
    if window.kind == "chunked":
        return prefix_tokens % window.tokens
    # The first new token fills one place of the window itself.
    return _at_most(prefix_tokens, window.tokens - 1)


def _between(tokens: Real, most: Real) -> Real:
    if isinstance(tokens, np.ndarray) or isinstance(most, np.ndarray):
        return np.clip(tokens, 0.0, most)
    return min(max(tokens, 0.0), most)
