"""How long tokens take to or from their experts by kernels of their own, when they are alone.

A count for each expert goes ahead; then the processors handle tokens and copies while links carry
them: neither quite hides the other, so the root of their squares' sum counts. Such kernels give
each expert a group of processors, so few experts keep few of them busy (DeepEP, low latency).
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from math import ceil
from typing import Literal, NamedTuple

import numpy as np

from sim.network.exchange import Exchange
from sim.network.loads import FloatArray, Loads
from sim.network.protocols import Pace, pace_of, slowest_kind
from sim.network.routes import Network
from sim.physics.work import Real
from sim.spec.communication import Communication, ExchangeSizes, ExpertTraffic
from sim.spec.engine_profile import EngineProfile

Direction = Literal["dispatch", "combine"]


def busy_processors(experts: int, processors: int) -> int:
    """Of a device: as many as experts, or an equal part of them at a time."""
    return ceil(experts / ceil(experts / processors))


def before_s(traffic: ExpertTraffic, experts: Real, far_experts: Real) -> Real:
    """Without any token; of arrays, arrays."""
    counts_s: Real = experts * traffic.expert_s + far_experts * traffic.far_expert_s
    return traffic.launch_s + counts_s


def handled_s(
    traffic: ExpertTraffic, tokens: Real, copied_bytes: Real, processors: Real
) -> FloatArray:
    """What so many processors take for a device's own tokens and all bytes copied for others."""
    each_s = tokens * traffic.token_s + copied_bytes / traffic.copied_bytes_per_s
    return np.asarray(each_s / processors)


def beside(one_s: FloatArray, other_s: FloatArray) -> FloatArray:
    """Both, each hiding some of the other."""
    return np.hypot(one_s, other_s)


@dataclass(frozen=True, slots=True, eq=False)
class ExpertPace:
    """How fast one exchange goes when it is alone, whatever its tokens are."""

    traffic: ExpertTraffic
    latency_s: float
    """Of an exchange without tokens."""
    processors: int
    capacity_bytes_per_s: FloatArray
    """Of all links, what these kernels reach of them."""

    is_measured: bool
    """Whether exchanges were measured between so many devices, on links of these kinds."""

    def covers(self, tokens: float) -> bool:
        """Whether just such exchanges were measured, of so many tokens a device."""
        least, most = self.traffic.fitted_to.tokens
        return self.is_measured and least <= tokens <= most

    def of(self, loads: Loads, tokens: float, copied_bytes: Real) -> Loads:
        """The loads (...) at this pace; the most own tokens of a device, and bytes copied (...)."""
        if not loads.mask:
            return loads
        handling_s = handled_s(self.traffic, tokens, copied_bytes, self.processors)
        taken_s = beside(handling_s, loads.drain_s(self.capacity_bytes_per_s))
        return replace(loads, latency_s=self.latency_s, least_drain_s=taken_s, is_capped=True)


class PacedExchange(NamedTuple):
    """An exchange, and how fast it goes."""

    exchange: Exchange
    pace: Pace | ExpertPace

    def of(self, loads: Loads, tokens: float, copied_bytes: Real) -> Loads:
        """Its loads at this pace; see `ExpertPace`."""
        if isinstance(self.pace, ExpertPace):
            return self.pace.of(loads, tokens, copied_bytes)
        return self.pace.of(loads)


class Experts(NamedTuple):
    """Whose tokens they are: experts of the whole model, processors of a device if known."""

    experts: int
    processors: int | None
    sources: Sequence[int] | None = None
    """Where the tokens are, if not on the experts' devices."""


def paced_exchange(
    network: Network,
    devices: Sequence[int],
    make: Callable[[Network], Exchange],
    direction: Direction,
    profile: EngineProfile,
    of: Experts,
) -> PacedExchange:
    """By kernels for experts where such were measured; else as any all-to-all.

    The devices are those of the experts.
    """
    traffic = (
        None if profile.communication is None else profile.communication.experts.get(direction)
    )
    if profile.communication is None or traffic is None or of.processors is None:
        return _as_any(network, make, profile)
    known_as = _known_kinds(profile.communication, traffic, network)
    sources = of.sources or devices
    if not _reaches(network, sources[0], devices, known_as):
        return _as_any(network, make, profile)
    reached = np.array(
        [traffic.reached_share(known_as.get(kind, kind)) for kind in network.link_kinds]
    )
    fast = replace(network, capacity_bytes_per_s=network.capacity_bytes_per_s * reached)
    exchange = make(fast)
    home = network.box_of[sources[0]]
    far = sum(network.box_of[device] != home for device in devices) / len(devices)
    latency_s = exchange.latency_s + before_s(traffic, of.experts, of.experts * far)
    processors = busy_processors(of.experts, of.processors)
    is_alike = tuple(sources) == tuple(devices)
    is_measured = is_alike and _is_measured(network, exchange, len(devices), traffic.fitted_to)
    pace = ExpertPace(traffic, float(latency_s), processors, fast.capacity_bytes_per_s, is_measured)
    return PacedExchange(exchange, pace)


def _is_measured(network: Network, exchange: Exchange, devices: int, sizes: ExchangeSizes) -> bool:
    """On the very links, all of them: neither stand-ins nor what else is faster."""
    used = {
        (network.link_kinds[link], network.capacity_bytes_per_s[link].item())
        for link in exchange.links.tolist()
    }
    least, most = sizes.devices
    return bool(used) and used <= sizes.links.items() and least <= devices <= most


def _as_any(
    network: Network, make: Callable[[Network], Exchange], profile: EngineProfile
) -> PacedExchange:
    exchange = make(network)
    return PacedExchange(exchange, pace_of(exchange, network, profile, "direct"))


def _known_kinds(
    communication: Communication, traffic: ExpertTraffic, network: Network
) -> dict[str, str]:
    """The network's kinds of links that were measured, or as what they are known."""
    known = {
        kind: communication.known_as(kind, traffic.link_efficiency)
        for kind in dict.fromkeys(network.link_kinds)
    }
    return {kind: name for kind, name in known.items() if name is not None}


def _reaches(network: Network, source: int, devices: Sequence[int], kinds: Collection[str]) -> bool:
    """Whether on the way from this device to every other the slowest link is of such a kind."""
    routes = [network.route(source, device) for device in devices if device != source]
    return all(slowest_kind(network, route) in kinds for route in routes)
