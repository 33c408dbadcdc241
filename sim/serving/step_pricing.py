"""The price of a step: physics, experts and transfers composed into phases.

Pure: no clock. Prices are by rank, or by the devices that hold experts; a phase lasts as long as
its slowest one.
"""

from collections.abc import Callable, Iterator
from copy import copy
from dataclasses import dataclass, field
from functools import lru_cache, partial

import numpy as np

from sim import rng
from sim.experts.draws import Draw, draw, exchange_weights, expected_activated
from sim.experts.law import RoutingLaw
from sim.network.loads import Loads
from sim.network.routes import Network
from sim.physics.operators import expert_operators
from sim.physics.roofline import Roofline
from sim.physics.sums import StepSums
from sim.serving.expert_schedule import ExpertLaws, ExpertSchedule
from sim.serving.layout import ReplicaLayout
from sim.serving.phase_order import OWN_CORES, program
from sim.serving.rank_prices import Cost, RankPrices, cost
from sim.serving.rebalancing import REBALANCE, Rebalancing, rebalances
from sim.serving.ruled_steps import RuledSteps
from sim.serving.step_plan import StepPlan
from sim.serving.step_transfers import StepTransfers
from sim.spec.scenario import Scenario

_KNOWN = 64
"""Numbers of tokens of which the expectations are kept."""


@dataclass(slots=True)
class _Tally:
    """The slots of one step as they are priced, and what each device of the replica does in it."""

    devices: int
    seconds: dict[str, np.ndarray | float] = field(default_factory=dict)
    transfers: dict[str, Loads] = field(default_factory=dict)
    used: np.ndarray = field(init=False)
    """(busy seconds, flop, bytes; devices)"""

    def __post_init__(self) -> None:
        """Start at zero."""
        self.used = np.zeros((3, self.devices))


