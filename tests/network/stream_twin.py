"""Sharing once more, slowly and stream by stream: each device-to-device stream goes its own way.

Streams share links max-min fairly and each ends by itself. A ring goes in rounds: no hop begins the
next one before all have ended this one. Shares no code with the fabric but the routes.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from sim.network.loads import FloatArray, Loads, mask_of
from sim.network.routes import Network, Route


class Stream(NamedTuple):
    """Bytes over a route."""

    route: Route
    bytes: float


class Chain(NamedTuple):
    """Streams that all begin together, so many times over."""

    streams: tuple[Stream, ...]
    rounds: int = 1


class Transfer(NamedTuple):
    """Several chains; it ends with the last of them."""

    starts_s: float
    chains: tuple[Chain, ...]

    def loads(self) -> Loads:
        """What the fabric makes of it: one vector."""
        return loads_of(self.chains)


def loads_of(chains: Sequence[Chain]) -> Loads:
    """The bytes and streams of chains by link; no latency."""
    bytes_: dict[int, float] = {}
    streams: dict[int, int] = {}
    for chain in chains:
        for stream in chain.streams:
            for link in stream.route:
                bytes_[link] = bytes_.get(link, 0.0) + chain.rounds * stream.bytes
                streams[link] = streams.get(link, 0) + 1
    links = sorted(bytes_)
    return Loads(
        np.array(links, dtype=np.int64),
        np.array([bytes_[link] for link in links]),
        np.array([float(streams[link]) for link in links]),
        0.0,
        mask_of(links),
    )


def ring(
    network: Network, group: Sequence[int], bytes_: float, times: int = 2, starts_s: float = 0.0
) -> Transfer:
    """An all-reduce (2 times round) or all-gather (once), by one ring a place in the boxes."""
    boxes: dict[int, list[int]] = {}
    for device in group:
        boxes.setdefault(network.box_of[device], []).append(device)
    members = list(boxes.values())
    width = len(members[0])
    rings = [list(group)]
    if len(members) > 1 and all(len(one) == width for one in members):
        rings = [
            [one[(first - number + place) % width] for number, one in enumerate(members)
             for place in range(width)]
            for first in range(width)
        ]  # fmt: skip
    rounds = times * (len(group) - 1)
    share = bytes_ / len(group) / len(rings)
    return Transfer(
        starts_s,
        tuple(
            Chain(
                tuple(Stream(network.route(*hop), share) for hop in pairwise([*one, one[0]])),
                rounds,
            )
            for one in rings
        ),
    )


def all_to_all(
    network: Network, devices: Sequence[int], sent_bytes: FloatArray, starts_s: float = 0.0
) -> Transfer:
    """sent_bytes[s, d] from each device to each."""
    return Transfer(
        starts_s,
        tuple(
            Chain((Stream(network.route(devices[source], devices[target]), bytes_),))
            for (source, target), bytes_ in np.ndenumerate(sent_bytes)
            if source != target and bytes_ > 0
        ),
    )


@dataclass
class Twin:
    """All streams of all transfers."""

    capacity: FloatArray
    transfers: Sequence[Transfer]
    now_s: float = 0.0
    _rates_of: dict[bytes, FloatArray] = field(default_factory=dict)

    def ends_s(self) -> list[float]:
        """When each transfer ends."""
        chains = [(n, chain) for n, one in enumerate(self.transfers) for chain in one.chains]
        streams = [(number, s) for number, (_, chain) in enumerate(chains) for s in chain.streams]
        uses = np.zeros((len(streams), len(self.capacity)), dtype=bool)
        for row, (_, stream) in enumerate(streams):
            uses[row, list(stream.route)] = True
        used = uses.any(axis=0)
        uses, capacity = uses[:, used].astype(float), self.capacity[used]
        whole = np.array([stream.bytes for _, stream in streams])
        chain_of = np.array([number for number, _ in streams])
        begins_s = np.array([self.transfers[n].starts_s for n, _ in chains])
        rounds = np.array([chain.rounds for _, chain in chains])
        ends_s, left = np.zeros(len(chains)), whole.copy()
        while rounds.any():
            moves = (begins_s <= self.now_s)[chain_of] & (rounds > 0)[chain_of] & (left > 0)
            rates = self._rates(uses, capacity, moves)
            steps = np.append(
                left[moves] / rates[moves], begins_s[begins_s > self.now_s] - self.now_s
            )
            step_s = steps.min()
            self.now_s += step_s
            left[moves] -= rates[moves] * step_s
            left[left <= 1e-9 * whole] = 0.0
            open_ = np.bincount(chain_of, left > 0, minlength=len(chains)) > 0
            done = ~open_ & (rounds > 0)
            rounds[done] -= 1
            ends_s[done] = self.now_s
            again = (done & (rounds > 0))[chain_of]
            left[again] = whole[again]
        owner = np.array([n for n, _ in chains])
        return [float(ends_s[owner == n].max()) for n in range(len(self.transfers))]

    def _rates(self, uses: FloatArray, capacity: FloatArray, moves: np.ndarray) -> FloatArray:
        key = moves.tobytes()
        if key not in self._rates_of:
            self._rates_of[key] = max_min(uses, capacity, moves)
        return self._rates_of[key]


def max_min(uses: FloatArray, capacity: FloatArray, moves: np.ndarray) -> FloatArray:
    """(streams,) The rates: the link that gives each of its streams least fills first."""
    rates, room, open_ = np.zeros(len(uses)), capacity.copy(), moves.copy()
    while open_.any():
        counts = open_ @ uses
        each = np.divide(room, counts, out=np.full_like(room, np.inf), where=counts > 0)
        level = max(each.min(), 0.0)
        full = (each <= level * (1 + 1e-9)).astype(float)
        filled = open_ & (uses @ full > 0)
        rates[filled] = level
        room = room - level * (filled @ uses)
        open_ &= ~filled
    return rates


def twin_ends_s(network: Network, transfers: Sequence[Transfer]) -> list[float]:
    """When each transfer ends, stream by stream."""
    return Twin(network.capacity_bytes_per_s, transfers).ends_s()
