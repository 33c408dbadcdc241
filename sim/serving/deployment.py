"""A scenario made ready to run: every replica on its devices, with its memory and its prices.

Whatever cannot be run is refused here, before any process starts: too few devices, parallelism
that does not divide, a model that does not fit, devices that cannot reach one another.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from typing import NamedTuple

import numpy as np

from sim.errors import ScenarioError
from sim.experts.law import RoutingLaw
from sim.network.changes import NetworkChange, devices_named, network_changes, pairs_of
from sim.network.routes import Network
from sim.physics.memory import Footprint, footprint
from sim.serving.expert_schedule import ExpertLaws
from sim.serving.layout import Place, ReplicaLayout, replica_layouts
from sim.serving.rebalancing import rebalances
from sim.serving.step_pricing import StepPricer
from sim.spec.model import LatentAttention
from sim.spec.network_events import Movement
from sim.spec.scenario import Scenario
from sim.units import readable


@dataclass(frozen=True, slots=True)
class DeployedReplica:
    """One replica, ready to serve."""

    layout: ReplicaLayout
    footprints: tuple[Footprint, ...]
    """Of each device of each of its places."""
    law: RoutingLaw | None
    """How its tokens choose experts; None for a dense model."""
    pricer: StepPricer

    @property
    def footprint(self) -> Footprint:
        """Of each device that holds its cache."""
        return self.footprints[self.layout.places.index(self.layout.cores)]


class DeployedMovement(NamedTuple):
    """Who sends to whom beside serving."""

    movement: Movement
    pairs: list[tuple[int, int]]


@dataclass(frozen=True, slots=True)
class DeployedScenario:
    """All that a run needs, and nothing that has a clock."""

    scenario: Scenario
    network: Network
    """As it was built."""
    replicas: tuple[DeployedReplica, ...]
    changes: tuple[NetworkChange, ...] = ()
    """What happens to the network during the run."""
    movements: tuple[DeployedMovement, ...] = ()


def deploy(scenario: Scenario) -> DeployedScenario:
    """Lay out, check and price a scenario; ScenarioError says what would do."""
    _check_mla(scenario)
    network = Network.of(scenario.topology)
    laws: dict[tuple[int, ...], ExpertLaws] = {}
    replicas = []
    for number, layout in enumerate(replica_layouts(scenario)):
        _check_arithmetic(scenario, layout)
        _check_reach(network, layout)
        _check_boxes(scenario, layout, network)
        of_experts = _laws(scenario, layout, network, laws)
        law = None if of_experts is None else of_experts.after(0)
        drifts = scenario.experts.drift.every_steps is not None
        changing = of_experts if drifts or rebalances(scenario, layout) else None
        pricer = StepPricer(scenario, layout, network, law, number, changing)
        found = footprints(scenario, layout)
        for place, memory in zip(layout.places, found, strict=True):
            _check_room(scenario, place, memory)
        replicas.append(DeployedReplica(layout, found, law, pricer))
    changes = tuple(network_changes(network, scenario.links))
    return DeployedScenario(
        scenario, network, tuple(replicas), changes, tuple(_movements(scenario, network))
    )


def _movements(scenario: Scenario, network: Network) -> Iterator[DeployedMovement]:
    """With their devices, each of which has a way; refused where the run would have no end."""
    may_stop = any(one.kind == "fail" and one.until_s is None for one in scenario.links)
    for number, one in enumerate(scenario.movements):
        where = f"movements.{number}"
        senders = devices_named(network, one.from_devices, f"{where}.from_devices")
        receivers = devices_named(network, one.to_devices, f"{where}.to_devices")
        pairs = pairs_of(network, senders, receivers, where)
        for pair in pairs:
            network.route(*pair)
        if may_stop and one.every_s and one.until_s is None and scenario.until_s is None:
            raise ScenarioError(
                f"{where}.every_s: goes on for ever, also where a failed link stops all replicas; "
                "write an 'until' here or for the run"
            )
        yield DeployedMovement(one, pairs)


def footprints(scenario: Scenario, layout: ReplicaLayout) -> tuple[Footprint, ...]:
    """The memory of each device of each place, whether there is room or not."""
    return tuple(
        footprint(
            scenario.model,
            scenario.deployment.precision,
            place.device,
            scenario.engine,
            tp=layout.tp,
            ep=layout.ep,
            expert_tp=layout.expert_tp,
            shared_tp=layout.shared_tp,
            dp=layout.dp if layout.has_own_experts else None,
            redundant_experts=scenario.experts.redundant_experts,
            holds=place.holds,
        )
        for place in layout.places
    )


def _check_room(scenario: Scenario, place: Place, found: Footprint) -> None:
    if found.fits:
        return
    states, fewer = "", "'max_step_tokens'"
    if found.state_bytes:
        states = f", {readable(found.state_bytes, 'B')} of states of linear layers"
        fewer = "'max_step_tokens' or 'max_sequences'"
    cache = ""
    if found.kv_bytes_per_token:
        block_bytes = found.kv_bytes_per_token * found.kv_block_tokens
        cache = f" and at least one block of {readable(block_bytes, 'B')} of keys and values"
    raise ScenarioError(
        f"deployment: {scenario.model.name} does not fit: each {place.device.name} has "
        f"{readable(found.usable_bytes, 'B')} to use (engine.memory_share) for "
        f"{readable(found.weights_bytes, 'B')} of weights, "
        f"{readable(found.activation_bytes, 'B')} of activations{states}{cache}; "
        f"use more devices a replica, smaller 'precision', or fewer {fewer}"
    )


def _check_mla(scenario: Scenario) -> None:
    attention = scenario.model.attention
    is_sparse = isinstance(attention, LatentAttention) and attention.sparse is not None
    if is_sparse and scenario.engine.mla == "expanded":
        raise ScenarioError(
            f"engine.mla: 'expanded' is not modelled for {scenario.model.name}, which attends to "
            "chosen tokens; write 'auto' or 'absorbed'"
        )
    own_cores = [pool.attention.core_on for pool in scenario.deployment.pools]
    if scenario.engine.mla == "expanded" and any(own_cores):
        raise ScenarioError(
            "engine.mla: 'expanded' needs the cache where the weights are, not on devices of its "
            "own (attention.core_on); write 'auto' or 'absorbed'"
        )


def _check_arithmetic(scenario: Scenario, layout: ReplicaLayout) -> None:
    precision = scenario.deployment.precision
    for place, name in product(layout.places, ("weights", "kv", "activations")):
        try:
            place.device.arithmetic(getattr(precision, name))
        except ValueError as problem:
            known = ", ".join(place.device.peak_flop_per_s)
            raise ScenarioError(
                f"deployment.precision.{name}: {problem}; its types are {known}"
            ) from problem


def _check_reach(network: Network, layout: ReplicaLayout) -> None:
    """Ask for every route once, so that what is unreachable is found before the run."""
    for source in layout.devices:
        for target in layout.devices:
            network.route(source, target)


def _check_boxes(scenario: Scenario, layout: ReplicaLayout, network: Network) -> None:
    """Per-node dispatch sends a token into the box of its expert, so that has to be in one."""
    dispatches = scenario.model.experts is not None and layout.moe_entry == "scatter"
    if not dispatches or scenario.experts.dispatch != "per-node":
        return
    for group in layout.expert_groups:
        if len({network.box_of[device] for device in group}) > 1:
            names = ", ".join(network.device_names[device] for device in group)
            raise ScenarioError(
                f"experts.dispatch: 'per-node' needs each expert in one box, but expert_tp = "
                f"{layout.expert_tp} spreads one over {names}; write 'per-device', a smaller "
                "expert_tp, or list 'devices' box by box"
            )


def _laws(
    scenario: Scenario,
    layout: ReplicaLayout,
    network: Network,
    known: dict[tuple[int, ...], ExpertLaws],
) -> ExpertLaws | None:
    """Replicas of one shape share their laws: they take a while to estimate."""
    routed = scenario.model.experts
    if routed is None:
        return None
    boxes = [network.box_of[group[0]] for group in layout.expert_groups]
    numbers: Mapping[int, int] = {box: number for number, box in enumerate(dict.fromkeys(boxes))}
    box_of_group = np.array([numbers[box] for box in boxes])
    key = tuple(box_of_group.tolist())
    if key not in known:
        known[key] = ExpertLaws(scenario, routed, layout.ep, box_of_group)
    return known[key]