class StepPricer:
    """Prices the steps of one replica."""

    def __init__(
        self,
        scenario: Scenario,
        layout: ReplicaLayout,
        network: Network,
        law: RoutingLaw | None,
        stream_number: int,
        laws: ExpertLaws | None = None,
    ) -> None:
        """`laws` where the law may change from step to step."""
        self._scenario = scenario
        self._layout = layout
        self._law = law
        self._laws = laws
        self._schedule: ExpertSchedule | None = None
        self._rebalancing: Rebalancing | None = None
        if rebalances(scenario, layout):
            self._rebalancing = Rebalancing(scenario, layout, network)
        self._stream_number = stream_number
        self._program = program(scenario, layout)
        self._ranks = RankPrices(scenario, layout, self._program.slots)
        self._expert_roofline = Roofline.of(layout.experts.device, scenario.engine.profile)
        self._attention = layout.slice_of(layout.attention)
        self._cores = layout.slice_of(layout.cores)
        self._experts = layout.slice_of(layout.experts)
        self.transfers = StepTransfers(scenario, layout, network, self._program.slots)
        self._activated: Callable[[int], np.ndarray] | None = None
        if law is not None:
            self._obey(law)
        self.ruled = self._ruled_by(self.transfers)
        """Where the sums of a step are all that its price depends on, and are those of one rank,
        and all its devices do the same."""

    def on(self, network: Network) -> "StepPricer":
        """The same replica, in the same run, on a network that has changed.

        ScenarioError where it cannot run.
        """
        other = copy(self)
        scenario, layout = self._scenario, self._layout
        other.transfers = StepTransfers(scenario, layout, network, self._program.slots)
        other.ruled = self._ruled_by(other.transfers)
        if self._rebalancing is not None:
            other._rebalancing = Rebalancing(scenario, layout, network)  # noqa: SLF001 - its own kind
        return other

    def for_a_run(self) -> "StepPricer":
        """One whose law changes as its steps go by; itself where none does."""
        if self._laws is None:
            return self
        own = copy(self)
        own._schedule = ExpertSchedule.of(self._scenario, self._laws)  # noqa: SLF001 - its own kind
        return own

    def _ruled_by(self, transfers: StepTransfers) -> RuledSteps | None:
        if self._law is not None or self._layout.dp > 1 or self._layout.has_own_cores:
            return None
        overhead_s = self._scenario.engine.profile.step_overhead_s
        return RuledSteps(self._program, self._ranks, transfers, overhead_s)

    @property
    def capacity_bytes_per_s(self) -> np.ndarray:
        """Of every link."""
        return self.transfers.capacity_bytes_per_s

    @property
    def used_links(self) -> frozenset[int]:
        """Every link that some transfer of a step may use."""
        used = self.transfers.used_links
        return used if self._rebalancing is None else used | self._rebalancing.used_links

    def plan(self, step: int, sums: StepSums) -> StepPlan:
        """What this step does; sums are arrays by rank, or the numbers of a single one."""
        sums = StepSums(*(np.atleast_1d(np.asarray(one, dtype=np.float64)) for one in sums))
        tally = _Tally(len(self._layout.devices))
        tally.seconds["step"] = self._scenario.engine.profile.step_overhead_s
        self._follow(tally, step)
        for slot, of_ranks in self._ranks.costs(sums).items():
            place = self._cores if slot in OWN_CORES.values() else self._attention
            self._compute(tally, slot, of_ranks, self._layout.tp, place)
        self._price_collectives(tally, sums)
        drawn = None if self._law is None else self._price_experts(self._law, tally, step, sums)
        busy_s, flop, memory_bytes = tally.used
        return StepPlan(
            program=self._program,
            values=self._program.values(tally.seconds),
            transfers=tally.transfers,
            busy_s=busy_s,
            flop=flop,
            memory_bytes=memory_bytes,
            expert_tokens=None if drawn is None else drawn.expert_counts,
            fullest_expert_tokens=None if drawn is None else drawn.group_counts.max(axis=1),
            expert_places=None if self._schedule is None else self._schedule.law.places,
        )

    def communication(self, sums: StepSums) -> Iterator[tuple[float, bool]]:
        """Of a step such as this: the seconds of each transfer, and whether such were measured.

        Without experts that move.
        """
        sums = StepSums(*(np.atleast_1d(np.asarray(one, dtype=np.float64)) for one in sums))
        tokens = np.asarray(sums.decode_tokens + sums.prefill_tokens)
        sources = np.repeat(tokens, self._layout.tp)
        for slot, loads in self.plan(0, sums).transfers.items():
            if slot == REBALANCE:
                continue
            took_s = self._program.repeats[slot] * float(np.sum(self.transfers.seconds(loads)))
            counts = self.transfers.count(slot, tokens, sums.sampled_tokens)
            yield took_s, self.transfers.covers(slot, counts, sources)

    def _obey(self, law: RoutingLaw) -> None:
        self._law = law
        self._activated = lru_cache(_KNOWN)(partial(expected_activated, law))

    def _follow(self, tally: _Tally, step: int) -> None:
        """Have the law of this step, and note the transfer of experts that move before it."""
        before = None
        if self._schedule is not None:
            before = self._schedule.begin(step)
            if self._schedule.law is not self._law:
                self._obey(self._schedule.law)
        if self._rebalancing is not None:
            assert self._law is not None
            self._move(tally, REBALANCE, self._rebalancing.loads(before, self._law.places))

    def _compute(
        self, tally: _Tally, slot: str, one: Cost, devices_each: int, place: slice
    ) -> None:
        """Note kernels whose cost is by rank, or by (layers, groups) of experts, in their place."""
        tally.seconds[slot] = np.asarray(one.seconds).max(axis=-1)
        times = self._program.repeats[slot]
        for used, amount in zip(tally.used[:, place], map(np.asarray, one), strict=True):
            of_groups = amount if amount.ndim == 1 else amount.sum(axis=0)
            used += times * (of_groups if devices_each == 1 else np.repeat(of_groups, devices_each))

    def _price_collectives(self, tally: _Tally, sums: StepSums) -> None:
        tokens = sums.decode_tokens + sums.prefill_tokens
        for slot in self.transfers.collectives:
            counts = self.transfers.count(slot, tokens, sums.sampled_tokens)
            self._move(tally, slot, self.transfers.collective(slot, counts))

    def _price_experts(self, law: RoutingLaw, tally: _Tally, step: int, sums: StepSums) -> Draw:
        scenario, layout = self._scenario, self._layout
        tokens = np.asarray(sums.decode_tokens + sums.prefill_tokens)
        generator = rng.stream(scenario.seed, "routing", self._stream_number, step)
        drawn = draw(law, int(tokens.sum()), generator, scenario.experts.draws, self._activated)
        if self._schedule is not None and drawn.expert_counts is not None:
            self._schedule.count(step, drawn.expert_counts)
        operators = expert_operators(
            scenario.model,
            scenario.deployment.precision,
            drawn.group_counts,
            drawn.activated,
            layout.expert_tp,
        )
        experts = cost((operator.work for operator in operators), self._expert_roofline)
        self._compute(tally, "experts", experts, layout.expert_tp, self._experts)
        weights = self._weights(law, drawn)
        sources = np.repeat(tokens, layout.tp)
        for slot, loads in self.transfers.exchange(sources, weights).items():
            self._move(tally, slot, loads)
        return drawn

    def _weights(self, law: RoutingLaw, drawn: Draw) -> np.ndarray:
        """(layers, devices [+ boxes]): tokens sent to each; all devices of a group get its own."""
        weights = exchange_weights(law, drawn, self._scenario.experts.dispatch)
        groups = self._layout.ep
        to_devices = np.repeat(weights[:, :groups], self._layout.expert_tp, axis=1)
        return np.concatenate([to_devices, weights[:, groups:]], axis=1)

    def _move(self, tally: _Tally, slot: str, loads: Loads) -> None:
        tally.transfers[slot] = loads
        tally.seconds[slot] = self.transfers.seconds(loads)
