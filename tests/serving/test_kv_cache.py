from hypothesis import given
from hypothesis import strategies as st

from sim.serving.kv_cache import KvCache


def test_a_sequence_holds_whole_blocks() -> None:
    cache = KvCache(capacity_blocks=10, block_tokens=16)

    held = cache.try_hold(17)

    assert held
    assert cache.capacity_blocks - cache.free_blocks == 2


def test_holding_takes_all_or_nothing() -> None:
    cache = KvCache(capacity_blocks=2, block_tokens=16)

    held = cache.try_hold(33)

    assert not held
    assert cache.free_blocks == 2


@given(
    block=st.integers(1, 8),
    sequences=st.lists(st.tuples(st.integers(1, 30), st.integers(0, 20)), max_size=8),
    step=st.integers(1, 60),
)
def test_the_ring_counts_what_looking_at_every_sequence_counts(
    block: int, sequences: list[tuple[int, int]], step: int
) -> None:
    # Each began to decode after its first step, with so many tokens.
    cache = KvCache(capacity_blocks=10**6, block_tokens=block)
    running = [(length - first) for length, first in sequences if first < step]
    for offset in running:
        cache.start_growing(offset)

    needed = cache.blocks_needed(step)

    lengths_before = [offset + step - 1 for offset in running]
    assert needed == sum(length % block == 0 for length in lengths_before)
