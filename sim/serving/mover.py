"""Bytes that move between devices beside serving, over the links that replicas use."""

from collections.abc import Generator, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, partial
from typing import Any

import numpy as np
import simpy

from sim.errors import ScenarioError
from sim.network.carried import add_carried, carried
from sim.network.crossing import flow_of
from sim.network.exchange import all_to_all_v
from sim.network.fabric import Fabric
from sim.network.instants import STARTS, sleep_until
from sim.network.loads import IntArray, Loads
from sim.network.routes import Network
from sim.network.streams import Routes, Streams
from sim.record.recorder import MovementRow, Recorder
from sim.serving.company import Company
from sim.spec.network_events import Movement

Pairs = Sequence[tuple[int, int]]


def movement_loads(network: Network, movement: Movement, pairs: Pairs) -> Loads | None:
    """What a movement puts on links, all pairs in step; None where one of them has no way."""
    if any(network.out_of_reach(pair) for pair in pairs):
        return None
    places = {device: place for place, device in enumerate(dict.fromkeys(sum(pairs, ())))}
    sent_bytes = np.zeros((len(places), len(places)))
    for source, target in pairs:
        sent_bytes[places[source], places[target]] += movement.bytes
    loads = all_to_all_v(network, list(places), sent_bytes)
    made_of = cache(partial(_streams, network, movement.bytes, pairs, loads.links))
    loads = replace(loads, made_of=made_of)
    capacity_bytes_per_s = network.capacity_bytes_per_s
    if movement.at_most_bytes_per_s is None:
        return loads.at_least(0.0, capacity_bytes_per_s)
    least_drain_s = sent_bytes.max() / movement.at_most_bytes_per_s
    return loads.at_least(least_drain_s, capacity_bytes_per_s)


def _streams(network: Network, bytes_: float, pairs: Pairs, links: IntArray) -> Streams:
    """One from each sender to its receiver."""
    ways = [dict(flow_of(network, *pair)) for pair in pairs]
    routes = Routes.of(links, ways, network.capacity_bytes_per_s)
    return Streams(routes, np.full(len(pairs), bytes_))


MOST_TIMES = 100_000
"""Each beginning of a movement is some events: more would take minutes without a word."""


@dataclass(slots=True, eq=False)
class Mover:
    """Carries out one movement, as often as it is asked for."""

    env: simpy.Environment
    movement: Movement
    pairs: Pairs
    network: Network
    fabric: Fabric
    company: Company
    recorder: Recorder
    _newest: Loads | None = field(init=False)
    _way: simpy.Event = field(init=False)
    last_s: float = 0.0
    """When it began or ended, the last time that it did."""
    _in_flight: MovementRow | None = None

    def __post_init__(self) -> None:
        """The network is as it was built."""
        self._newest = movement_loads(self.network, self.movement, self.pairs)
        self._way = self.env.event()

    @property
    def used_links(self) -> frozenset[int]:
        """Those that it puts bytes on, on the network as it is."""
        return frozenset(() if self._newest is None else self._newest.links.tolist())

    def change(self, network: Network) -> None:
        """The network is another one from now on."""
        self.network = network
        self._newest = movement_loads(network, self.movement, self.pairs)
        if self._newest is not None:
            way, self._way = self._way, self.env.event()
            way.succeed()

    def run(self) -> Generator[simpy.Event, Any, None]:
        """Begin at the asked instants, though never before the one before has ended."""
        asked = self.movement
        times = 0
        while True:
            at_s = max(asked.at_s + times * (asked.every_s or 0.0), self.env.now)
            yield sleep_until(self.env, at_s, STARTS)
            while self._newest is None:
                yield self._way
            if asked.until_s is not None and self.env.now >= asked.until_s:
                return
            if times == MOST_TIMES:
                raise ScenarioError(
                    f"movements: {asked.name!r:.60} began {times} times by {self.env.now:g} s; "
                    "write a longer 'every', and more bytes, or an 'until'"
                )
            yield from self._move(self._newest)
            times += 1
            if asked.every_s is None:
                return

    def stop(self) -> None:
        """Record what is in flight when the run ends."""
        if self._in_flight is not None:
            self.recorder.movements.append(self._in_flight)

    def _move(self, loads: Loads) -> Generator[simpy.Event, Any, None]:
        network = self.network
        speed = network.capacity_bytes_per_s
        bytes_ = len(self.pairs) * self.movement.bytes
        alone_s = float(loads.alone_s(speed))
        row = MovementRow(self.movement.name, self.env.now, None, bytes_, alone_s)
        self._in_flight, self.last_s = row, self.env.now
        self.company.begin()
        moved = yield self.fabric.transfer(
            loads, self.movement.name, anew=lambda: self._anew(loads, network)
        )
        self.company.end()
        self._in_flight, self.last_s = None, self.env.now
        for part in carried(loads, moved, speed):
            add_carried(self.recorder.links, part)
        self.recorder.movements.append(row._replace(end_s=self.env.now))

    def _anew(self, loads: Loads, network: Network) -> Loads | None:
        newest = self._newest
        if self.network is network or newest is None:
            return None if newest is None else loads
        speed, before = (one.capacity_bytes_per_s for one in (self.network, network))
        return loads if loads.is_same(newest, before, speed) else newest
