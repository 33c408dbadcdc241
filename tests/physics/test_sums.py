from typing import Literal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.physics.sums import StepSums, causal_pairs, decode, prefill, total
from sim.spec.model import Window

lengths = st.integers(0, 60)
windows = st.builds(
    Window,
    kind=st.sampled_from(["sliding", "chunked"]),
    tokens=st.integers(1, 40),
    layers=st.just(1),
)


def _attended(position: int, window: Window | None) -> set[int]:
    """Slow twin: the tokens that a token sees, by name."""
    if window is None:
        first = 0
    elif window.kind == "chunked":
        first = position - position % window.tokens
    else:
        first = max(0, position - window.tokens + 1)
    return set(range(first, position + 1))


def test_four_new_tokens_after_ten_cached_ones_make_fifty_pairs() -> None:
    assert causal_pairs(4, 10) == 11 + 12 + 13 + 14


@given(new=lengths, prefix=lengths, window=st.none() | windows)
def test_pairs_equal_those_counted_token_by_token(
    new: int, prefix: int, window: Window | None
) -> None:
    counted = sum(len(_attended(position, window)) for position in range(prefix, prefix + new))

    assert causal_pairs(new, prefix, window) == counted


@given(new=st.integers(1, 60), prefix=lengths, window=windows)
def test_a_window_reads_just_the_tokens_that_some_new_token_sees(
    new: int, prefix: int, window: Window
) -> None:
    seen = set().union(*(_attended(at, window) for at in range(prefix, prefix + new)))

    sums = prefill(new, prefix, window)

    assert sums.prefill_window_kv_tokens == len(seen)
    assert sums.prefill_kv_tokens == prefix + new


@given(new=st.integers(2, 60), prefix=lengths, window=st.none() | windows, cut=st.integers(1, 59))
def test_a_prompt_in_two_chunks_has_the_pairs_of_one(
    new: int, prefix: int, window: Window | None, cut: int
) -> None:
    first = min(cut, new - 1)

    in_two = causal_pairs(first, prefix, window) + causal_pairs(new - first, prefix + first, window)

    assert in_two == causal_pairs(new, prefix, window)


def test_a_chunk_that_does_not_end_its_prompt_samples_nothing() -> None:
    assert prefill(512, samples=False).sampled_tokens == 0
    assert prefill(512).sampled_tokens == 1


def test_a_decoding_sequence_reads_its_length_or_its_window() -> None:
    window = Window(tokens=64, layers=1)

    assert decode(100, window).decode_window_kv_tokens == 64
    assert decode(10, window).decode_window_kv_tokens == 10
    assert decode(100, window).decode_kv_tokens == 100


@pytest.mark.parametrize(("kv_tokens", "seen"), [(1, 1), (64, 64), (65, 1), (100, 36), (128, 64)])
def test_in_chunks_a_decoding_token_reads_its_place_in_its_chunk(kv_tokens: int, seen: int) -> None:
    chunks = Window(kind="chunked", tokens=64, layers=1)

    assert decode(kv_tokens, chunks).decode_window_kv_tokens == seen
    assert decode(np.array([kv_tokens]), chunks).decode_window_kv_tokens == seen


def test_four_new_tokens_across_the_end_of_a_chunk() -> None:
    # Chunks of 4: the tokens at places 3 to 6 see 3, 4, 1 and 2 tokens; all 4 + 2 are read.
    sums = prefill(4, 2, Window(kind="chunked", tokens=4, layers=1))

    assert sums.prefill_window_pairs == 3 + 4 + 1 + 2
    assert sums.prefill_window_kv_tokens == 6


@given(kv_tokens=st.integers(1, 200), window=windows)
def test_a_decoded_token_sees_what_it_would_at_the_end_of_a_prompt(
    kv_tokens: int, window: Window
) -> None:
    decoded = decode(kv_tokens, window).decode_window_kv_tokens

    assert decoded == prefill(1, kv_tokens - 1, window).prefill_window_kv_tokens
    assert decoded == causal_pairs(1, kv_tokens - 1, window)


@pytest.mark.parametrize("kind", ["sliding", "chunked"])
def test_many_chunks_at_once_equal_one_by_one(kind: Literal["sliding", "chunked"]) -> None:
    new, prefix = np.array([1.0, 7.0, 100.0]), np.array([0.0, 90.0, 3.0])
    window = Window(kind=kind, tokens=32, layers=1)

    together = prefill(new, prefix, window)

    for index in range(3):
        alone = prefill(float(new[index]), float(prefix[index]), window)
        for name in StepSums._fields:
            column = np.broadcast_to(getattr(together, name), 3)
            assert column[index] == pytest.approx(getattr(alone, name)), name


def test_nothing_adds_up_to_nothing() -> None:
    assert total([]) == StepSums()
