from pathlib import Path
from typing import Any

import pytest

from sim.errors import ScenarioError
from sim.spec.workload import Workload
from sim.workload.requests import PLAIN, About, Request, requests

POISSON = {"kind": "poisson", "rate_per_s": 10.0}
UNIFORM = {"kind": "uniform", "low": 10, "high": 1000}


def drawn(**changes: Any) -> Workload:
    given = {
        "requests": 50,
        "arrivals": POISSON,
        "prompt_tokens": UNIFORM,
        "output_tokens": UNIFORM,
    }
    return Workload.model_validate(given | changes)


@pytest.fixture
def trace(tmp_path: Path) -> str:
    """Requests at 0, 1, 2, 3 and 4 s of the trace's own clock, which starts at 100 s."""
    path = tmp_path / "trace.csv"
    lines = [f"{100 + number},{10 + number},{1 + number}\n" for number in range(5)]
    path.write_text("arrival_s,prompt_tokens,output_tokens\n" + "".join(lines))
    return str(path)


def test_equal_seeds_give_equal_requests_and_others_do_not() -> None:
    workload = drawn()

    assert requests(workload, seed=1) == requests(workload, seed=1)
    assert requests(workload, seed=1) != requests(workload, seed=2)


def test_requests_are_numbered_in_order_of_arrival() -> None:
    found = requests(drawn(), seed=1)

    assert [request.number for request in found] == list(range(50))
    arrivals_s = [request.arrival_s for request in found if request.arrival_s is not None]
    assert len(arrivals_s) == 50
    assert arrivals_s == sorted(arrivals_s)


@pytest.mark.parametrize("changed", ["arrivals", "prompt_tokens", "output_tokens"])
def test_changing_one_distribution_leaves_the_other_draws(changed: str) -> None:
    other = {"kind": "gamma", "rate_per_s": 3.0, "burstiness": 2.0}
    values = {"arrivals": other, "prompt_tokens": 5, "output_tokens": 5}

    before = requests(drawn(), seed=1)
    after = requests(drawn(**{changed: values[changed]}), seed=1)

    fields = {"arrivals": "arrival_s"}
    for name in Request._fields:
        same = [getattr(r, name) for r in before] == [getattr(r, name) for r in after]
        assert same == (name != fields.get(changed, changed))


def test_prompts_and_answers_are_drawn_independently() -> None:
    found = requests(drawn(), seed=1)

    assert [r.prompt_tokens for r in found] != [r.output_tokens for r in found]


def test_a_longer_run_begins_with_the_requests_of_a_shorter_one() -> None:
    assert requests(drawn(requests=80), seed=1)[:50] == requests(drawn(), seed=1)


def test_in_a_closed_loop_requests_have_lengths_and_no_arrivals() -> None:
    loop = {"kind": "closed-loop", "concurrency": 4}

    found = requests(drawn(arrivals=loop), seed=1)

    assert {request.arrival_s for request in found} == {None}
    open_requests = requests(drawn(), seed=1)
    assert [r.prompt_tokens for r in found] == [r.prompt_tokens for r in open_requests]


def test_a_trace_starts_at_0_whatever_the_seed(trace: str) -> None:
    workload = Workload(trace=trace)

    found = requests(workload, seed=1)

    assert found[0] == Request(0, 0.0, 10, 1)
    assert found[4] == Request(4, 4.0, 14, 5)
    assert found == requests(workload, seed=2)


def test_a_rate_scale_of_2_brings_requests_twice_as_fast(trace: str) -> None:
    found = requests(Workload(trace=trace, rate_scale=2.0), seed=1)

    assert [request.arrival_s for request in found] == [0.0, 0.5, 1.0, 1.5, 2.0]


def test_a_window_takes_its_start_in_and_its_end_out(trace: str) -> None:
    found = requests(Workload(trace=trace, window=(1.0, 3.0)), seed=1)

    assert found == [Request(0, 0.0, 11, 2), Request(1, 1.0, 12, 3)]


