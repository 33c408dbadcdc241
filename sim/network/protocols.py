"""How long a transfer takes alone: launch, messages, and bytes by the protocol that is fastest.

    launch + latency of the links + start + steps x step + bytes' time / efficiency

is the time by one protocol; libraries have several, of which small messages take a quick one that
wastes the wire. All time beyond that of the least message counts as the drain: so long are the
links held, at the rate that is left. With constants there is one protocol, for all links.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from sim.network.graph import THROUGH
from sim.network.loads import FloatArray, IntArray, Loads
from sim.network.routes import Network
from sim.spec.communication import Communication, Fabric
from sim.spec.engine_profile import EngineProfile

Way = Literal["chain", "direct", "in-switch"]
WAYS: dict[str, Way] = {
    **dict.fromkeys(("ring", "tree", "hierarchical"), "chain"),
    **dict.fromkeys(("direct", "one-shot", "two-shot", "sends"), "direct"),
    "in-switch": "in-switch",
}
"""Of sending, by the name of the algorithm."""


class Transfers(Protocol):
    """What a pattern or an exchange says of itself before there are bytes."""

    @property
    def links(self) -> IntArray: ...  # noqa: D102
    @property
    def streams(self) -> FloatArray: ...  # noqa: D102
    @property
    def latency_s(self) -> float: ...  # noqa: D102
    @property
    def steps(self) -> int: ...  # noqa: D102
    @property
    def messages(self) -> int: ...  # noqa: D102


class Overheads(NamedTuple):
    """Of each protocol (protocols, ...): what messages take without bytes, and what bytes reach."""

    before_s: FloatArray
    efficiency: FloatArray

    def total_s(self, drain_s: FloatArray) -> FloatArray:
        """(...) By the fastest, where links at full speed take so long for the bytes."""
        total_s: FloatArray = (self.before_s + drain_s / self.efficiency).min(axis=0)
        return total_s


def overheads(
    fabric: Fabric, way: Way, latency_s: FloatArray, steps: FloatArray, messages: FloatArray
) -> Overheads:
    """Of a way of sending over measured links, for (...) patterns."""
    chosen = {"chain": fabric.chain, "direct": fabric.direct, "in-switch": fabric.in_switch}[way]
    numbers = np.array([(one.start_s, one.step_s, one.link_efficiency) for one in chosen]).T
    start_s, step_s, efficiency = numbers.reshape(3, len(chosen), *(1,) * steps.ndim)
    before_s = fabric.launch_s + latency_s + start_s + steps * step_s
    if way == "direct":
        before_s = before_s + np.maximum(messages - steps, 0.0) * fabric.message_s
    if way == "chain":
        efficiency = efficiency / (1 + fabric.chain_ends / np.maximum(steps, 1.0))
    return Overheads(before_s, np.broadcast_to(efficiency, before_s.shape))


def reached_share(
    streams: FloatArray, is_host_link: NDArray[np.bool_], host_stream_share: float
) -> FloatArray:
    """Of each link, what its streams can reach: few cannot fill one to a host."""
    return np.where(is_host_link, np.minimum(streams * host_stream_share, 1.0), 1.0)


@dataclass(frozen=True, slots=True, eq=False)
class Pace:
    """How fast one transfer goes when it is alone, whatever its bytes are."""

    latency_s: float
    """Of the least message."""
    capacity_bytes_per_s: FloatArray
    """Of all links, what such a transfer can reach of them."""
    later_s: FloatArray
    """(protocols,) How much longer the least message takes by each."""
    efficiency: FloatArray
    """(protocols,)"""

    @classmethod
    def constant(cls, transfers: Transfers, network: Network, profile: EngineProfile) -> "Pace":
        """By the profile's two constants."""
        return cls(
            transfers.latency_s + profile.collective_launch_s,
            network.capacity_bytes_per_s,
            np.zeros(1),
            np.array([profile.network_efficiency]),
        )

    @classmethod
    def measured(cls, transfers: Transfers, network: Network, way: Way, fabric: Fabric) -> "Pace":
        """By what was fitted to a fabric."""
        counts = (transfers.latency_s, transfers.steps, transfers.messages)
        found = overheads(fabric, way, *(np.asarray(one, dtype=np.float64) for one in counts))
        least_s = float(found.before_s.min())
        capacity_bytes_per_s = network.capacity_bytes_per_s.copy()
        capacity_bytes_per_s[transfers.links] *= reached_share(
            transfers.streams, is_host_link(network, transfers.links), fabric.host_stream_share
        )
        later_s = found.before_s - least_s
        return cls(least_s, capacity_bytes_per_s, later_s, found.efficiency)

    def of(self, loads: Loads) -> Loads:
        """The loads at this pace; where there is nobody to talk to nothing is launched."""
        if not loads.mask:
            return loads
        drain_s = loads.drain_s(self.capacity_bytes_per_s)
        taken_s = drain_s / self.efficiency[0] + self.later_s[0]
        for later_s, efficiency in zip(self.later_s[1:], self.efficiency[1:], strict=True):
            taken_s = np.minimum(taken_s, drain_s / efficiency + later_s)
        return replace(loads, latency_s=self.latency_s, least_drain_s=taken_s, is_capped=True)


def is_host_link(network: Network, links: IntArray) -> NDArray[np.bool_]:
    """(links,) Whether each leads to or from a host."""
    return np.isin(links, sorted(network.host_links))


def slowest_kind(network: Network, links: Iterable[int]) -> str | None:
    """The kind of the slowest of these links as they were built; a capped part is no link."""
    real = (link for link in links if network.link_kinds[link] != THROUGH)
    slowest = min(real, key=lambda link: (network.built_bytes_per_s[link], link), default=None)
    return None if slowest is None else network.link_kinds[slowest]


def fabric_of(
    network: Network, links: Sequence[int] | IntArray, communication: Communication | None
) -> tuple[str, Fabric] | None:
    """The measured fabric by which transfers over these links go: that of the slowest link.

    None where nobody stands for its kind, whatever is known of the others: the constants hold.
    """
    kind = None if communication is None else slowest_kind(network, map(int, links))
    if communication is None or kind is None:
        return None
    name = communication.known_as(kind, communication.fabrics)
    return None if name is None else (name, communication.fabrics[name])


def unknown_kind(
    network: Network, links: Sequence[int] | IntArray, communication: Communication | None
) -> str | None:
    """The kind for which no fabric stands, though there are fabrics, so that constants hold."""
    if communication is None or fabric_of(network, links, communication) is not None:
        return None
    return slowest_kind(network, map(int, links))


def pace_of(transfers: Transfers, network: Network, profile: EngineProfile, algorithm: str) -> Pace:
    """Of a pattern by the named algorithm, or an exchange, with this profile."""
    found = fabric_of(network, transfers.links, profile.communication)
    if found is None:
        return Pace.constant(transfers, network, profile)
    _, fabric = found
    way = WAYS[algorithm.split()[0]]
    # Without numbers of its own a switch that adds goes by those of chains, and is not measured.
    if way == "in-switch" and not fabric.in_switch:
        way = "chain"
    return Pace.measured(transfers, network, way, fabric)
