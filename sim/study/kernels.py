"""What one kernel or collective costs, named and parametrised as published measurements are.

Collectives run on the first devices of the device's usual `node`. Sizes are those of nccl-tests:
all_reduce, the buffer of each rank; all_gather and reduce_scatter, the whole gathered buffer;
all_to_all, all that a rank sends, of which its own part stays. Expert traffic is that of uniformly
routed tokens, one copy for each expert, what stays on a device left out.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from sim.catalog.files import read_value
from sim.catalog.load import load_device, load_profile, load_topology
from sim.errors import ScenarioError
from sim.network.collectives import all_gather, all_reduce, reduce_scatter
from sim.network.exchange import Exchange, all_to_all_v, combine, dispatch
from sim.network.loads import Loads
from sim.network.routes import Network
from sim.physics.kernels import ELEMENT_OF_DTYPE, KERNELS
from sim.physics.roofline import Roofline, seconds
from sim.spec.calibration import no_curves
from sim.spec.device import ELEMENT_BYTES, DeviceSpec
from sim.spec.scenario import EngineProfile
from sim.study.kernel_parameters import checked


def kernel_s(
    device: str | DeviceSpec, kind: str, profile: str | EngineProfile = "plain", **params: Any
) -> float:
    """The seconds of one call, with the engine profile's efficiency and launch time.

    `device` is a catalog name or alias. Whoever prices thousands hands in the device and the
    profile themselves, not their names.
    """
    on = load_device(device) if isinstance(device, str) else device
    by = load_profile(profile) if isinstance(profile, str) else profile
    if kind in KERNELS:
        return _compute_s(on, by, kind, checked(kind, KERNELS[kind], params))
    if kind not in _TRAFFIC:
        raise ScenarioError(f"kernel {kind!r:.60} is not known; the kinds are {', '.join(KINDS)}")
    given = checked(kind, _TRAFFIC[kind], params)
    network = Network.of(load_topology(_cluster(on, given.get("nodes", 1))))
    loads = _TRAFFIC[kind](**given)(network)
    capacity = network.capacity_bytes_per_s
    capped = loads.at_efficiency(by.network_efficiency, capacity)
    return float(capped.launched(by.collective_launch_s).alone_s(capacity))


def kernel_price(
    device: str, kind: str, written: Sequence[str], profile: str = "plain"
) -> dict[str, Any]:
    """The same from `key=value` texts, with what it was priced for."""
    params: dict[str, Any] = {}
    for one in written:
        name, equals, value = one.partition("=")
        if not equals or name in params:
            raise ScenarioError(f"kernel {kind!r:.60}: {one!r:.60} is not KEY=VALUE with a new key")
        params[name] = read_value(value, f"kernel {kind!r:.60}: {name}")
    on, by = load_device(device), load_profile(profile)
    time_s = kernel_s(on, kind, by, **params)
    found = {"time_s": time_s, "device": on.name, "engine_profile": by.name}
    if kind not in KERNELS:
        return found | {"topology": _cluster(on, params.get("nodes", 1))} | params
    if by.calibrations:
        work, roofline = KERNELS[kind](**params), Roofline.of(on, by)
        assert roofline.curves is not None, "the profile has calibrations"
        found |= {
            "measured_kernel": roofline.curves.name_of(work),
            "measured_as": on.measured_as,
            "is_measured_size": bool(roofline.covers(work)),
        }
    return found | params


def _compute_s(
    device: DeviceSpec, profile: EngineProfile, kind: str, params: Mapping[str, Any]
) -> float:
    problem = no_curves(device, profile.calibrations)
    if problem:
        raise ScenarioError(f"engine profile {profile.name} {problem}")
    work = KERNELS[kind](**params)
    try:
        return float(seconds(work, device, profile, repeated=True))
    except ValueError as error:
        known = ", ".join(device.peak_flop_per_s)
        raise ScenarioError(f"kernel {kind}: {error}; its types are {known}") from error


def _cluster(device: DeviceSpec, nodes: int) -> str:
    """The topology of so many of the device's usual nodes."""
    if device.node is None:
        raise ScenarioError(
            f"device {device.name}: node: missing; name the topology in which it usually stands"
        )
    return device.node if nodes == 1 else f"{device.node}-x{nodes}"


_Traffic = Callable[[Network], Loads]
_NCCL = ("in-switch", "ring")
"""The all-reduces of this library in one box, where its trees are chains and no faster than rings;
its gathers and scatters are rings."""


def _all_reduce(gpus: int, bytes: int, library: str) -> _Traffic:  # noqa: A002 - their name
    return lambda network: all_reduce(network, [_first(network, gpus)], among=_NCCL).loads(bytes)


def _all_gather(gpus: int, bytes: int, library: str) -> _Traffic:  # noqa: A002 - their name
    return lambda network: all_gather(network, [_first(network, gpus)], "ring").loads(bytes)


def _reduce_scatter(gpus: int, bytes: int, library: str) -> _Traffic:  # noqa: A002 - their name
    return lambda network: reduce_scatter(network, [_first(network, gpus)], "ring").loads(bytes)


def _all_to_all(gpus: int, bytes: int, library: str) -> _Traffic:  # noqa: A002 - their name
    sent_bytes = np.full((gpus, gpus), bytes / gpus)
    np.fill_diagonal(sent_bytes, 0.0)
    return lambda network: all_to_all_v(network, _first(network, gpus), sent_bytes)


def _expert_traffic(make: Callable[..., Exchange]) -> Callable[..., _Traffic]:
    def traffic(
        nodes: int,
        gpus_per_node: int,
        tokens_per_gpu: int,
        hidden: int,
        top_k: int,
        experts: int,
        protocol: str,
        dtype: str,
    ) -> _Traffic:
        token_bytes = hidden * ELEMENT_BYTES[ELEMENT_OF_DTYPE[dtype]]
        gpus = nodes * gpus_per_node
        # As many copies go to a device as come from one: uniform routing.
        copies = np.full(gpus, float(tokens_per_gpu * top_k))

        def loads(network: Network) -> Loads:
            devices = _of_each_box(network, gpus_per_node)
            exchange = make(network, devices, "per-expert")
            return exchange.loads(np.full(gpus, 1 / gpus), copies, token_bytes)

        return loads

    return traffic


_TRAFFIC: Mapping[str, Callable[..., _Traffic]] = {
    "all_reduce": _all_reduce,
    "all_gather": _all_gather,
    "reduce_scatter": _reduce_scatter,
    "all_to_all": _all_to_all,
    "ep_dispatch": _expert_traffic(dispatch),
    "ep_combine": _expert_traffic(combine),
}

KINDS = (*KERNELS, *_TRAFFIC)
"""Everything that has a price."""


def _first(network: Network, gpus: int) -> list[int]:
    if gpus > network.devices:
        raise ScenarioError(
            f"kernel: gpus: {gpus} is more than the {network.devices} devices of {network.name}"
        )
    return list(range(gpus))


def _of_each_box(network: Network, gpus_per_node: int) -> list[int]:
    in_box = network.box_of.count(0)
    if gpus_per_node > in_box:
        raise ScenarioError(
            f"kernel: gpus_per_node: {gpus_per_node} is more than the {in_box} devices of a box "
            f"of {network.name}"
        )
    return [number for number in range(network.devices) if number % in_box < gpus_per_node]
