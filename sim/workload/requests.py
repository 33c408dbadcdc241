"""The requests of a run: all of them, in the order in which they arrive."""

from bisect import bisect_left
from itertools import repeat
from pathlib import Path
from typing import NamedTuple

from sim import rng
from sim.errors import ScenarioError
from sim.spec.workload import Workload
from sim.workload.arrivals import arrivals_s
from sim.workload.datasets import dataset_lengths
from sim.workload.lengths import lengths_tokens
from sim.workload.traces.read import read_trace
from sim.workload.traces.table import TraceRow


class Request(NamedTuple):
    """What one user asks for."""

    number: int
    arrival_s: float | None
    """None in a closed loop, where it is sent when a client is free."""
    prompt_tokens: int
    output_tokens: int
    after: int | None = None
    """The request of its session whose answer it waits for."""
    think_s: float | None = None
    """From that answer to this request; None: at its arrival, though not before the answer."""


def requests(workload: Workload, seed: int) -> list[Request]:
    """Every request, numbered from 0 in order of arrival.

    Arrivals, prompts and answers have a random stream each, so that changing one leaves the others.
    """
    if workload.trace is not None:
        trace = read_trace(Path(workload.trace), workload.trace_format, skip_bad=workload.skip_bad)
        return _from_trace(workload, trace.rows)
    return _drawn(workload, seed)


def _drawn(workload: Workload, seed: int) -> list[Request]:
    count, arrivals = workload.requests, workload.arrivals
    prompt, output = workload.prompt_tokens, workload.output_tokens
    if workload.dataset is not None:
        prompt, output = dataset_lengths(workload.dataset)
    assert count is not None
    assert arrivals is not None
    assert prompt is not None
    assert output is not None
    instants_s = arrivals_s(arrivals, count, rng.stream(seed, "arrivals"))
    prompts = lengths_tokens(prompt, count, rng.stream(seed, "prompt tokens"))
    outputs = lengths_tokens(output, count, rng.stream(seed, "output tokens"))
    return _numbered(instants_s, prompts, outputs)


def _from_trace(workload: Workload, rows: list[TraceRow]) -> list[Request]:
    start_s, end_s = workload.window or (0.0, float("inf"))
    first = bisect_left(rows, start_s, key=_arrival_s)
    last = bisect_left(rows, end_s, key=_arrival_s)
    if workload.limit is not None:
        last = min(last, first + workload.limit)
    if first == last:
        raise ScenarioError(
            f"{workload.trace}: window: nothing arrived from {start_s} s to {end_s} s; the trace "
            f"goes from 0 s to {rows[-1].arrival_s} s"
        )
    chosen = rows[first:last]
    if workload.arrivals is not None:
        instants_s = [0.0] * len(chosen) if workload.arrivals.kind == "at-once" else None
        prompts = [row.prompt_tokens for row in chosen]
        return _numbered(instants_s, prompts, [row.output_tokens for row in chosen])
    return [
        _replayed(row, number, first, (row.arrival_s - start_s) / workload.rate_scale)
        for number, row in enumerate(chosen)
    ]


def _arrival_s(row: TraceRow) -> float:
    return row.arrival_s


def _replayed(row: TraceRow, number: int, first: int, arrival_s: float) -> Request:
    """A turn whose parent came before the window does not wait for it."""
    after = None if row.parent is None or row.parent < first else row.parent - first
    think_s = None if after is None else row.think_s
    return Request(number, arrival_s, row.prompt_tokens, row.output_tokens, after, think_s)


def _numbered(
    instants_s: list[float] | None, prompts: list[int], outputs: list[int]
) -> list[Request]:
    arrivals = repeat(None, len(prompts)) if instants_s is None else instants_s
    return [
        Request(number, arrival_s, prompt, output)
        for number, (arrival_s, prompt, output) in enumerate(
            zip(arrivals, prompts, outputs, strict=True)
        )
    ]
