"""What a replica's step may put on links: the collectives of its ranks, and expert exchanges."""

from collections.abc import Callable, Collection
from dataclasses import replace

import numpy as np

from sim.network.collectives import Pattern, all_gather, all_reduce, reduce_scatter, sends
from sim.network.exchange import Exchange, Sources, combine, dispatch
from sim.network.loads import FloatArray, Loads
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
        self._profile = scenario.engine.profile
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

        self._known_sources = b""
        self._sources: dict[str, Sources] = {}

    @property
    def used_links(self) -> frozenset[int]:
        """Every link that some transfer of a step may use."""
        patterns: list[Pattern | Exchange] = [*self.collectives.values(), *self.exchanges.values()]
        return frozenset().union(*(pattern.used_links for pattern in patterns))

    def count(self, slot: str, tokens: Real, sampled: Real) -> Real:
        """What a collective's bytes go by: tokens, or sequences that get one."""
        return sampled if slot == _BY_SAMPLED else tokens

    def collective(self, slot: str, counts: Real) -> Loads:
        """A collective over the ranks (..., ranks); it is left out where nobody has any bytes."""
        loads = self._capped(self.collectives[slot].loads(counts * self._bytes_each[slot]))
        if not np.any(counts):
            return replace(loads, latency_s=0.0)
        return loads.launched(self._profile.collective_launch_s)

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
            found[slot] = self._capped(loads).launched(self._profile.collective_launch_s)
        return found

    def seconds(self, loads: Loads) -> Real:
        """How long a transfer takes alone."""
        took_s: Real = loads.alone_s(self.capacity_bytes_per_s)
        return took_s

    def _capped(self, loads: Loads) -> Loads:
        return loads.at_efficiency(self._profile.network_efficiency, self.capacity_bytes_per_s)


def _collectives(
    scenario: Scenario, layout: ReplicaLayout, network: Network, slots: Collection[str]
) -> dict[str, Pattern]:
    """The collectives of tensor parallelism, each over all ranks at once."""
    ranks, algorithm = layout.ranks, scenario.engine.all_reduce
    makers: dict[str, Callable[[], Pattern]] = {
        "embedding all-reduce": lambda: all_reduce(network, ranks, algorithm),
        "all-reduce": lambda: all_reduce(network, ranks, algorithm),
        "reduce-scatter": lambda: reduce_scatter(network, ranks),
        "all-gather": lambda: all_gather(network, ranks),
        _BY_SAMPLED: lambda: all_gather(network, ranks),
        TO_CORES: lambda: sends(network, _pairs(ranks, layout.core_ranks)),
        FROM_CORES: lambda: sends(network, _pairs(layout.core_ranks, ranks)),
    }
    return {slot: make() for slot, make in makers.items() if slot in slots}


def _pairs(ones: list[Ranked], others: list[Ranked]) -> list[list[tuple[int, int]]]:
    """Each device of a rank with its own on the other side."""
    return [list(zip(*both, strict=True)) for both in zip(ones, others, strict=True)]


def _exchanges(
    scenario: Scenario, layout: ReplicaLayout, network: Network, slots: Collection[str]
) -> dict[str, Exchange]:
    if "dispatch" not in slots:
        return {}
    protocol, sources = scenario.experts.dispatch, layout.attention.devices
    there = dispatch(network, layout.experts.devices, protocol, sources)
    back = combine(network, layout.experts.devices, protocol, sources)
    return {"dispatch": there, "combine": back.summed_as(there)}
