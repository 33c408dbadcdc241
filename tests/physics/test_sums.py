import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.physics.sums import StepSums, causal_pairs, decode, prefill, total

lengths = st.integers(0, 60)
windows = st.integers(1, 40)


def _attended(position: int, window: int | None) -> set[int]:
    """Slow twin: the tokens that a token sees, by name."""
    first = 0 if window is None else max(0, position - window + 1)
    return set(range(first, position + 1))


def test_four_new_tokens_after_ten_cached_ones_make_fifty_pairs() -> None:
    assert causal_pairs(4, 10) == 11 + 12 + 13 + 14


@given(new=lengths, prefix=lengths, window=st.none() | windows)
def test_pairs_equal_those_counted_token_by_token(
    new: int, prefix: int, window: int | None
) -> None:
    counted = sum(len(_attended(position, window)) for position in range(prefix, prefix + new))

    assert causal_pairs(new, prefix, window) == counted


@given(new=st.integers(1, 60), prefix=lengths, window=windows)
def test_a_window_reads_just_the_tokens_that_some_new_token_sees(
    new: int, prefix: int, window: int
) -> None:
    seen = set().union(*(_attended(at, window) for at in range(prefix, prefix + new)))

    sums = prefill(new, prefix, window)

    assert sums.prefill_window_kv_tokens == len(seen)
    assert sums.prefill_kv_tokens == prefix + new


@given(new=st.integers(2, 60), prefix=lengths, window=st.none() | windows, cut=st.integers(1, 59))
def test_a_prompt_in_two_chunks_has_the_pairs_of_one(
    new: int, prefix: int, window: int | None, cut: int
) -> None:
    first = min(cut, new - 1)

    in_two = causal_pairs(first, prefix, window) + causal_pairs(new - first, prefix + first, window)

    assert in_two == causal_pairs(new, prefix, window)


def test_a_chunk_that_does_not_end_its_prompt_samples_nothing() -> None:
    assert prefill(512, samples=False).sampled_tokens == 0
    assert prefill(512).sampled_tokens == 1


def test_a_decoding_sequence_reads_its_length_or_its_window() -> None:
    assert decode(100, window_tokens=64).decode_window_kv_tokens == 64
    assert decode(10, window_tokens=64).decode_window_kv_tokens == 10
    assert decode(100, window_tokens=64).decode_kv_tokens == 100


def test_many_chunks_at_once_equal_one_by_one() -> None:
    new, prefix = np.array([1.0, 7.0, 100.0]), np.array([0.0, 90.0, 3.0])

    together = prefill(new, prefix, 32)

    for index in range(3):
        alone = prefill(float(new[index]), float(prefix[index]), 32)
        for name in StepSums._fields:
            column = np.broadcast_to(getattr(together, name), 3)
            assert column[index] == pytest.approx(getattr(alone, name)), name


def test_nothing_adds_up_to_nothing() -> None:
    assert total([]) == StepSums()
