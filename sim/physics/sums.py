"""All that the cost of a step depends on: sums over its sequences, so any batch costs the same.

A token attends to itself and to what came before it; under a window of w tokens, to the last w with
itself. Numbers may be floats or arrays with any leading axes.
"""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from sim.physics.work import Real


class StepSums(NamedTuple):
    """Sums over the sequences of one rank in one step."""

    decode_tokens: Real = 0.0
    """Sequences that decode: one new token each."""
    decode_kv_tokens: Real = 0.0
    """Tokens that these attend to, themselves included."""
    decode_window_kv_tokens: Real = 0.0
    """The same in a windowed layer."""
    prefill_tokens: Real = 0.0
    """New tokens of prompts."""
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


def decode(kv_tokens: Real, window_tokens: int | None = None) -> StepSums:
    """One sequence that decodes a token, which attends to `kv_tokens` with itself."""
    return StepSums(
        decode_tokens=1.0,
        decode_kv_tokens=kv_tokens,
        decode_window_kv_tokens=_at_most(kv_tokens, window_tokens),
        sampled_tokens=1.0,
    )


def prefill(
    new_tokens: Real,
    prefix_tokens: Real = 0.0,
    window_tokens: int | None = None,
    *,
    samples: bool = True,
) -> StepSums:
    """One chunk of a prompt of which `prefix_tokens` are in the cache already.

    `samples`: the chunk ends its prompt, so that a token comes out.
    """
    is_windowed = window_tokens is not None
    return StepSums(
        prefill_tokens=new_tokens,
        prefill_pairs=causal_pairs(new_tokens, prefix_tokens),
        prefill_kv_tokens=prefix_tokens + new_tokens,
        prefill_window_pairs=causal_pairs(new_tokens, prefix_tokens, window_tokens)
        if is_windowed
        else 0.0,
        prefill_window_kv_tokens=_seen_prefix(prefix_tokens, window_tokens) + new_tokens
        if is_windowed
        else 0.0,
        sampled_tokens=1.0 if samples else 0.0,
    )


def causal_pairs(new_tokens: Real, prefix_tokens: Real, window_tokens: int | None = None) -> Real:
    """Pairs of each of the new tokens with what it attends to.

    Token i of the n new ones attends to p + i tokens, or to w of them: with f tokens before the
    window fills, f p + f (f + 1) / 2 + (n - f) w.
    """
    if window_tokens is None:
        return new_tokens * prefix_tokens + new_tokens * (new_tokens + 1) / 2
    filling = _between(window_tokens - prefix_tokens, new_tokens)
    growing = filling * prefix_tokens + filling * (filling + 1) / 2
    return growing + (new_tokens - filling) * window_tokens


def total(parts: Iterable[StepSums]) -> StepSums:
    """The sums of all these together."""
    columns = zip(StepSums(), *parts, strict=True)
    return StepSums(*(sum(column) for column in columns))


def _at_most(tokens: Real, window_tokens: int | None) -> Real:
    if window_tokens is None:
        return 0.0
    if isinstance(tokens, np.ndarray):
        return np.minimum(tokens, window_tokens)
    return min(tokens, float(window_tokens))


def _seen_prefix(prefix_tokens: Real, window_tokens: int | None) -> Real:
    # The first new token fills one place of the window itself.
    return 0.0 if window_tokens is None else _at_most(prefix_tokens, window_tokens - 1)


def _between(tokens: Real, most: Real) -> Real:
    if isinstance(tokens, np.ndarray) or isinstance(most, np.ndarray):
        return np.clip(tokens, 0.0, most)
    return min(max(tokens, 0.0), most)
