"""What one kernel or collective costs, named and parametrised as published measurements are.

Collectives run on the first devices of the device's usual `node`, and expert traffic in as many of
these as are asked for; `measured_transfers` says what their sizes mean.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sim.catalog.files import read_value
from sim.catalog.load import load_device, load_profile
from sim.errors import ScenarioError
from sim.network.exchange import Exchange
from sim.network.expert_pace import Experts, paced_exchange
from sim.network.loads import Loads
from sim.network.measured_collectives import COLLECTIVES, covers
from sim.network.patterns import Pattern
from sim.network.protocols import fabric_of, pace_of
from sim.network.routes import Network
from sim.physics.kernels import ELEMENT_OF_DTYPE, KERNELS
from sim.physics.roofline import Roofline, seconds
from sim.spec.calibration import no_curves
from sim.spec.device import ELEMENT_BYTES, DeviceSpec
from sim.spec.engine_profile import EngineProfile
from sim.study.kernel_parameters import checked
from sim.study.measured_points import Point, named_point
from sim.study.measured_transfers import (
    DIRECTIONS,
    EXCHANGES,
    cluster_of,
    collective,
    devices_of_each_box,
    network_of,
    uniform,
)


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
    return _TRAFFIC[kind](**checked_transfer(kind, params))(on, by)


def checked_transfer(kind: str, params: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters of a collective or an exchange, if they make sense; ScenarioError if not."""
    return checked(kind, _TRAFFIC[kind], params)


def checked_point(point: Point) -> dict[str, Any]:
    """The parameters of a measured transfer; ScenarioError names the point."""
    with named_point(point):
        return checked_transfer(point.kind, point.params)


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
        found |= {"topology": cluster_of(on, params.get("nodes", 1))}
        if kind in COLLECTIVES and by.communication is not None:
            found |= _fabric_row(on, by, kind, params["gpus"], params["bytes"])
        return found | params
    if by.calibrations:
        work, roofline = KERNELS[kind](**params), Roofline.of(on, by)
        assert roofline.curves is not None, "the profile has calibrations"
        found |= {
            "measured_kernel": roofline.curves.name_of(work),
            "measured_as": on.measured_as,
            "is_measured_size": bool(roofline.covers(work)),
        }
    return found | params


def _fabric_row(
    on: DeviceSpec, by: EngineProfile, kind: str, gpus: int, buffer_bytes: float
) -> dict[str, Any]:
    """By which algorithm and whose numbers a collective goes, and whether such were measured."""
    network = network_of(on, 1)
    choice = collective(kind, network, gpus)
    algorithm = choice.chosen(buffer_bytes, _paced(network, by))
    (pattern,) = (one for one in choice.patterns if one.algorithm == algorithm)
    fabric = fabric_of(network, pattern.links, by.communication)
    group = range(gpus)
    return {
        "algorithm": algorithm,
        "measured_fabric": None if fabric is None else fabric[0],
        "is_measured_size": covers(network, group, pattern, kind, by.communication, buffer_bytes),
    }


def _paced(network: Network, by: EngineProfile) -> Callable[[Pattern, Loads], Loads]:
    return lambda pattern, loads: pace_of(pattern, network, by, pattern.algorithm).of(loads)


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


_Priced = Callable[[DeviceSpec, EngineProfile], float]


def _collective(kind: str) -> Callable[..., _Priced]:
    def made(gpus: int, bytes: int, library: str) -> _Priced:  # noqa: A002 - their name
        def priced(on: DeviceSpec, by: EngineProfile) -> float:
            network = network_of(on, 1)
            loads = collective(kind, network, gpus).loads(bytes, _paced(network, by))
            return _alone_s(network, loads)

        return priced

    return made


def _expert_traffic(kind: str) -> Callable[..., _Priced]:
    def made(
        nodes: int,
        gpus_per_node: int,
        tokens_per_gpu: int,
        hidden: int,
        top_k: int,
        experts: int,
        protocol: str,
        dtype: str,
    ) -> _Priced:
        token_bytes = hidden * ELEMENT_BYTES[ELEMENT_OF_DTYPE[dtype]]

        def priced(on: DeviceSpec, by: EngineProfile) -> float:
            network = network_of(on, nodes)
            devices = devices_of_each_box(network, gpus_per_node)

            def make(links: Network) -> Exchange:
                return EXCHANGES[kind](links, devices, "per-expert")

            found = paced_exchange(
                network, devices, make, DIRECTIONS[kind], by, Experts(experts, on.processors)
            )
            loads = uniform(found.exchange, len(devices), tokens_per_gpu * top_k, token_bytes)
            copied_bytes = tokens_per_gpu * top_k * token_bytes
            return _alone_s(network, found.of(loads, tokens_per_gpu, copied_bytes))

        return priced

    return made


def _alone_s(network: Network, loads: Loads) -> float:
    return float(loads.alone_s(network.capacity_bytes_per_s))


_TRAFFIC: Mapping[str, Callable[..., _Priced]] = {
    **{kind: _collective(kind) for kind in COLLECTIVES},
    **{kind: _expert_traffic(kind) for kind in EXCHANGES},
}

KINDS = (*KERNELS, *_TRAFFIC)
"""Everything that has a price."""
