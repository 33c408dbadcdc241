import tracemalloc
from collections import defaultdict
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given

from sim.network.contention import Meetings, Moving
from sim.network.loads import FloatArray, Loads
from sim.record.usage import LinkUsage

from .test_fabric import LINKS, histories, loads, run

ONE_LINK = np.array([100.0])


def lost_s(usage: LinkUsage) -> dict[tuple[str, str], list[float]]:
    """By user and whom it was held up by: seconds by link."""
    found = {}
    for (one, other), meeting in usage.meetings.items():
        found[one, other] = meeting.lost_s[0].tolist()
        found[other, one] = meeting.lost_s[1].tolist()
    return found


def test_two_that_halve_a_link_hold_each_other_up() -> None:
    # 1 s of bytes from 0 s and from 0.5 s: both are half as fast from 0.5 to 1.5 s.
    done = run(ONE_LINK, [(0.0, loads({0: 100.0})), (0.5, loads({0: 100.0}))])

    meeting = done.usage.meetings["0", "1"]
    assert meeting.together_s == pytest.approx([1.0])
    assert meeting.lost_s == pytest.approx(np.array([[0.5], [0.5]]))


def test_a_loss_is_put_down_to_the_full_link_and_to_those_who_fill_it() -> None:
    # Links of 100, 50, 200 and 80 B/s. The first is the fastest on link 0, beside the second's
    # 10 B/s, but only link 1 is full, which it shares with the third.
    asked = [
        (0.0, loads({0: 40.0, 1: 50.0})),
        (0.0, loads({0: 10.0}, least_drain_s=1.0)),
        (0.0, loads({1: 50.0})),
    ]

    done = run(LINKS, asked)

    found = lost_s(done.usage)
    assert found["0", "2"] == pytest.approx([0.0, 1.0, 0.0, 0.0])
    assert found["2", "0"] == pytest.approx([0.0, 1.0, 0.0, 0.0])
    assert found["0", "1"] == found["1", "0"] == pytest.approx([0.0] * 4)
    assert done.usage.meetings["0", "1"].together_s == pytest.approx([1.0, 0.0, 0.0, 0.0])


def test_the_one_with_more_bytes_a_second_holds_up_more() -> None:
    # On 100 B/s one of 100 bytes has to share with 20 B/s and 40 B/s, each at its own cap.
    asked = [
        (0.0, loads({0: 100.0})),
        (0.0, loads({0: 20.0}, least_drain_s=1.0)),
        (0.0, loads({0: 40.0}, least_drain_s=2.0)),
    ]

    done = run(ONE_LINK, asked)

    # 60 B/s of its own for a second, then 80 for half a second: it loses 0.4 and 0.1 s.
    found = lost_s(done.usage)
    assert found["0", "1"] == pytest.approx([0.2])
    assert found["0", "2"] == pytest.approx([0.2 + 0.1])


def test_links_in_a_row_that_are_equally_full_bear_equal_parts() -> None:
    both = np.array([100.0, 100.0])

    done = run(both, [(0.0, loads({0: 100.0, 1: 100.0})), (0.0, loads({0: 100.0, 1: 100.0}))])

    assert lost_s(done.usage)["0", "1"] == pytest.approx([0.5, 0.5])


def test_who_met_nobody_leaves_no_meeting() -> None:
    done = run(LINKS, [(0.0, loads({0: 100.0})), (0.0, loads({1: 50.0})), (2.0, loads({0: 1.0}))])

    assert done.usage.meetings == {}
    assert done.usage.lost_s.tolist() == [0.0] * 4


@given(histories)
def test_what_users_lose_adds_up_to_how_much_later_than_alone_they_end(
    transfers: Sequence[tuple[float, Loads]],
) -> None:
    done = run(LINKS, transfers)

    by_user: defaultdict[str, float] = defaultdict(float)
    for (user, _), on_links in lost_s(done.usage).items():
        by_user[user] += sum(on_links)
    for number, (_, what) in enumerate(transfers):
        later_s = done.ends[number].moved.duration_s - float(what.alone_s(LINKS))
        assert by_user[str(number)] == pytest.approx(later_s, rel=1e-6, abs=1e-9)


@given(histories)
def test_nobody_loses_time_where_nobody_met(transfers: Sequence[tuple[float, Loads]]) -> None:
    usage = run(LINKS, transfers).usage

    together_s: FloatArray = np.zeros(len(LINKS))
    for meeting in usage.meetings.values():
        assert (meeting.lost_s[:, meeting.together_s == 0] == 0).all()
        assert (meeting.together_s <= usage.contended_s * (1 + 1e-9)).all()
        together_s += meeting.together_s
    assert (together_s >= usage.contended_s * (1 - 1e-9)).all()


def test_links_that_nobody_shares_take_no_room() -> None:
    """Ten users of 5,000 links, of which they share one: 256 intervals, 100 MB if all had room."""
    capacity = np.full(5_000, 100.0)
    meetings = Meetings(LinkUsage.of(5_000), capacity)
    transfers = [Moving(loads({0: 10.0}), 1.0, str(user), 0.5) for user in range(10)]

    tracemalloc.start()
    for _ in range(256):
        meetings.add(transfers, 1.0)
    _, most_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert most_bytes < 20e6
