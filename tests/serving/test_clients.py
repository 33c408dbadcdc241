import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.record.recorder import RequestRow
from sim.workload.requests import Request
from tests.serving.servers import PLENTY, rows


def turn(
    number: int, arrival_s: float, after: int | None = None, think_s: float | None = None
) -> Request:
    """One token in, one out: a step."""
    return Request(number, arrival_s, 1, 1, after, think_s)


def served(requests: list[Request], places: int = PLENTY) -> list[RequestRow]:
    """By steps of a second."""
    return rows(requests, lambda sums: 1.0, max_sequences=places)


def sent_at_s(requests: list[Request], places: int = PLENTY) -> list[float]:
    return [row.arrival_s for row in served(requests, places)]


def test_a_turn_is_sent_its_think_time_after_the_answer_before_it() -> None:
    requests = [turn(0, 0.0), turn(1, 9.0, after=0, think_s=2.0), turn(2, 9.0, 1, 0.5)]

    # Answered at 1 s, sent at 3 s, answered at 4 s, sent at 4.5 s.
    assert sent_at_s(requests) == [0.0, 3.0, 4.5]


def test_sessions_do_not_wait_for_one_another() -> None:
    requests = [turn(0, 0.0), turn(1, 0.5), turn(2, 0.7, after=0, think_s=1.0)]

    found = served(requests, places=1)

    assert [row.arrival_s for row in found] == [0.0, 0.5, 2.0]
    assert [row.finish_s for row in found] == [1.0, 2.0, 3.0]


@pytest.mark.parametrize(("arrival_s", "sent_s"), [(5.0, 5.0), (0.5, 1.0)])
def test_without_a_think_time_a_turn_keeps_its_arrival_but_not_before_the_answer(
    arrival_s: float, sent_s: float
) -> None:
    assert sent_at_s([turn(0, 0.0), turn(1, arrival_s, after=0)]) == [0.0, sent_s]


def test_several_turns_may_follow_one_answer() -> None:
    requests = [turn(0, 0.0), turn(1, 0.0, 0, 1.0), turn(2, 0.0, 0, 1.0), turn(3, 0.0, 0, 0.0)]

    assert sent_at_s(requests) == [0.0, 2.0, 2.0, 1.0]


def test_a_turn_is_sent_also_where_the_one_before_it_was_rejected() -> None:
    requests = [Request(0, 0.0, 100, 1), turn(1, 0.0, after=0, think_s=3.0)]

    found = rows(requests, lambda sums: 1.0, kv_blocks=10)

    assert [row.status for row in found] == ["rejected", "finished"]
    assert found[1].arrival_s == 3.0


@st.composite
def sessions(draw: st.DrawFn) -> list[Request]:
    instants_s = sorted(draw(st.lists(st.floats(0, 50), min_size=1, max_size=15)))
    return [
        turn(
            number,
            arrival_s,
            draw(st.none() | st.integers(0, number - 1)) if number else None,
            draw(st.none() | st.floats(0, 10)),
        )
        for number, arrival_s in enumerate(instants_s)
    ]


@given(sessions(), st.integers(1, 3))
def test_every_turn_is_served_once_and_after_its_parent(
    requests: list[Request], places: int
) -> None:
    found = served(requests, places)

    assert [row.request for row in found] == [request.number for request in requests]
    assert found == served(requests, places)
    for request, row in zip(requests, found, strict=True):
        if request.after is None:
            assert row.arrival_s == request.arrival_s
            continue
        answered_s = found[request.after].finish_s
        assert answered_s is not None
        assert request.arrival_s is not None
        if request.think_s is None:
            assert row.arrival_s == max(answered_s, request.arrival_s)
        else:
            assert row.arrival_s == answered_s + request.think_s
