"""What a replica's step may put on links: the collectives of its ranks, and expert exchanges."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from functools import cache, lru_cache, partial

import numpy as np

from sim.network.choice import Choice
from sim.network.collectives import all_gather, all_reduce, reduce_scatter, sends
from sim.network.contenders import Contenders
from sim.network.exchange import Exchange, Sources, combine, dispatch
from sim.network.exchange_streams import ExchangeStreams, exchange_streams
from sim.network.expert_pace import Direction, ExpertPace, Experts, PacedExchange, paced_exchange
from sim.network.loads import FloatArray, Loads
from sim.network.measured_collectives import covers
from sim.network.patterns import Pattern
from sim.network.protocols import Pace, pace_of, unknown_kind
from sim.network.routes import Network
from sim.network.sums import SetSums
from sim.physics.attention_stages import crossing
from sim.physics.work import Real
from sim.serving.layout import ReplicaLayout
from sim.serving.phase_order import FROM_CORES, TO_CORES
from sim.spec.device import ELEMENT_BYTES
from sim.spec.scenario import Scenario

Ranked = tuple[int, ...]
"""The devices of a rank."""

_BY_SAMPLED = "logits all-gather"
"""The one collective whose bytes go by the sequences that get a token."""


_KINDS = {
    "embedding all-reduce": "all_reduce",
    "all-reduce": "all_reduce",
    "reduce-scatter": "reduce_scatter",
    "all-gather": "all_gather",
    _BY_SAMPLED: "all_gather",
}
"""Of collectives as measurements name them; sends between two groups were not measured."""
_KNOWN = 64
"""Single collectives of which the loads are kept."""

_MAKERS: Mapping[Direction, Callable[..., Exchange]] = {"dispatch": dispatch, "combine": combine}


class StepTransfers:
    """The transfers of one replica by slot; only their tokens are still open."""

    def __init__(
        self,
        scenario: Scenario,
        layout: ReplicaLayout,
        network: Network,
        slots: Collection[str],
    ) -> None:
        self.capacity_bytes_per_s = network.capacity_bytes_per_s
        collectives = _collectives(scenario, layout, network, slots)
        self.exchanges = _exchanges(scenario, layout, network, slots)
        self._streams = _streams(scenario, layout, network, self.exchanges)
        self.paces = {
            pattern: pace_of(pattern, network, scenario.engine.profile, pattern.algorithm)
            for choice in collectives.values()
            for pattern in choice.patterns
        }
        # Slots that do the same have one choice, whose loads are then known for all of them.
        of = {
            choice: Contenders.of(choice, self.paces, len(layout.ranks))
            for choice in collectives.values()
        }
        self._contenders = {slot: of[choice] for slot, choice in collectives.items()}
        self.collectives = {slot: one.choice for slot, one in self._contenders.items()}
        self._loads = lru_cache(_KNOWN)(self._find_loads)
        self._scenario, self._layout, self._network = scenario, layout, network
        self._expert_devices = len(layout.experts.devices)
        precision, model = scenario.deployment.precision, scenario.model
        element_bytes = ELEMENT_BYTES[precision.activations]
        elements = dict.fromkeys(self.collectives, float(model.hidden_size))
        elements[_BY_SAMPLED] = model.vocabulary
        elements[TO_CORES], elements[FROM_CORES] = crossing(model, layout.tp)
        self._bytes_each = {slot: each * element_bytes for slot, each in elements.items()}
        self._token_bytes = {
            slot: model.hidden_size
            * ELEMENT_BYTES[getattr(precision, slot) or precision.activations]
            for slot in self.exchanges
        }

        self._most_tokens = 0.0
        self._known_sources = b""
        self._sources: dict[str, Sources] = {}

    @property
    def used_links(self) -> frozenset[int]:
        """Every link that some transfer of a step may use."""
        exchanges = [paced.exchange for paced in self.exchanges.values()]
        patterns: list[Choice | Exchange] = [*self.collectives.values(), *exchanges]
        return frozenset().union(*(pattern.used_links for pattern in patterns))

    @property
    def unknown_kinds(self) -> list[str]:
        """Kinds of slowest links for which no fabric stands, though the profile has fabrics."""
        communication = self._scenario.engine.profile.communication
        moved: list[Pattern | Exchange] = [*self.paces]
        moved += [one.exchange for one in self.exchanges.values() if isinstance(one.pace, Pace)]
        found = (unknown_kind(self._network, one.links, communication) for one in moved)
        return sorted({kind for kind in found if kind is not None})

    def count(self, slot: str, tokens: Real, sampled: Real) -> Real:
        """What a collective's bytes go by: tokens, or sequences that get one."""
        return sampled if slot == _BY_SAMPLED else tokens

    def collective(self, slot: str, counts: Real) -> Loads:
        """A collective over the ranks (..., ranks); it is left out where nobody has any bytes."""
        bytes_ = np.asarray(self.bytes_of(slot, counts), dtype=np.float64)
        if bytes_.ndim == 1:
            loads = self._loads(self._contenders[slot], tuple(bytes_.tolist()))
        else:
            loads = self.collectives[slot].loads(bytes_, self._at_pace)
        return loads if bytes_.any() else replace(loads, latency_s=0.0)

    def bytes_of(self, slot: str, counts: Real) -> Real:
        """Of a collective's buffers."""
        return counts * self._bytes_each[slot]

    def collective_s(self, slot: str, counts: np.ndarray) -> np.ndarray:
        """(...) How long collectives over the ranks (..., ranks) take alone; none without bytes."""
        took_s = self.collectives[slot].alone_s(self.bytes_of(slot, counts), self._at_pace)
        return np.where(counts.any(axis=-1), took_s, 0.0)

    def exchange(self, source_tokens: np.ndarray, weights: np.ndarray) -> dict[str, Loads]:
        """Tokens (sources) on the way to their experts and back; see `Exchange.loads`."""
        known = source_tokens.tobytes()
        if known != self._known_sources:
            self._known_sources = known
            share = source_tokens / source_tokens.sum()
            self._sources = {
                slot: paced.exchange.spread(share, self._token_bytes[slot])
                for slot, paced in self.exchanges.items()
            }
            self._most_tokens = float(source_tokens.max())
        found = {}
        sums: dict[SetSums, FloatArray] = {}
        most_copies: FloatArray | None = None
        for slot, (exchange, pace) in self.exchanges.items():
            summed = exchange.weight_sums
            if summed not in sums:
                sums[summed] = summed.of(weights)
            loads = exchange.loads_of(self._sources[slot], sums[summed])
            if slot in self._streams:
                sent = self._streams[slot].sent
                share = source_tokens / source_tokens.sum()
                made_of = partial(sent, share, weights, self._token_bytes[slot])
                loads = replace(loads, made_of=made_of)
            if isinstance(pace, Pace):
                found[slot] = pace.of(loads)
                continue
            if most_copies is None:
                most_copies = weights[..., : self._expert_devices].max(axis=-1)
            found[slot] = pace.of(loads, self._most_tokens, most_copies * self._token_bytes[slot])
        return found

    def covers(self, slot: str, counts: Real, source_tokens: np.ndarray) -> bool:
        """Whether just such transfers were measured: for these counts (ranks), tokens (sources)."""
        if slot in self.exchanges:
            pace = self.exchanges[slot].pace
            is_alike = self._scenario.experts.dispatch == "per-expert"
            return is_alike and isinstance(pace, ExpertPace) and pace.covers(source_tokens.max())
        bytes_ = np.asarray(self.bytes_of(slot, counts), dtype=np.float64)
        choice = self.collectives[slot]
        chosen = choice.chosen(bytes_, self._at_pace)
        communication = self._scenario.engine.profile.communication
        kind, most_bytes = _KINDS.get(slot, "sends"), float(bytes_.max())
        return any(
            covers(self._network, self._layout.ranks[0], one, kind, communication, most_bytes)
            for one in choice.patterns
            if one.algorithm == chosen
        )

    def seconds(self, loads: Loads) -> Real:
        """How long a transfer takes alone."""
        took_s: Real = loads.alone_s(self.capacity_bytes_per_s)
        return took_s

    def _find_loads(self, among: Contenders, bytes_: tuple[float, ...]) -> Loads:
        given = np.array(bytes_)
        return among.choice.single_loads(given, self._at_pace, among.near(given))

    def _at_pace(self, pattern: Pattern, loads: Loads) -> Loads:
        return self.paces[pattern].of(loads)


