import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from simpy import Environment
from simpy.events import ProcessGenerator

from sim.network.accounting import add_alone
from sim.network.fabric import Fabric
from sim.network.fairshare import rates
from sim.network.flow import Moved
from sim.network.instants import ENDS, STARTS, call_at
from sim.network.loads import FloatArray, Loads, mask_of
from sim.record.usage import LinkUsage

ONE_LINK = np.array([100.0])
LINKS = np.array([100.0, 50.0, 200.0, 80.0])


def loads(bytes_: dict[int, float], latency_s: float = 0.0, least_drain_s: float = 0.0) -> Loads:
    links = sorted(bytes_)
    return Loads(
        np.array(links, dtype=np.int64),
        np.array([bytes_[link] for link in links], dtype=np.float64),
        np.ones(len(links)),
        latency_s,
        mask_of(links),
        least_drain_s,
    )


class Ended(NamedTuple):
    at_s: float
    moved: Moved


class Run(NamedTuple):
    ends: list[Ended]
    usage: LinkUsage

    @property
    def at_s(self) -> list[float]:
        return [end.at_s for end in self.ends]


def run(capacity: FloatArray, transfers: Sequence[tuple[float, Loads]]) -> Run:
    """Start each transfer at its time; its end, and the usage, undisturbed ones included."""
    env, usage = Environment(), LinkUsage.of(len(capacity))
    fabric = Fabric(env, capacity, usage)
    ends: dict[int, Ended] = {}

    def start(number: int, what: Loads) -> None:
        def note(moved: Moved) -> None:
            ends[number] = Ended(env.now, moved)
            if moved.was_alone:
                add_alone(usage, what, capacity)

        fabric.transfer(what, str(number)).callbacks.append(lambda event: note(event.value))

    for number, (at_s, what) in enumerate(transfers):
        call_at(env, at_s, STARTS, lambda number=number, what=what: start(number, what))  # type: ignore[misc]
    env.run()
    fabric.close()
    return Run([ends[number] for number in range(len(transfers))], usage)


def test_alone_a_transfer_takes_latency_and_then_the_time_of_its_bytes() -> None:
    done = run(ONE_LINK, [(1.0, loads({0: 50.0}, latency_s=0.25))])

    assert done.ends == [Ended(1.75, Moved(0.75, was_alone=True))]


@given(
    st.floats(0, 1e4),
    st.floats(0, 1e-2),
    st.lists(st.floats(0, 1e9), min_size=4, max_size=4),
    st.floats(0, 1e-2),
)
def test_alone_it_ends_to_the_bit_when_its_loads_say(
    start_s: float, latency_s: float, bytes_: list[float], least_drain_s: float
) -> None:
    what = loads(dict(enumerate(bytes_)), latency_s, least_drain_s)

    done = run(LINKS * 1e9, [(start_s, what)])

    alone_s = what.alone_s(LINKS * 1e9)
    assert done.ends == [Ended(start_s + alone_s, Moved(alone_s, was_alone=True))]


def test_a_late_transfer_slows_the_one_in_flight() -> None:
    # The first has 50 bytes left at 0.5 s; both then get half the link.
    done = run(ONE_LINK, [(0.0, loads({0: 100.0})), (0.5, loads({0: 100.0}))])

    assert done.at_s == pytest.approx([1.5, 2.0])
    assert done.ends[1].moved.duration_s == pytest.approx(1.5)
    assert not any(end.moved.was_alone for end in done.ends)


def test_the_link_is_free_again_after_a_transfer() -> None:
    done = run(
        ONE_LINK, [(0.0, loads({0: 100.0})), (0.5, loads({0: 100.0})), (2.0, loads({0: 100.0}))]
    )

    # The third starts at the instant at which the second ends.
    assert done.ends[2] == Ended(3.0, Moved(1.0, was_alone=True))


def test_one_after_the_other_at_one_instant_share_nothing() -> None:
    done = run(ONE_LINK, [(1.0, loads({0: 100.0})), (0.0, loads({0: 100.0}))])

    assert [end.moved.was_alone for end in done.ends] == [True, True]
    assert done.at_s == [2.0, 1.0]


