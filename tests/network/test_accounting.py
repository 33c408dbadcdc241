import numpy as np
import pytest
from numpy.typing import ArrayLike

from sim.network.accounting import add_alone, add_bytes, add_interval
from sim.network.contention import Moving
from sim.network.loads import Loads, Spread, mask_of
from sim.record.usage import LinkUsage

from .clusters import slowed

CAPACITY = np.array([10.0, 20.0, 40.0])


def loads(links: list[int], bytes_: ArrayLike) -> Loads:
    return Loads(
        np.array(links, dtype=np.int64), np.array(bytes_), np.ones(len(links)), 0.5, mask_of(links)
    )


def test_an_undisturbed_transfer_fills_its_slowest_link_for_its_drain() -> None:
    usage = LinkUsage.of(3)

    add_alone(usage, loads([0, 1, 2], [10.0, 50.0, 0.0]), CAPACITY)

    # 2.5 s at 4 and 20 B/s; the latency occupies nothing.
    assert usage.bytes.tolist() == [10.0, 50.0, 0.0]
    assert usage.busy_s.tolist() == [2.5, 2.5, 0.0]
    assert usage.full_s.tolist() == [0.0, 2.5, 0.0]
    assert usage.contended_s.tolist() == [0.0, 0.0, 0.0]
    assert usage.peak_bytes_per_s.tolist() == [4.0, 20.0, 0.0]


def test_a_batch_of_transfers_counts_as_one_after_the_other() -> None:
    together, apart = LinkUsage.of(3), LinkUsage.of(3)
    batch = slowed(loads([0, 2], np.arange(12.0).reshape(2, 3, 2)), 0.5, CAPACITY)

    add_alone(together, batch, CAPACITY)
    for index in np.ndindex(2, 3):
        add_alone(apart, batch.at(index), CAPACITY)

    for name in ("bytes", "busy_s", "full_s", "contended_s", "peak_bytes_per_s"):
        assert getattr(together, name) == pytest.approx(getattr(apart, name))


def test_a_transfer_made_several_times_counts_as_often() -> None:
    at_once, one_by_one = LinkUsage.of(3), LinkUsage.of(3)
    what = loads([0, 1, 2], [10.0, 50.0, 0.0])

    add_alone(at_once, what, CAPACITY, times=3)
    for _ in range(3):
        add_alone(one_by_one, what, CAPACITY)

    for name in ("bytes", "busy_s", "full_s", "contended_s", "peak_bytes_per_s"):
        assert getattr(at_once, name).tolist() == getattr(one_by_one, name).tolist()


def test_a_transfer_at_half_efficiency_is_held_up_by_its_fullest_link() -> None:
    usage = LinkUsage.of(3)

    add_alone(usage, slowed(loads([0], [10.0]), 0.5, CAPACITY), CAPACITY)

    assert (usage.busy_s[0], usage.full_s[0], usage.peak_bytes_per_s[0]) == (2.0, 2.0, 5.0)


def test_no_bytes_leave_no_trace() -> None:
    usage = LinkUsage.of(3)

    add_alone(usage, loads([0, 1], [0.0, 0.0]), CAPACITY)
    add_alone(usage, loads([], []), CAPACITY)

    assert usage.bytes.sum() == usage.busy_s.sum() == usage.full_s.sum() == 0.0


def test_an_interval_is_contended_where_two_have_bytes() -> None:
    usage = LinkUsage.of(3)
    moving = [
        Moving(loads([0, 1], [10.0, 20.0]), 0.5, "a", 0.0),
        Moving(loads([1, 2], [10.0, 0.0]), 1.0, "b", 0.0),
    ]

    add_interval(usage, moving, 2.0, CAPACITY)

    assert usage.busy_s.tolist() == [2.0, 2.0, 0.0]
    assert usage.full_s.tolist() == [0.0, 2.0, 0.0]
    assert usage.contended_s.tolist() == [0.0, 2.0, 0.0]
    assert usage.peak_bytes_per_s.tolist() == [5.0, 20.0, 0.0]


def test_an_interval_adds_no_bytes_and_an_ended_transfer_all_of_its_own() -> None:
    usage = LinkUsage.of(3)

    add_interval(usage, [Moving(loads([0], [10.0]), 0.5, "a", 0.0)], 1.0, CAPACITY)
    before = usage.bytes.sum()
    add_bytes(usage, loads([0, 2], [10.0, 5.0]))

    assert before == 0.0
    assert usage.bytes.tolist() == [10.0, 0.0, 5.0]


def test_in_company_a_transfer_at_its_own_best_is_held_up_by_its_fullest_link() -> None:
    usage = LinkUsage.of(3)
    slow = slowed(loads([0, 1], [10.0, 5.0]), 0.5, CAPACITY)

    add_interval(usage, [Moving(slow, 1 / slow.drain_s(CAPACITY), "a", 0.0)], 2.0, CAPACITY)

    fullest = int(np.argmax(np.array([10.0, 5.0]) / CAPACITY[:2]))
    assert usage.full_s[fullest] == 2.0
    assert usage.full_s.sum() == 2.0


def test_of_links_that_carry_the_same_only_the_slowest_is_full() -> None:
    # 10 bytes over a link of 100 B/s and one of 50 B/s, which carries twice of them: 0.4 s.
    capacity = np.array([100.0, 50.0])
    spread = Spread.of(np.array([0, 0]), capacity).times(np.array([1.0, 2.0]))
    both = Loads(np.array([0, 1]), np.array([10.0]), np.ones(2), 0.0, 0b11, spread=spread)
    usage = LinkUsage.of(2)

    add_alone(usage, both, capacity)

    assert usage.bytes.tolist() == [10.0, 20.0]
    assert usage.busy_s.tolist() == pytest.approx([0.4, 0.4])
    assert usage.full_s.tolist() == pytest.approx([0.0, 0.4])
    assert usage.peak_bytes_per_s.tolist() == pytest.approx([25.0, 50.0])