def _collectives(
    scenario: Scenario, layout: ReplicaLayout, network: Network, slots: Collection[str]
) -> dict[str, Choice]:
    """The collectives of tensor parallelism, each over all ranks at once."""
    ranks, engine = layout.ranks, scenario.engine
    summed = cache(lambda: all_reduce(network, ranks, engine.all_reduce))
    gathered = cache(lambda: all_gather(network, ranks, engine.all_gather))
    makers: dict[str, Callable[[], Choice]] = {
        "embedding all-reduce": summed,
        "all-reduce": summed,
        "reduce-scatter": lambda: reduce_scatter(network, ranks, engine.all_gather),
        "all-gather": gathered,
        _BY_SAMPLED: gathered,
        TO_CORES: lambda: sends(network, _pairs(ranks, layout.core_ranks)),
        FROM_CORES: lambda: sends(network, _pairs(layout.core_ranks, ranks)),
    }
    return {slot: make() for slot, make in makers.items() if slot in slots}


def _pairs(ones: list[Ranked], others: list[Ranked]) -> list[list[tuple[int, int]]]:
    """Each device of a rank with its own on the other side."""
    return [list(zip(*both, strict=True)) for both in zip(ones, others, strict=True)]


def _exchanges(
    scenario: Scenario, layout: ReplicaLayout, network: Network, slots: Collection[str]
) -> dict[str, PacedExchange]:
    if "dispatch" not in slots or scenario.model.experts is None:
        return {}
    protocol, profile = scenario.experts.dispatch, scenario.engine.profile
    devices, sources = layout.experts.devices, layout.attention.devices
    experts = scenario.model.experts.experts + scenario.experts.redundant_experts
    of = Experts(experts, _processors(layout), sources)
    there, back = (
        paced_exchange(
            network,
            devices,
            partial(make, devices=devices, protocol=protocol, sources=sources),
            direction,
            profile,
            of,
        )
        for direction, make in _MAKERS.items()
    )
    summed = back.exchange.summed_as(there.exchange)
    return {"dispatch": there, "combine": back._replace(exchange=summed)}


def _processors(layout: ReplicaLayout) -> int | None:
    """Of the device that has the fewest, at either end; None where that is not known."""
    ends = [place.device.processors for place in (layout.attention, layout.experts)]
    known = [processors for processors in ends if processors is not None]
    return min(known) if len(known) == len(ends) else None


def _streams(
    scenario: Scenario,
    layout: ReplicaLayout,
    network: Network,
    exchanges: Mapping[str, PacedExchange],
) -> dict[str, ExchangeStreams]:
    """Of the exchanges, where transfers are shared in parts."""
    if scenario.sharing == "whole":
        return {}
    return {
        slot: exchange_streams(
            network,
            (layout.attention.devices, layout.experts.devices),
            scenario.experts.dispatch,
            paced.exchange.links,
            is_back=slot == "combine",
        )
        for slot, paced in exchanges.items()
    }
