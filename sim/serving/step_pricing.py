"""The price of a step: physics, experts and collectives composed into phases.

Pure: no clock. Prices are by rank, or by the devices that hold experts; a phase lasts as long as
its slowest one.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from sim import rng
from sim.experts.draws import Draw, draw, exchange_weights
from sim.experts.law import RoutingLaw
from sim.network.collectives import Pattern, all_gather, all_reduce, reduce_scatter
from sim.network.exchange import Exchange, combine, dispatch
from sim.network.loads import Loads
from sim.network.routes import Network
from sim.physics.operators import Operator, expert_operators, operators
from sim.physics.roofline import seconds
from sim.physics.sums import StepSums
from sim.physics.work import Phase as Part
from sim.physics.work import Real
from sim.serving.layout import ReplicaLayout
from sim.serving.phase_order import program
from sim.serving.step_plan import StepPlan
from sim.spec.device import ELEMENT_BYTES
from sim.spec.scenario import Scenario

_SLOTS_OF_PART: Mapping[Part, tuple[str, ...]] = {
    "attention": ("attention", "windowed attention"),
    "full attention": ("attention",),
    "windowed attention": ("windowed attention",),
    "linear attention": ("linear attention",),
    "dense": ("dense",),
    "experts": ("gate",),
    "head": ("head",),
}


@dataclass(slots=True)
class _Tally:
    """The slots of one step as they are priced, and what each device of the replica does in it."""

    devices: int
    seconds: dict[str, np.ndarray | float] = field(default_factory=dict)
    transfers: dict[str, Loads] = field(default_factory=dict)
    busy_s: np.ndarray = field(init=False)
    flop: np.ndarray = field(init=False)
    memory_bytes: np.ndarray = field(init=False)

    def __post_init__(self) -> None:
        """Start at zero."""
        self.busy_s, self.flop, self.memory_bytes = np.zeros((3, self.devices))


class StepPricer:
    """Prices the steps of one replica."""

    def __init__(
        self,
        scenario: Scenario,
        layout: ReplicaLayout,
        network: Network,
        law: RoutingLaw | None,
        stream_number: int,
    ) -> None:
        self._scenario = scenario
        self._layout = layout
        self._law = law
        self._stream_number = stream_number
        self._capacity = network.capacity_bytes_per_s
        self._program = program(scenario, layout)
        slots = self._program.slots
        self._patterns = _patterns(scenario, layout, network, slots)
        self._exchanges = _exchanges(scenario, layout, network, slots)

    @property
    def used_links(self) -> frozenset[int]:
        """Every link that some transfer of a step may use."""
        patterns: list[Pattern | Exchange] = [*self._patterns.values(), *self._exchanges.values()]
        return frozenset().union(*(pattern.used_links for pattern in patterns))

    def plan(self, step: int, sums: StepSums) -> StepPlan:
        """What this step does; sums are arrays by rank."""
        tally = _Tally(len(self._layout.devices))
        tally.seconds["step"] = self._scenario.engine.profile.step_overhead_s
        self._price_ranks(tally, _plain(sums))
        self._price_collectives(tally, sums)
        drawn = None if self._law is None else self._price_experts(self._law, tally, step, sums)
        return StepPlan(
            program=self._program,
            seconds=self._program.seconds(tally.seconds),
            transfers=tally.transfers,
            busy_s=tally.busy_s,
            flop=tally.flop,
            memory_bytes=tally.memory_bytes,
            expert_tokens=None if drawn is None else drawn.expert_counts,
            fullest_expert_tokens=None if drawn is None else drawn.group_counts.max(axis=1),
        )

    def _price_ranks(self, tally: _Tally, sums: StepSums) -> None:
        """The kernels of attention, dense feed-forward, gate and head."""
        scenario, layout = self._scenario, self._layout
        by_slot: dict[str, list[Operator]] = {slot: [] for slot in self._program.slots}
        priced = operators(
            scenario.model,
            scenario.deployment.precision,
            layout.tp,
            sums,
            scenario.engine.mla,
            layout.shared_tp,
        )
        for operator in priced:
            for slot in _SLOTS_OF_PART[operator.phase]:
                if slot in by_slot:
                    by_slot[slot].append(operator)
        for slot, in_slot in by_slot.items():
            if in_slot:
                self._compute(tally, slot, in_slot, layout.tp)

    def _compute(
        self, tally: _Tally, slot: str, in_slot: Iterable[Operator], devices_each: int
    ) -> None:
        """Price kernels whose work is by rank, or by (layers, groups) of experts."""
        device, profile = self._layout.device, self._scenario.engine.profile
        took_s: Real = 0.0
        flop: Real = 0.0
        moved: Real = 0.0
        for operator in in_slot:
            took_s = took_s + seconds(operator.work, device, profile)
            flop = flop + operator.work.flop
            moved = moved + operator.work.bytes
        tally.seconds[slot] = took_s if isinstance(took_s, float) else took_s.max(axis=-1)
        times = self._program.repeats[slot]
        for sum_, one in ((tally.busy_s, took_s), (tally.flop, flop), (tally.memory_bytes, moved)):
            if isinstance(one, float):
                sum_ += one * times
            else:
                sum_ += np.repeat(np.atleast_2d(one).sum(axis=0) * times, devices_each)

    def _price_collectives(self, tally: _Tally, sums: StepSums) -> None:
        model, element = self._scenario.model, self._scenario.deployment.precision.activations
        tokens = sums.decode_tokens + sums.prefill_tokens
        hidden_bytes = tokens * model.hidden_size * ELEMENT_BYTES[element]
        logits_bytes = sums.sampled_tokens * model.vocabulary * ELEMENT_BYTES[element]
        for slot, pattern in self._patterns.items():
            bytes_ = logits_bytes if slot == "logits all-gather" else hidden_bytes
            self._move(tally, slot, pattern.loads(bytes_), is_launched=bool(np.any(bytes_)))

    def _price_experts(self, law: RoutingLaw, tally: _Tally, step: int, sums: StepSums) -> Draw:
        scenario, layout = self._scenario, self._layout
        tokens = np.asarray(sums.decode_tokens + sums.prefill_tokens)
        generator = rng.stream(scenario.seed, "routing", self._stream_number, step)
        drawn = draw(law, int(tokens.sum()), generator, scenario.experts.draws)
        precision = scenario.deployment.precision
        work = expert_operators(
            scenario.model,
            precision,
            drawn.group_counts,
            drawn.activated,
            layout.expert_tp,
        )
        self._compute(tally, "experts", work, layout.expert_tp)
        weights = self._weights(law, drawn)
        share = np.repeat(tokens / tokens.sum() / layout.tp, layout.tp)
        for slot, exchange in self._exchanges.items():
            element = getattr(precision, slot) or precision.activations
            token_bytes = scenario.model.hidden_size * ELEMENT_BYTES[element]
            self._move(tally, slot, exchange.loads(share, weights, token_bytes))
        return drawn

    def _weights(self, law: RoutingLaw, drawn: Draw) -> np.ndarray:
        """(layers, devices [+ boxes]): tokens sent to each; all devices of a group get its own."""
        weights = exchange_weights(law, drawn, self._scenario.experts.dispatch)
        groups = self._layout.ep
        to_devices = np.repeat(weights[:, :groups], self._layout.expert_tp, axis=1)
        return np.concatenate([to_devices, weights[:, groups:]], axis=1)

    def _move(self, tally: _Tally, slot: str, loads: Loads, *, is_launched: bool = True) -> None:
        """Price a transfer; one that nobody needs (no logits to gather) takes no time at all."""
        profile = self._scenario.engine.profile
        capped = loads.at_efficiency(profile.network_efficiency, self._capacity)
        ready = (
            capped.launched(profile.collective_launch_s)
            if is_launched
            else replace(capped, latency_s=0.0)
        )
        tally.transfers[slot] = ready
        tally.seconds[slot] = ready.alone_s(self._capacity)


def _plain(sums: StepSums) -> StepSums:
    """Numbers in the place of arrays of one rank, which are several times slower to reckon with."""
    first = np.asarray(sums.decode_tokens)
    return StepSums(*(float(np.asarray(one)[0]) for one in sums)) if first.size == 1 else sums


def _patterns(
    scenario: Scenario, layout: ReplicaLayout, network: Network, slots: Collection[str]
) -> dict[str, Pattern]:
    """The collectives of tensor parallelism, each over all ranks at once."""
    ranks, algorithm = layout.ranks, scenario.engine.all_reduce
    makers: dict[str, Callable[[], Pattern]] = {
        "embedding all-reduce": lambda: all_reduce(network, ranks, algorithm),
        "all-reduce": lambda: all_reduce(network, ranks, algorithm),
        "reduce-scatter": lambda: reduce_scatter(network, ranks),
        "all-gather": lambda: all_gather(network, ranks),
        "logits all-gather": lambda: all_gather(network, ranks),
    }
    return {slot: make() for slot, make in makers.items() if slot in slots}


def _exchanges(
    scenario: Scenario, layout: ReplicaLayout, network: Network, slots: Collection[str]
) -> dict[str, Exchange]:
    makers = {"dispatch": dispatch, "combine": combine}
    protocol = scenario.experts.dispatch
    return {
        slot: make(network, layout.devices, protocol)
        for slot, make in makers.items()
        if slot in slots
    }