def test_who_starts_as_both_of_a_pair_end_is_alone() -> None:
    pair = [(0.0, loads({0: 100.0}))] * 2

    done = run(ONE_LINK, [(2.0, loads({0: 100.0})), *pair])

    assert done.ends[0] == Ended(3.0, Moved(1.0, was_alone=True))
    assert done.at_s[1:] == [2.0, 2.0]


def test_who_starts_where_one_of_a_crowd_just_ended_is_alone() -> None:
    # The second links the first and the third; it ends first, and frees link 1 of theirs.
    crowd = [(0.0, loads({0: 100.0})), (0.0, loads({0: 25.0, 1: 5.0}))]

    done = run(LINKS, [(0.5, loads({1: 50.0})), *crowd])

    assert done.at_s[2] == 0.5
    assert done.ends[0] == Ended(1.5, Moved(1.0, was_alone=True))


def test_latency_holds_nothing() -> None:
    # The second's bytes would start at 1.0 s, when the first has just ended.
    done = run(ONE_LINK, [(0.0, loads({0: 100.0})), (0.5, loads({0: 100.0}, latency_s=0.5))])

    assert done.at_s == [1.0, 2.0]
    assert [end.moved.was_alone for end in done.ends] == [True, True]


def test_no_bytes_take_their_latency_and_disturb_nobody() -> None:
    done = run(ONE_LINK, [(0.0, loads({0: 100.0})), (0.5, loads({0: 0.0}, latency_s=0.25))])

    assert done.ends == [
        Ended(1.0, Moved(1.0, was_alone=True)),
        Ended(0.75, Moved(0.25, was_alone=True)),
    ]


def test_disjoint_transfers_are_exact_beside_a_crowd() -> None:
    crowd = [(at_s / 7, loads({0: 10.0, 1: 3.0})) for at_s in range(5)]
    what = loads({2: 91.0, 3: 17.0}, latency_s=0.1)

    done = run(LINKS, [*crowd, (0.3, what)])

    alone_s = what.alone_s(LINKS)
    assert done.ends[-1] == Ended(0.3 + alone_s, Moved(alone_s, was_alone=True))


def test_a_shared_link_that_nobody_fills_slows_nobody() -> None:
    # Each fills its own link of 50 or 80 B/s; on the shared one they need 10 and 20 of 200 B/s.
    done = run(LINKS, [(0.0, loads({1: 50.0, 2: 10.0})), (0.25, loads({3: 80.0, 2: 20.0}))])

    assert done.at_s == [1.0, 1.25]
    assert done.usage.contended_s.tolist() == [0.0, 0.0, 0.75, 0.0]


def test_links_are_busy_full_and_contended_for_as_long_as_they_are() -> None:
    done = run(ONE_LINK, [(0.0, loads({0: 100.0})), (0.5, loads({0: 100.0}))])

    assert done.usage.busy_s == pytest.approx([2.0])
    assert done.usage.full_s == pytest.approx([2.0])
    assert done.usage.contended_s == pytest.approx([1.0])
    assert done.usage.peak_bytes_per_s == pytest.approx([100.0])


def test_short_transfers_end_late_in_a_long_run() -> None:
    # At 10 million seconds the clock's last digit is 2 ns, a fiftieth of these transfers.
    pair = [(1e7, loads({0: 1e-5})), (1e7, loads({0: 1.1e-5}))]

    done = run(ONE_LINK, pair)

    assert done.at_s == pytest.approx([1e7 + 2e-7, 1e7 + 2.1e-7], abs=1e-8)


def test_an_end_is_seen_at_its_instant_before_what_starts_there() -> None:
    env = Environment()
    fabric = Fabric(env, ONE_LINK, LinkUsage.of(1))
    order: list[str] = []
    call_at(env, 1.0, STARTS, lambda: order.append("start"))
    fabric.transfer(loads({0: 100.0}), "one").callbacks.append(lambda _: order.append("end"))

    env.run()

    assert order == ["end", "start"]


