"""Where requests come from: an open stream that waits for nobody but its sessions, or clients."""

from collections import defaultdict
from collections.abc import Callable, Generator, Iterator, Sequence
from functools import partial
from typing import Any

import simpy

from sim.network.instants import ARRIVALS, call_at, sleep_until
from sim.workload.requests import Request

Submit = Callable[[Request], simpy.Event]
"""Hands a request over; the event is its end, however it ends."""


def open_stream(
    env: simpy.Environment, requests: Sequence[Request], submit: Submit
) -> Generator[simpy.Event, Any, None]:
    """Submit each request at its arrival; a turn of a session, after the answer it waits for.

    A user thinks from the end of the answer, also where it ended without one. Of turns without a
    think time the recorded arrival holds, though none is sent before that end.
    """
    send = _sender(env, requests, submit)
    for request in requests:
        if request.after is not None:
            continue
        assert request.arrival_s is not None
        if request.arrival_s > env.now:
            yield sleep_until(env, request.arrival_s, ARRIVALS)
        send(request)


def _sender(
    env: simpy.Environment, requests: Sequence[Request], submit: Submit
) -> Callable[[Request], None]:
    """What submits a request, and later the turns that wait for its answer."""
    turns_after: defaultdict[int | None, list[Request]] = defaultdict(list)
    for request in requests:
        turns_after[request.after].append(request)

    def send(request: Request) -> None:
        answered = submit(request)
        if request.number in turns_after:
            answered.callbacks.append(lambda _: send_turns(request.number))

    def send_turns(number: int) -> None:
        for turn in turns_after[number]:
            call_at(env, _sent_at_s(env.now, turn), ARRIVALS, partial(send, turn))

    return send


def _sent_at_s(answered_at_s: float, turn: Request) -> float:
    if turn.think_s is not None:
        return answered_at_s + turn.think_s
    assert turn.arrival_s is not None
    return max(answered_at_s, turn.arrival_s)


def closed_loop_client(
    env: simpy.Environment, requests: Iterator[Request], think_s: float, submit: Submit
) -> Generator[simpy.Event, Any, None]:
    """Take the next request of all clients' common list when the last one is answered.

    One that has an arrival is not sent before it, so this many clients bound an open stream.
    """
    for request in requests:
        if request.arrival_s is not None and request.arrival_s > env.now:
            yield sleep_until(env, request.arrival_s, ARRIVALS)
        yield submit(request)
        yield sleep_until(env, env.now + think_s, ARRIVALS)
