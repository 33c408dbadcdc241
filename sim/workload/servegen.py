"""Requests of ServeGen's clients, drawn window by window and scaled to a rate."""

from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

import numpy as np

from sim import rng
from sim.errors import ScenarioError
from sim.spec.workload import Workload
from sim.workload.clients import Sent
from sim.workload.renewals import Window, instants_s
from sim.workload.traces.servegen import Lengths, ServegenClient, read_servegen

_MOST_REQUESTS = 10**7


class ServegenRequests(NamedTuple):
    """What every client sends, on a clock that starts with the part that is wanted."""

    sent: list[Sent]
    skipped: int


def sent_by_servegen(workload: Workload, seed: int) -> ServegenRequests:
    """The folder's clients; all their rates are scaled alike, so their shares and times stay."""
    assert workload.servegen is not None
    folder = Path(workload.servegen)
    clients, skipped = read_servegen(folder, skip_bad=workload.skip_bad)
    start_s, end_s = _part(folder, workload, clients)
    parts = [_within(one.windows, start_s, end_s) for one in clients]
    expected = sum(_expected(windows) for windows in parts)
    if not expected:
        raise ScenarioError(f"{folder}: window: no client sends from {start_s} s to {end_s} s")
    scale = workload.rate_scale
    if workload.rate_per_s is not None:
        scale = workload.rate_per_s * (end_s - start_s) / expected
    if expected * scale > _MOST_REQUESTS:
        raise ScenarioError(
            f"{folder}: about {expected * scale:.3g} requests, of at most {_MOST_REQUESTS}; "
            "give a shorter window or a lower rate"
        )
    sent = [
        _sent(client, _scaled(windows, scale), start_s, seed)
        for client, windows in zip(clients, parts, strict=True)
    ]
    return ServegenRequests(sent, skipped)


def _part(
    folder: Path, workload: Workload, clients: Sequence[ServegenClient]
) -> tuple[float, float]:
    """From and to, on the folder's clock; a `window` is counted from its first window."""
    windows = [window for client in clients for window in client.windows]
    if not windows:
        raise ScenarioError(f"{folder}: no windows in any trace; give at least one line")
    first_s = min(window.start_s for window in windows)
    last_s = max(window.end_s for window in windows)
    if workload.window is None:
        return first_s, last_s
    start_s, end_s = (first_s + one for one in workload.window)
    if start_s >= last_s:
        raise ScenarioError(
            f"{folder}: window: starts at {workload.window[0]} s; the folder goes from 0 s to "
            f"{last_s - first_s} s"
        )
    return start_s, min(end_s, last_s)


def _within(windows: Sequence[Window], start_s: float, end_s: float) -> list[Window]:
    cut = (
        one._replace(start_s=max(one.start_s, start_s), end_s=min(one.end_s, end_s))
        for one in windows
    )
    return [one for one in cut if one.start_s < one.end_s]


def _expected(windows: Sequence[Window]) -> float:
    return sum((one.end_s - one.start_s) * one.rate_per_s for one in windows)


def _scaled(windows: Sequence[Window], scale: float) -> list[Window]:
    return [one._replace(rate_per_s=one.rate_per_s * scale) for one in windows]


def _sent(client: ServegenClient, windows: Sequence[Window], start_s: float, seed: int) -> Sent:
    at_s = instants_s(windows, rng.stream(seed, "client arrivals", client.number))
    prompts = rng.stream(seed, "client prompt tokens", client.number)
    outputs = rng.stream(seed, "client output tokens", client.number)
    prompt_tokens: list[int] = []
    output_tokens: list[int] = []
    # Lengths are those of the last window that had any; before the first, of the first. Arrivals
    # are in order, so those that share a window's lengths lie together.
    for place, group in groupby(np.searchsorted(client.starts_s, at_s, side="right").tolist()):
        count = sum(1 for _ in group)
        prompt, output = client.lengths(max(place - 1, 0))
        prompt_tokens += _drawn(prompt, prompts.random(count))
        output_tokens += _drawn(output, outputs.random(count))
    return Sent(at_s - start_s, prompt_tokens, output_tokens)


def _drawn(lengths: Lengths, uniform: np.ndarray) -> list[int]:
    chosen = np.searchsorted(lengths.reached, uniform * lengths.reached[-1], side="right")
    # A product rounded up to the whole would otherwise point behind the last.
    listed: list[int] = lengths.tokens[np.minimum(chosen, len(lengths.tokens) - 1)].tolist()
    return listed
