"""Where requests come from: an open stream that waits for nobody, or clients that do."""

from collections.abc import Callable, Generator, Iterator, Sequence
from typing import Any

import simpy

from sim.network.instants import ARRIVALS, sleep_until
from sim.workload.requests import Request

Submit = Callable[[Request], simpy.Event]
"""Hands a request over; the event is its end, however it ends."""


def open_stream(
    env: simpy.Environment, requests: Sequence[Request], submit: Submit
) -> Generator[simpy.Event, Any, None]:
    """Submit each request at its arrival."""
    for request in requests:
        assert request.arrival_s is not None
        if request.arrival_s > env.now:
            yield sleep_until(env, request.arrival_s, ARRIVALS)
        submit(request)


def closed_loop_client(
    env: simpy.Environment, requests: Iterator[Request], think_s: float, submit: Submit
) -> Generator[simpy.Event, Any, None]:
    """Take the next request of all clients' common list when the last one is answered."""
    for request in requests:
        yield submit(request)
        yield sleep_until(env, env.now + think_s, ARRIVALS)
