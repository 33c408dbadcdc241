"""Clients that differ, as ServeGen found them: a few send most, each with bursts of its own."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from sim import rng
from sim.spec.workload import ClientGroup
from sim.workload.lengths import lengths_tokens
from sim.workload.renewals import Gaps, Window, instants_s


class Sent(NamedTuple):
    """What one client sends; the axis of each array is (requests)."""

    at_s: np.ndarray
    prompt_tokens: Sequence[int]
    output_tokens: Sequence[int]
    slo_class: str | None = None
    model: str | None = None


def sent_by_groups(groups: Sequence[ClientGroup], requests: int, seed: int) -> list[Sent]:
    """What the clients send up to an instant that is not before the first so many requests.

    Every client has random streams of its own, and begins with the same requests in a longer run.
    """
    clients = [(group, rate) for group in groups for rate in rates_per_s(group)]
    until_s = requests / sum(rate for _, rate in clients)
    while True:
        instants = [
            _instants_s(group, rate_per_s, until_s, seed, number)
            for number, (group, rate_per_s) in enumerate(clients)
        ]
        if sum(map(len, instants)) >= requests:
            break
        until_s *= 1.5
    return [
        _sent(group, at_s, seed, number)
        for number, ((group, _), at_s) in enumerate(zip(clients, instants, strict=True))
    ]


def rates_per_s(group: ClientGroup) -> Iterator[float]:
    """Of each of its clients, the busiest first."""
    weights = np.arange(1, group.count + 1) ** -group.exponent
    yield from (group.rate_per_s * weights / weights.mean()).tolist()


def _instants_s(
    group: ClientGroup, rate_per_s: float, until_s: float, seed: int, number: int
) -> np.ndarray:
    window = Window(0.0, until_s, rate_per_s, Gaps("gamma", group.burstiness))
    return instants_s([window], rng.stream(seed, "client arrivals", number))


def _sent(group: ClientGroup, at_s: np.ndarray, seed: int, number: int) -> Sent:
    prompts = rng.stream(seed, "client prompt tokens", number)
    outputs = rng.stream(seed, "client output tokens", number)
    return Sent(
        at_s,
        lengths_tokens(group.prompt_tokens, len(at_s), prompts),
        lengths_tokens(group.output_tokens, len(at_s), outputs),
        group.slo_class,
        group.model,
    )
