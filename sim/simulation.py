"""One run, from a scenario to its records: starts every process and checks the laws.

The only module that knows all the others.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import simpy

from sim.errors import SimulationError
from sim.network.fabric import Fabric
from sim.network.instants import CUT, sleep_until
from sim.physics.energy import energy_j
from sim.record.recorder import Recorder
from sim.serving.changing_network import ChangingNetwork, prices, stop_lines
from sim.serving.clients import closed_loop_client, open_stream
from sim.serving.company import Company, companies
from sim.serving.deployment import DeployedReplica, DeployedScenario, deploy
from sim.serving.front_door import FrontDoor
from sim.serving.kv_cache import KvCache
from sim.serving.measured_share import MeasuredShare, measured_share
from sim.serving.mover import Mover, movement_loads
from sim.serving.player import Player
from sim.serving.rank import Rank
from sim.serving.rank_limits import RankLimits
from sim.serving.replica import Replica
from sim.serving.replica_log import replica_log
from sim.serving.router import POLICIES
from sim.spec.arrivals import ClosedLoop, concurrency
from sim.spec.scenario import Scenario
from sim.workload.requests import Request, arriving

if TYPE_CHECKING:
    import pandas as pd


def check(scenario: Scenario) -> DeployedScenario:
    """Whether this can be run at all; ScenarioError says what would do."""
    return deploy(scenario)


def simulate(scenario: Scenario | DeployedScenario) -> "Run":
    """Run a scenario to its end; one that `check` has made ready is not checked again."""
    deployed = check(scenario) if isinstance(scenario, Scenario) else scenario
    scenario = deployed.scenario
    found = arriving(scenario.workload, scenario.seed)
    recorder = Recorder.of(deployed.network.links, deployed.network.devices)
    recorder.skipped_lines = found.skipped_lines
    env = simpy.Environment()
    fabric = Fabric(env, deployed.network.capacity_bytes_per_s, recorder.links)
    circle = companies(list(_used_links(deployed)))
    of_run = _of_a_run(deployed)
    replicas = list(_replicas(env, of_run, recorder, fabric, circle))
    movers = list(_movers(env, deployed, recorder, fabric, circle[len(replicas) :]))
    last = min(len(found.requests), scenario.max_requests or len(found.requests))
    door = FrontDoor(env, replicas, POLICIES[scenario.deployment.router], last)
    network = ChangingNetwork(env, of_run, fabric, replicas, movers, circle, door, recorder)
    if deployed.changes:
        network.start()
    for process in (*(one.run() for one in replicas), *(one.run() for one in movers)):
        env.process(process)
    for client in _clients(env, scenario, found.requests, door):
        env.process(client)
    recorder.elapsed_s = _run_to_end(env, scenario, door, network)
    door.stop()
    for replica in replicas:
        replica.stop(recorder.elapsed_s)
    for mover in movers:
        mover.stop()
    fabric.close()
    _check_conservation(recorder, door.submitted)
    return Run(deployed, recorder)


def _of_a_run(deployed: DeployedScenario) -> DeployedScenario:
    """The same, with prices that follow what the steps of one run do to its experts."""
    own = [replace(one, pricer=one.pricer.for_a_run()) for one in deployed.replicas]
    return replace(deployed, replicas=tuple(own))


def _used_links(deployed: DeployedScenario) -> Iterator[frozenset[int]]:
    """Of the replicas, then of the movements."""
    for one in deployed.replicas:
        yield one.pricer.used_links
    for movement, pairs in deployed.movements:
        loads = movement_loads(deployed.network, movement, pairs)
        yield frozenset(() if loads is None else loads.links.tolist())


def _movers(
    env: simpy.Environment,
    deployed: DeployedScenario,
    recorder: Recorder,
    fabric: Fabric,
    circle: Sequence[Company],
) -> Iterator[Mover]:
    for (movement, pairs), company in zip(deployed.movements, circle, strict=True):
        yield Mover(env, movement, pairs, deployed.network, fabric, company, recorder)


def _replicas(
    env: simpy.Environment,
    deployed: DeployedScenario,
    recorder: Recorder,
    fabric: Fabric,
    circle: Sequence[Company],
) -> Iterator[Replica]:
    scenario = deployed.scenario
    for one, company in zip(deployed.replicas, circle, strict=False):
        player = Player(
            env,
            prices(one.pricer),
            replica_log(deployed, one, recorder),
            company,
            fabric,
            plays_phases=scenario.fidelity == "layer",
            plans_each_step=scenario.record.transfers,
            network_changes=bool(deployed.changes),
        )
        ranks = [_rank(scenario, one, rank) for rank in range(one.layout.dp)]
        yield Replica(env, ranks, player)


def _rank(scenario: Scenario, one: DeployedReplica, number: int) -> Rank:
    engine = scenario.engine
    limits = RankLimits(
        engine.max_sequences,
        engine.max_step_tokens,
        scenario.model.counted_window,
        scenario.workload.prefilled,
    )
    return Rank(number, limits, KvCache(one.footprint.kv_blocks, engine.kv_block_tokens))


def _clients(
    env: simpy.Environment, scenario: Scenario, requests: Sequence[Request], door: FrontDoor
) -> Iterator[Any]:
    arrivals = scenario.workload.arrivals
    clients = concurrency(arrivals)
    if clients is None:
        yield open_stream(env, requests, door.submit)
        return
    think_s = arrivals.think_s if isinstance(arrivals, ClosedLoop) else 0.0
    common = iter(requests)
    for _ in range(min(clients, len(requests))):
        yield closed_loop_client(env, common, think_s, door.submit)


def _run_to_end(
    env: simpy.Environment, scenario: Scenario, door: FrontDoor, network: ChangingNetwork
) -> float:
    """When it ended: with the last answer, where it is cut, or where all that is left is stuck."""
    end = door.closed
    if scenario.until_s is not None:
        end = end | sleep_until(env, scenario.until_s, CUT)
    try:
        env.run(until=end)
    except RuntimeError as stuck:
        # SimPy's way to say that every process waits and none will wake another.
        if "No scheduled events left" not in str(stuck):
            raise
        if network.is_stuck_since_s is None:
            raise SimulationError(f"the run stopped at {env.now} s with requests open") from stuck
        return network.is_stuck_since_s
    return env.now


def _check_conservation(recorder: Recorder, submitted: int) -> None:
    if len(recorder.requests) != submitted:
        raise SimulationError(
            f"{submitted} requests were submitted and {len(recorder.requests)} recorded"
        )


@dataclass(frozen=True, eq=False)
class Run:
    """What a run left behind; frames are made when they are first asked for."""

    deployed: DeployedScenario
    recorder: Recorder

    @property
    def scenario(self) -> Scenario:
        """What was asked."""
        return self.deployed.scenario

    @cached_property
    def requests(self) -> "pd.DataFrame":
        """One row a request: its instants, tokens, latencies and how it ended."""
        from sim.record.frames import requests_frame

        return requests_frame(self.recorder.requests)

    @cached_property
    def steps(self) -> "pd.DataFrame":
        """One row a step, with its seconds by kind of phase."""
        from sim.record.frames import steps_frame

        return steps_frame(self.recorder.steps)

    @cached_property
    def transfers(self) -> "pd.DataFrame":
        """One row a transfer, where `record.transfers` asks for them."""
        from sim.record.frames import transfers_frame

        return transfers_frame(self.recorder.transfers)

    @cached_property
    def movements(self) -> "pd.DataFrame":
        """One row each time that bytes moved beside serving."""
        from sim.record.frames import movements_frame

        return movements_frame(self.recorder.movements)

    @property
    def stops(self) -> list[str]:
        """A line for each time in which a replica stood still for want of a way."""
        return list(stop_lines(self.recorder.stops))

    @cached_property
    def experts(self) -> "pd.DataFrame":
        """One row an expert: its device and tokens, where draws count them."""
        from sim.record.experts_frame import experts_frame

        return experts_frame(self.recorder.experts)

    @cached_property
    def links(self) -> "pd.DataFrame":
        """One row a link: its bytes, and how long it was busy, full and contended."""
        from sim.record.frames import links_frame

        network, recorder = self.deployed.network, self.recorder
        return links_frame(
            network.link_names,
            network.link_kinds,
            network.capacity_bytes_per_s,
            recorder.links,
            recorder.elapsed_s,
        )

    @cached_property
    def link_users(self) -> "pd.DataFrame":
        """Two rows for two users that met on a link: how long, and what each lost by it."""
        from sim.record.link_users import link_users_frame

        return link_users_frame(self.deployed.network.link_names, self.recorder.links)

    @cached_property
    def devices(self) -> "pd.DataFrame":
        """One row a device: what its two lanes did, its work and its energy."""
        from sim.record.frames import devices_frame

        kinds, recorder = self.scenario.topology.devices, self.recorder
        owners = {
            device: one.layout for one in self.deployed.replicas for device in one.layout.devices
        }
        layouts = [owners.get(number) for number in range(len(kinds))]
        busy_s = recorder.devices.compute_busy_s
        return devices_frame(
            self.deployed.network.device_names,
            [None if layout is None else layout.pool.name for layout in layouts],
            [None if layout is None else layout.number for layout in layouts],
            recorder.devices,
            np.array(
                [
                    energy_j(kind, recorder.elapsed_s, busy_s[number])
                    for number, kind in enumerate(kinds)
                ]
            ),
            recorder.elapsed_s,
        )

    @cached_property
    def measured_share(self) -> MeasuredShare | None:
        """How much of the devices' time was priced by what was measured, and what was not."""
        return measured_share(self.deployed, self.recorder)

    def summary(self, *, detailed: bool = False) -> dict[str, Any]:
        """The run in one flat dict, in the words of vLLM's `bench serve`."""
        from sim.record.metrics import summary

        return summary(
            self.recorder,
            self.requests,
            self.links,
            self.devices,
            model_id=self.scenario.model.name,
            workload=self.scenario.workload,
            slo=self.scenario.slo,
            measured=self.measured_share,
            detailed=detailed,
        )