def test_a_transfer_can_be_waited_for_by_a_process() -> None:
    env = Environment()
    fabric = Fabric(env, ONE_LINK, LinkUsage.of(1))
    seen: list[Moved] = []

    def process() -> ProcessGenerator:
        seen.append((yield fabric.transfer(loads({0: 100.0}), "one")))
        seen.append((yield fabric.transfer(loads({0: 50.0}), "one")))

    env.process(process())
    env.run()

    assert seen == [Moved(1.0, was_alone=True), Moved(0.5, was_alone=True)]
    assert env.now == 1.5


times = st.floats(0, 3)
some_loads = st.builds(
    loads,
    st.dictionaries(st.integers(0, 3), st.floats(1, 300), min_size=1),
    st.floats(0, 1),
    st.one_of(st.just(0.0), st.floats(0, 5)),
)
histories = st.lists(st.tuples(times, some_loads), min_size=1, max_size=8)


def slow_twin(capacity: FloatArray, transfers: Sequence[tuple[float, Loads]]) -> list[float]:
    """Share everything anew at every start and end; no crowds, no timers, no events."""
    begins_s = [at_s + what.latency_s for at_s, what in transfers]
    left, ends_s, now_s = [1.0] * len(transfers), [math.inf] * len(transfers), 0.0
    while math.inf in ends_s:
        moving = [n for n, at_s in enumerate(begins_s) if at_s <= now_s and ends_s[n] == math.inf]
        to_come = [at_s for at_s in begins_s if at_s > now_s]
        bytes_, streams = np.zeros((2, len(moving), len(capacity)))
        for row, n in enumerate(moving):
            bytes_[row, transfers[n][1].links] = transfers[n][1].bytes
            streams[row, transfers[n][1].links] = 1.0
        caps = np.array([transfers[n][1].least_drain_s for n in moving], dtype=np.float64)
        shares = rates(bytes_, streams, capacity, caps).tolist() if moving else []
        ends = [now_s + left[n] / share for n, share in zip(moving, shares, strict=True)]
        following_s = min([*ends, *to_come])
        for n, share, end_s in zip(moving, shares, ends, strict=True):
            left[n] -= share * (following_s - now_s)
            if end_s == following_s:
                ends_s[n] = end_s
        now_s = following_s
    return ends_s


@given(histories)
def test_ends_are_those_of_a_twin_that_shares_everything_anew(
    transfers: list[tuple[float, Loads]],
) -> None:
    assert run(LINKS, transfers).at_s == pytest.approx(slow_twin(LINKS, transfers), rel=1e-9)


@given(histories)
def test_no_link_exceeds_its_capacity(
    transfers: list[tuple[float, Loads]],
) -> None:
    done = run(LINKS, transfers)

    expected = np.zeros(len(LINKS))
    for _, what in transfers:
        expected[what.links] += what.bytes
    usage = done.usage
    assert (usage.peak_bytes_per_s <= LINKS * (1 + 1e-12)).all()
    assert (usage.full_s <= usage.busy_s + 1e-9).all()
    assert (usage.contended_s <= usage.busy_s + 1e-9).all()
    assert (usage.busy_s * LINKS >= expected * (1 - 1e-9)).all()


@given(histories)
def test_nobody_is_faster_than_alone_and_who_met_nobody_is_exactly_as_fast(
    transfers: list[tuple[float, Loads]],
) -> None:
    done = run(LINKS, transfers)

    for (_, what), (_, moved) in zip(transfers, done.ends, strict=True):
        alone_s = what.alone_s(LINKS)
        if moved.was_alone:
            assert moved.duration_s == alone_s
        assert moved.duration_s >= alone_s * (1 - 1e-9)


def test_ends_wait_for_no_one_else_at_their_instant() -> None:
    env = Environment()
    fabric = Fabric(env, ONE_LINK, LinkUsage.of(1))
    seen: list[float] = []
    for _ in range(3):
        fabric.transfer(loads({0: 100.0}), "one").callbacks.append(lambda _: seen.append(env.now))
    call_at(env, 3.0, ENDS, lambda: None)

    env.run()

    assert seen == pytest.approx([3.0] * 3)