def test_a_window_is_in_the_time_of_the_trace_and_starts_at_0(trace: str) -> None:
    found = requests(Workload(trace=trace, window=(0.5, 9.0), rate_scale=0.5), seed=1)

    assert [request.arrival_s for request in found] == [1.0, 3.0, 5.0, 7.0]


def test_a_limit_counts_from_the_start_of_the_window(trace: str) -> None:
    found = requests(Workload(trace=trace, window=(1.0, 9.0), limit=2), seed=1)

    assert [request.prompt_tokens for request in found] == [11, 12]


def test_a_limit_above_the_trace_changes_nothing(trace: str) -> None:
    assert len(requests(Workload(trace=trace, limit=99), seed=1)) == 5


def test_an_empty_window_is_refused_with_what_the_trace_has(trace: str) -> None:
    with pytest.raises(ScenarioError, match=r"nothing arrived from 7\.0 s to 9\.0 s.*to 4\.0 s"):
        requests(Workload(trace=trace, window=(7.0, 9.0)), seed=1)


def test_a_trace_can_be_asked_for_at_once_or_in_a_closed_loop(trace: str) -> None:
    at_once = Workload.model_validate({"trace": trace, "arrivals": {"kind": "at-once"}})
    loop = {"kind": "closed-loop", "concurrency": 2}
    closed = Workload.model_validate({"trace": trace, "arrivals": loop})

    assert {request.arrival_s for request in requests(at_once, seed=1)} == {0.0}
    assert {request.arrival_s for request in requests(closed, seed=1)} == {None}


@pytest.fixture
def conversation(tmp_path: Path) -> str:
    """Turns at 0, 1 and 2 s, each 0.5 s after the answer of the one before it."""
    path = tmp_path / "conversation.csv"
    path.write_text(
        "arrival_s,prompt_tokens,output_tokens,session,think_s\n"
        "0,10,1,s,\n1,20,1,s,0.5\n2,30,1,s,0.5\n"
    )
    return str(path)


def test_the_turns_of_a_session_wait_for_the_one_before_them(conversation: str) -> None:
    found = requests(Workload(trace=conversation), seed=1)

    assert [(one.after, one.think_s) for one in found] == [(None, None), (0, 0.5), (1, 0.5)]


def test_a_rate_scale_brings_sessions_sooner_and_leaves_their_think_times(
    conversation: str,
) -> None:
    found = requests(Workload(trace=conversation, rate_scale=2.0), seed=1)

    assert found[1] == Request(1, 0.5, 20, 1, after=0, think_s=0.5, about=About("s"))


def test_a_turn_whose_parent_is_before_the_window_waits_for_nobody(conversation: str) -> None:
    found = requests(Workload(trace=conversation, window=(1.0, 9.0)), seed=1)

    assert found == [
        Request(0, 0.0, 20, 1, about=About("s")),
        Request(1, 1.0, 30, 1, after=0, think_s=0.5, about=About("s")),
    ]


@pytest.mark.parametrize(
    "arrivals", [{"kind": "at-once"}, {"kind": "closed-loop", "concurrency": 2}]
)
def test_arrivals_of_its_own_take_the_sessions_of_a_trace_apart(
    conversation: str, arrivals: dict[str, Any]
) -> None:
    workload = Workload.model_validate({"trace": conversation, "arrivals": arrivals})

    assert {one.after for one in requests(workload, seed=1)} == {None}


def test_a_time_scale_stretches_think_times_too(conversation: str) -> None:
    found = requests(Workload(trace=conversation, time_scale=3.0), seed=1)

    assert [(one.arrival_s, one.think_s) for one in found] == [(0.0, None), (3.0, 1.5), (6.0, 1.5)]


def test_a_request_carries_what_its_file_tells(tmp_path: Path) -> None:
    path = tmp_path / "told.csv"
    path.write_text(
        "arrival_s,prompt_tokens,output_tokens,session,turn,hash_ids,block_tokens,slo_class,model\n"
        "0,20,1,s,2,7 8,16,gold,m\n1,20,1,,,,,,\n"
    )

    told, plain = requests(Workload(trace=str(path)), seed=1)

    assert told.about == About("s", 2, (7, 8), 16, "gold", "m")
    assert plain.about is PLAIN
