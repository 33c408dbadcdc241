"""What a replica's step may put on links: the collectives of its ranks, and expert exchanges."""

from collections.abc import Callable, Collection
from dataclasses import replace
from functools import partial

import numpy as np

from sim.network.choice import Choice
from sim.network.collectives import all_gather, all_reduce, reduce_scatter
from sim.network.exchange import Exchange, Sources, combine, dispatch
from sim.network.exchange_streams import ExchangeStreams, exchange_streams
from sim.network.loads import FloatArray, Loads
from sim.network.patterns import Pattern
from sim.network.routes import Network
from sim.network.sums import SetSums
from sim.physics.work import Real
from sim.serving.layout import ReplicaLayout
from sim.spec.device import ELEMENT_BYTES
from sim.spec.scenario import Scenario

_BY_SAMPLED = "logits all-gather"
"""The one collective whose bytes go by the sequences that get a token."""


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
        self.collectives = _collectives(scenario, layout, network, slots)
        self.exchanges = _exchanges(scenario, layout, network, slots)
        self._streams = _streams(scenario, layout, network, self.exchanges)
        self._profile = scenario.engine.profile
        precision, model = scenario.deployment.precision, scenario.model
        element_bytes = ELEMENT_BYTES[precision.activations]
        self._bytes_each = {
            slot: (model.vocabulary if slot == _BY_SAMPLED else model.hidden_size) * element_bytes
            for slot in self.collectives
        }
        self._token_bytes = {
            slot: model.hidden_size
            * ELEMENT_BYTES[getattr(precision, slot) or precision.activations]
            for slot in self.exchanges
        }

        self._known_sources = b""
        self._sources: dict[str, Sources] = {}

    @property
    def used_links(self) -> frozenset[int]:
        """Every link that some transfer of a step may use."""
        patterns: list[Choice | Exchange] = [*self.collectives.values(), *self.exchanges.values()]
        return frozenset().union(*(pattern.used_links for pattern in patterns))

    def count(self, slot: str, tokens: Real, sampled: Real) -> Real:
        """What a collective's bytes go by: tokens, or sequences that get one."""
        return sampled if slot == _BY_SAMPLED else tokens

    def collective(self, slot: str, counts: Real) -> Loads:
        """A collective over the ranks (..., ranks); it is left out where nobody has any bytes."""
        loads = self.collectives[slot].loads(counts * self._bytes_each[slot], self._priced)
        return loads if np.any(counts) else replace(loads, latency_s=0.0)

    def collective_s(self, slot: str, counts: np.ndarray) -> np.ndarray:
        """(...) How long collectives over the ranks (..., ranks) take alone; none without bytes."""
        bytes_ = counts * self._bytes_each[slot]
        took_s = self.collectives[slot].alone_s(bytes_, self._priced)
        return np.where(counts.any(axis=-1), took_s, 0.0)

    def exchange(self, source_tokens: np.ndarray, weights: np.ndarray) -> dict[str, Loads]:
        """Tokens (sources) on the way to their experts and back; see `Exchange.loads`."""
        known = source_tokens.tobytes()
        if known != self._known_sources:
            self._known_sources = known
            share = source_tokens / source_tokens.sum()
            self._sources = {
                slot: exchange.spread(share, self._token_bytes[slot])
                for slot, exchange in self.exchanges.items()
            }
        found = {}
        sums: dict[SetSums, FloatArray] = {}
        for slot, exchange in self.exchanges.items():
            summed = exchange.weight_sums
            if summed not in sums:
                sums[summed] = summed.of(weights)
            loads = exchange.loads_of(self._sources[slot], sums[summed])
            if slot in self._streams:
                sent = self._streams[slot].sent
                share = source_tokens / source_tokens.sum()
                made_of = partial(sent, share, weights, self._token_bytes[slot])
                loads = replace(loads, made_of=made_of)
            found[slot] = self._capped(loads).launched(self._profile.collective_launch_s)
        return found

    def seconds(self, loads: Loads) -> Real:
        """How long a transfer takes alone."""
        took_s: Real = loads.alone_s(self.capacity_bytes_per_s)
        return took_s

    def _priced(self, _: Pattern, loads: Loads) -> Loads:
        return self._capped(loads).launched(self._profile.collective_launch_s)

    def _capped(self, loads: Loads) -> Loads:
        return loads.at_efficiency(self._profile.network_efficiency, self.capacity_bytes_per_s)


def _collectives(
    scenario: Scenario, layout: ReplicaLayout, network: Network, slots: Collection[str]
) -> dict[str, Choice]:
    """The collectives of tensor parallelism, each over all ranks at once."""
    ranks, engine = layout.ranks, scenario.engine
    makers: dict[str, Callable[[], Choice]] = {
        "embedding all-reduce": lambda: all_reduce(network, ranks, engine.all_reduce),
        "all-reduce": lambda: all_reduce(network, ranks, engine.all_reduce),
        "reduce-scatter": lambda: reduce_scatter(network, ranks, engine.all_gather),
        "all-gather": lambda: all_gather(network, ranks, engine.all_gather),
        _BY_SAMPLED: lambda: all_gather(network, ranks, engine.all_gather),
    }
    return {slot: make() for slot, make in makers.items() if slot in slots}


def _exchanges(
    scenario: Scenario, layout: ReplicaLayout, network: Network, slots: Collection[str]
) -> dict[str, Exchange]:
    if "dispatch" not in slots:
        return {}
    there = dispatch(network, layout.devices, scenario.experts.dispatch)
    back = combine(network, layout.devices, scenario.experts.dispatch)
    return {"dispatch": there, "combine": back.summed_as(there)}


def _streams(
    scenario: Scenario, layout: ReplicaLayout, network: Network, exchanges: dict[str, Exchange]
) -> dict[str, ExchangeStreams]:
    """Of the exchanges, where transfers are shared in parts."""
    if scenario.sharing == "whole":
        return {}
    return {
        slot: exchange_streams(
            network,
            layout.devices,
            scenario.experts.dispatch,
            exchange.links,
            is_back=slot == "combine",
        )
        for slot, exchange in exchanges.items()
    }
