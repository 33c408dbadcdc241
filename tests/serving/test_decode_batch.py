"""The lazy sums against a twin that looks at every sequence in every step."""

import pytest
import simpy
from hypothesis import given
from hypothesis import strategies as st

from sim.serving.decode_batch import DecodeBatch
from sim.serving.sequence import ServedSequence
from sim.spec.model import Window
from sim.workload.requests import Request

WINDOWS = [Window(tokens=12, layers=1), Window(kind="chunked", tokens=7, layers=1)]


def decoding_from(step: int, length: int, left: int) -> ServedSequence:
    answered = simpy.Environment().event()
    sequence = ServedSequence(Request(0, 0.0, length, left + 1), 0.0, answered, produced_tokens=1)
    sequence.offset = length - step
    sequence.first_decode_step = step + 1
    sequence.finish_step = step + left
    return sequence


def attended(length: int, window: Window) -> int:
    if window.kind == "chunked":
        return length % window.tokens or window.tokens
    return min(length, window.tokens)


@pytest.mark.parametrize("window", WINDOWS, ids=lambda window: window.kind)
@given(
    starts=st.lists(st.tuples(st.integers(0, 10), st.integers(1, 20), st.integers(1, 15))),
    removed_at=st.dictionaries(st.integers(0, 5), st.integers(0, 20)),
)
def test_sums_equal_those_of_looking_at_every_sequence(
    window: Window, starts: list[tuple[int, int, int]], removed_at: dict[int, int]
) -> None:
    batch = DecodeBatch(window)
    lengths: dict[ServedSequence, int] = {}
    for step in range(30):
        lengths = {sequence: length + 1 for sequence, length in lengths.items()}
        ended = {sequence for sequence in lengths if sequence.finish_step == step}
        assert set(batch.advance(step)) == ended
        lengths = {s: length for s, length in lengths.items() if s not in ended}
        for number, (start, length, left) in enumerate(starts):
            if start == step:
                sequence = decoding_from(step, length, left)
                batch.add(sequence, step)
                lengths[sequence] = length
                if removed_at.get(number) == step:
                    batch.remove(sequence, step)
                    del lengths[sequence]
        if removed_at.get(-1) is None and lengths and step in removed_at.values():
            victim = next(iter(lengths))
            batch.remove(victim, step)
            del lengths[victim]

        after_next = [length + 1 for length in lengths.values()]
        assert batch.sequences == len(lengths)
        assert batch.kv_tokens == sum(lengths.values())
        assert batch.next_kv_tokens == sum(after_next)
        assert batch.window_kv_tokens == sum(attended(x, window) for x in lengths.values())
        assert batch.next_window_kv_tokens == sum(attended(x, window) for x in after_next)


def test_a_sequence_produces_one_token_a_step_until_its_last() -> None:
    sequence = decoding_from(step=4, length=10, left=3)

    produced = [sequence.produced_after(step) for step in (4, 5, 6, 7)]

    assert produced == [1, 2, 3, 4]
    assert sequence.length_after(7) == 13
