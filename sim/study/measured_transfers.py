"""Collectives as they are measured: sizes of nccl-tests, on the first devices of a network.

all_reduce counts the buffer of each rank; all_gather and reduce_scatter the whole gathered buffer;
all_to_all all that a rank sends, of which its own part stays. Expert traffic is that of uniformly
routed tokens, one copy for each expert, what stays on a device left out.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from sim.catalog.load import load_topology
from sim.errors import ScenarioError
from sim.network.choice import Choice
from sim.network.exchange import Exchange, combine, dispatch
from sim.network.expert_pace import Direction
from sim.network.loads import Loads
from sim.network.measured_collectives import COLLECTIVES
from sim.network.routes import Network
from sim.network.stages import Protocol as Dispatch
from sim.physics.kernels import ELEMENT_OF_DTYPE
from sim.spec.device import ELEMENT_BYTES, DeviceSpec


def collective(kind: str, network: Network, gpus: int) -> Choice:
    """The ways in which so many of the first devices can do it."""
    if gpus > network.devices:
        raise ScenarioError(
            f"kernel: gpus: {gpus} is more than the {network.devices} devices of {network.name}"
        )
    return COLLECTIVES[kind](network, list(range(gpus)))


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
