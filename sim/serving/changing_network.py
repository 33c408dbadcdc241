"""What happens to the network during a run, and who has to know of it.

A replica whose devices have no way to one another stands still: nobody is sent there, the step in
flight waits where it has something to move, and both go on when there is a way again.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial

import simpy

from sim.errors import ScenarioError
from sim.network.changes import NetworkChange
from sim.network.fabric import Fabric
from sim.network.instants import CHANGES, call_at
from sim.network.routes import Network
from sim.record.recorder import Recorder, Stop
from sim.serving.company import Company, introduce
from sim.serving.deployment import DeployedReplica, DeployedScenario
from sim.serving.front_door import FrontDoor
from sim.serving.mover import Mover
from sim.serving.prices import Prices
from sim.serving.replica import Replica
from sim.serving.step_pricing import StepPricer

State = tuple[frozenset[int], bytes]


@dataclass(slots=True, eq=False)
class ChangingNetwork:
    """The network as it is, and everybody who goes by it."""

    env: simpy.Environment
    deployed: DeployedScenario
    fabric: Fabric
    replicas: Sequence[Replica]
    movers: Sequence[Mover]
    circle: Sequence[Company]
    """Of the replicas, then of the movers."""
    door: FrontDoor
    recorder: Recorder
    _last_s: float = 0.0
    """When something happened to it."""
    _itself: Company = field(default_factory=Company)
    """Disturbs whoever counts on being alone."""
    _networks: dict[State, Network] = field(default_factory=dict)
    _pricers: dict[tuple[State, int], StepPricer | str] = field(default_factory=dict)
    _prices: dict[int, Prices] = field(default_factory=dict)
    _stops: dict[int, Stop] = field(default_factory=dict)
    """Those that last."""

    @property
    def is_stuck_since_s(self) -> float | None:
        """When the last thing happened, where nothing more can; None if no replica stands still."""
        if not self._stops:
            return None
        # Timers that were replaced are still to run out, so the clock does not say.
        waits_s = [one.waits_since_s for one in self.replicas]
        moves_s = [one.last_s for one in self.movers]
        return max(self.door.last_s, self._last_s, *waits_s, *moves_s)

    def start(self) -> None:
        """Let everything happen at its instant."""
        used_links = [one.pricer.used_links for one in self.deployed.replicas]
        self._introduce(used_links)
        built = self.deployed.network
        as_built = frozenset[int](), built.capacity_bytes_per_s.tobytes()
        self._networks[as_built] = built
        self._pricers = {
            (as_built, number): one.pricer for number, one in enumerate(self.deployed.replicas)
        }
        for change in self.deployed.changes:
            call_at(self.env, change.at_s, CHANGES, partial(self._happen, change))

    def _happen(self, change: NetworkChange) -> None:
        self._last_s = self.env.now
        network = self._network(change)
        self.fabric.change(network.capacity_bytes_per_s)
        used_links = []
        for number, replica in enumerate(self.replicas):
            pricer = self._pricer(number, change.state, network)
            if isinstance(pricer, str):
                replica.change(None)
                self._stop(number, pricer, change)
                used_links.append(frozenset[int]())
            else:
                replica.change(self._prices_of(pricer))
                self._go_on(number)
                used_links.append(pricer.used_links)
        for mover in self.movers:
            mover.change(network)
        self._introduce(used_links)
        self._itself.begin()
        self._itself.end()
        self.door.open_to(
            [replica for number, replica in enumerate(self.replicas) if number not in self._stops]
        )

    def _introduce(self, used_links: Sequence[frozenset[int]]) -> None:
        of_movers = [mover.used_links for mover in self.movers]
        introduce(self.circle, [*used_links, *of_movers], self._itself)

    def _network(self, change: NetworkChange) -> Network:
        if change.state not in self._networks:
            self._networks[change.state] = self.deployed.network.without(
                change.failed, change.capacity_bytes_per_s
            )
        return self._networks[change.state]

    def _pricer(self, number: int, state: State, network: Network) -> StepPricer | str:
        """The prices of a replica, or why it cannot run."""
        key = state, number
        if key not in self._pricers:
            self._pricers[key] = _repriced(self.deployed.replicas[number], network)
        return self._pricers[key]

    def _prices_of(self, pricer: StepPricer) -> Prices:
        """The same object for the same prices."""
        return self._prices.setdefault(id(pricer), prices(pricer))

    def _stop(self, number: int, why: str, change: NetworkChange) -> None:
        if number in self._stops:
            return
        layout = self.deployed.replicas[number].layout
        stop = Stop(layout.pool.name, layout.number, why, change.failing, self.env.now)
        self._stops[number] = stop
        self.recorder.stops.append(stop)

    def _go_on(self, number: int) -> None:
        if number in self._stops:
            self._stops.pop(number).until_s = self.env.now


def prices(pricer: StepPricer) -> Prices:
    """What a player is told of a pricer."""
    return Prices(pricer.plan, pricer.ruled, pricer.capacity_bytes_per_s)


def _repriced(one: DeployedReplica, network: Network) -> StepPricer | str:
    far = network.out_of_reach(one.layout.devices)
    if far and one.pricer.used_links:
        names = ", ".join(network.device_names[device] for device in far)
        return f"{names} out of reach"
    try:
        return one.pricer.on(network)
    except ScenarioError as problem:
        return str(problem)


def stop_lines(stops: Sequence[Stop]) -> Iterator[str]:
    """A line for each time in which a replica stood still."""
    for one in stops:
        until = "on" if one.until_s is None else f"to {one.until_s:g} s"
        yield (
            f"{one.why} from {one.from_s:g} s {until}, with {', '.join(one.links)} failed: "
            f"replica {one.replica} of pool {one.pool} stands still"
        )
