"""Collectives as they are measured: sizes of nccl-tests, on the first devices of a network.

all_reduce counts the buffer of each rank; all_gather and reduce_scatter the whole gathered buffer;
all_to_all all that a rank sends, of which its own part stays. Expert traffic is that of uniformly
routed tokens, one copy for each expert, what stays on a device left out.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from sim.catalog.load import load_topology
from sim.errors import ScenarioError
from sim.network.collectives import Pattern, all_gather, all_reduce, reduce_scatter
from sim.network.exchange import Exchange, all_to_all_v, combine, dispatch
from sim.network.expert_pace import Direction
from sim.network.loads import FloatArray, IntArray, Loads
from sim.network.protocols import Transfers
from sim.network.routes import Network
from sim.network.stages import Protocol as Dispatch
from sim.physics.kernels import ELEMENT_OF_DTYPE
from sim.spec.device import ELEMENT_BYTES, DeviceSpec


class Alternative(NamedTuple):
    """One way to do a collective."""

    algorithm: str
    transfers: Transfers
    loads: Loads


class _Direct(NamedTuple):
    """Everybody to everybody."""

    links: IntArray
    streams: FloatArray
    latency_s: float
    steps: int
    messages: int


Ways = Callable[[Network, list[int], int], list[Alternative]]


def _all_reduce(network: Network, devices: list[int], bytes_: int) -> list[Alternative]:
    found = [_loaded("ring", all_reduce(network, [devices], "ring"), bytes_)]
    if len(devices) > 1 and network.reducing_switch(tuple(devices)) is not None:
        in_switch = all_reduce(network, [devices], "in-switch")
        found.append(_loaded("in-switch", in_switch, bytes_))
    return found


def _all_gather(network: Network, devices: list[int], bytes_: int) -> list[Alternative]:
    return [_loaded("ring", all_gather(network, [devices]), bytes_)]


def _reduce_scatter(network: Network, devices: list[int], bytes_: int) -> list[Alternative]:
    return [_loaded("ring", reduce_scatter(network, [devices]), bytes_)]


def _all_to_all(network: Network, devices: list[int], bytes_: int) -> list[Alternative]:
    sent_bytes = np.full((len(devices), len(devices)), bytes_ / len(devices))
    np.fill_diagonal(sent_bytes, 0.0)
    loads = all_to_all_v(network, devices, sent_bytes)
    peers = len(devices) - 1
    direct = _Direct(loads.links, loads.streams, loads.latency_s, min(peers, 1), peers)
    return [Alternative("direct", direct, loads)]


def _loaded(algorithm: str, pattern: Pattern, bytes_: int) -> Alternative:
    return Alternative(algorithm, pattern, pattern.loads(bytes_))


COLLECTIVES: Mapping[str, Ways] = {
    "all_reduce": _all_reduce,
    "all_gather": _all_gather,
    "reduce_scatter": _reduce_scatter,
    "all_to_all": _all_to_all,
}
"""By kind, all that a library could do; it takes the fastest."""


def alternatives(kind: str, network: Network, gpus: int, bytes_: int) -> list[Alternative]:
    """The ways in which so many of the first devices can do a collective."""
    if gpus > network.devices:
        raise ScenarioError(
            f"kernel: gpus: {gpus} is more than the {network.devices} devices of {network.name}"
        )
    return COLLECTIVES[kind](network, list(range(gpus)), bytes_)


_MakeExchange = Callable[[Network, Sequence[int], Dispatch], Exchange]

EXCHANGES: Mapping[str, _MakeExchange] = {
    "ep_dispatch": dispatch,
    "ep_combine": combine,
}
DIRECTIONS: Mapping[str, Direction] = {"ep_dispatch": "dispatch", "ep_combine": "combine"}


def token_bytes(params: Mapping[str, Any]) -> float:
    """Of a token in the type in which it travels."""
    return float(params["hidden"] * ELEMENT_BYTES[ELEMENT_OF_DTYPE[params["dtype"]]])


def uniform(exchange: Exchange, devices: int, copies: float, bytes_each: float) -> Loads:
    """The loads where so many copies come from and go to every device."""
    share, weights = np.full(devices, 1 / devices), np.full(devices, float(copies))
    return exchange.loads(share, weights, bytes_each)


def devices_of_each_box(network: Network, gpus_per_node: int) -> list[int]:
    """So many of each box, the first there."""
    in_box = network.box_of.count(0)
    if gpus_per_node > in_box:
        raise ScenarioError(
            f"kernel: gpus_per_node: {gpus_per_node} is more than the {in_box} devices of a box "
            f"of {network.name}"
        )
    return [number for number in range(network.devices) if number % in_box < gpus_per_node]


def network_of(device: DeviceSpec, nodes: int) -> Network:
    """The links among so many of the device's usual nodes."""
    return Network.of(load_topology(cluster_of(device, nodes)))


def cluster_of(device: DeviceSpec, nodes: int) -> str:
    """The topology of so many of the device's usual nodes."""
    if device.node is None:
        raise ScenarioError(
            f"device {device.name}: node: missing; name the topology in which it usually stands"
        )
    return device.node if nodes == 1 else f"{device.node}-x{nodes}"
