"""The requests of a run: all of them, in the order in which they arrive."""

import warnings
from bisect import bisect_left
from collections.abc import Sequence
from itertools import count, repeat
from pathlib import Path
from typing import NamedTuple

import numpy as np

from sim import rng
from sim.errors import ScenarioError, ScenarioWarning
from sim.spec.lengths import Dataset
from sim.spec.workload import Workload
from sim.workload.arrivals import arrivals_s
from sim.workload.clients import Sent, sent_by_groups
from sim.workload.datasets import BLOCK_TOKENS, dataset_lengths, dataset_prefixes
from sim.workload.lengths import lengths_tokens
from sim.workload.servegen import sent_by_servegen
from sim.workload.traces.read import read_trace
from sim.workload.traces.table import Trace, TraceRow


class About(NamedTuple):
    """What is known of a request beyond its lengths; many requests may share one."""

    session: str | None = None
    turn: int | None = None
    hash_ids: tuple[int, ...] = ()
    """Of the prompt's first blocks, the same where two prompts begin alike; others are its own."""
    block_tokens: int | None = None
    slo_class: str | None = None
    model: str | None = None


PLAIN = About()


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
    about: About = PLAIN


class Arriving(NamedTuple):
    """All requests, and how many more their file would have had."""

    requests: list[Request]
    skipped_lines: int = 0
    """Broken ones."""
    failed: int = 0
    """Requests that the file itself calls failed, or warm-up."""


def requests(workload: Workload, seed: int) -> list[Request]:
    """Every request, numbered from 0 in order of arrival."""
    return arriving(workload, seed).requests


def arriving(workload: Workload, seed: int) -> Arriving:
    """Every request, and what was left out; skipped lines are warned of.

    Arrivals, prompts and answers have a random stream each, so that changing one leaves the others.
    """
    found = _arriving(workload, seed)
    if found.skipped_lines:
        named = workload.trace or workload.servegen
        says = f"{named}: broken lines skipped: {found.skipped_lines}"
        warnings.warn(says, ScenarioWarning, stacklevel=2)
    return found


def as_trace(found: Arriving) -> Trace:
    """The same as a trace; requests of a closed loop, which have no instants, are all at 0."""
    rows = [
        TraceRow(
            one.arrival_s or 0.0,
            one.prompt_tokens,
            one.output_tokens,
            one.about.session,
            one.about.turn,
            one.after,
            one.think_s,
            one.about.hash_ids,
            one.about.block_tokens,
            one.number,
            one.about.slo_class,
            one.about.model,
        )
        for one in found.requests
    ]
    return Trace(rows, found.skipped_lines, found.failed)


def _arriving(workload: Workload, seed: int) -> Arriving:
    if workload.trace is not None:
        trace = read_trace(Path(workload.trace), workload.trace_format, skip_bad=workload.skip_bad)
        return Arriving(_from_trace(workload, trace.rows), trace.skipped, trace.failed)
    if workload.servegen is not None:
        sent, skipped = sent_by_servegen(workload, seed)
        found = _merged(sent)
        if not found:
            raise ScenarioError(f"{workload.servegen}: nothing was drawn; raise the rate")
        return Arriving(found[: workload.limit], skipped)
    if workload.clients is not None:
        assert workload.requests is not None
        sent = sent_by_groups(workload.clients, workload.requests, seed)
        return Arriving(_merged(sent)[: workload.requests])
    return Arriving(_drawn(workload, seed))


def _merged(sent: Sequence[Sent]) -> list[Request]:
    """By arrival; of clients that send at one instant, the first first."""
    at_s = np.concatenate([one.at_s for one in sent])
    order = np.argsort(at_s, kind="stable").tolist()
    instants_s = at_s.tolist()
    abouts = [About(slo_class=one.slo_class, model=one.model) for one in sent]
    of_place = [
        (prompt, output, about)
        for one, about in zip(sent, abouts, strict=True)
        for prompt, output in zip(one.prompt_tokens, one.output_tokens, strict=True)
    ]
    merged = []
    for number, place in enumerate(order):
        prompt, output, about = of_place[place]
        merged.append(Request(number, instants_s[place], prompt, output, about=about))
    return merged


def _drawn(workload: Workload, seed: int) -> list[Request]:
    wanted, arrivals = workload.requests, workload.arrivals
    prompt, output = workload.prompt_tokens, workload.output_tokens
    if workload.dataset is not None:
        prompt, output = dataset_lengths(workload.dataset)
    assert wanted is not None
    assert arrivals is not None
    assert prompt is not None
    assert output is not None
    instants_s = arrivals_s(arrivals, wanted, rng.stream(seed, "arrivals"))
    prompts = lengths_tokens(prompt, wanted, rng.stream(seed, "prompt tokens"))
    outputs = lengths_tokens(output, wanted, rng.stream(seed, "output tokens"))
    numbered = _numbered(instants_s, prompts, outputs)
    return numbered if workload.dataset is None else _prefixed(numbered, workload.dataset, seed)


def _prefixed(numbered: list[Request], dataset: Dataset, seed: int) -> list[Request]:
    prefixes = dataset_prefixes(dataset, len(numbered), rng.stream(seed, "prefixes"))
    if prefixes is None:
        return numbered
    abouts = [About(hash_ids=ids, block_tokens=BLOCK_TOKENS) for ids in prefixes.hash_ids]
    return [
        one._replace(about=abouts[prefix])
        for one, prefix in zip(numbered, prefixes.of_request, strict=True)
    ]


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
        instant_s = 0.0 if workload.arrivals.kind == "at-once" else None
        return [_alone(row, number, instant_s) for number, row in enumerate(chosen)]
    return [
        _replayed(row, number, first, start_s, workload.time_scale, workload.rate_scale)
        for number, row in enumerate(chosen)
    ]


def _arrival_s(row: TraceRow) -> float:
    return row.arrival_s


def _replayed(
    row: TraceRow, number: int, first: int, start_s: float, time_scale: float, rate_scale: float
) -> Request:
    """A turn whose parent came before the window does not wait for it."""
    after = None if row.parent is None or row.parent < first else row.parent - first
    think_s = None if after is None or row.think_s is None else row.think_s * time_scale
    return Request(
        number,
        (row.arrival_s - start_s) * time_scale / rate_scale,
        row.prompt_tokens,
        row.output_tokens,
        after,
        think_s,
        _about(row),
    )


def _about(row: TraceRow) -> About:
    told = (row.session, row.turn, row.hash_ids, row.block_tokens, row.slo_class, row.model)
    return PLAIN if told == PLAIN else About(*told)


def _alone(row: TraceRow, number: int, arrival_s: float | None) -> Request:
    """With arrivals of the workload's own, nobody waits for the turn before."""
    request = _replayed(row, number, 0, 0.0, 1.0, 1.0)
    return request._replace(arrival_s=arrival_s, after=None, think_s=None)


def _numbered(
    instants_s: list[float] | None, prompts: list[int], outputs: list[int]
) -> list[Request]:
    """Made from whole columns, which is faster than one by one."""
    arrivals = repeat(None) if instants_s is None else instants_s
    told = (repeat(default) for default in Request._field_defaults.values())
    return list(map(Request._make, zip(count(), arrivals, prompts, outputs, *told, strict=False)))
