"""Clusters for the tests of this folder, small enough to work out by hand."""

import math
from collections.abc import Sequence
from typing import Any

from hypothesis import strategies as st

from sim.network.loads import FloatArray, Loads
from sim.network.routes import Network
from sim.spec.device import DeviceSpec
from sim.spec.topology import Group, Join, TopologySpec

DEVICE = DeviceSpec(
    name="test",
    peak_flop_per_s={"bf16": 1e15},
    memory_bytes=8e10,
    memory_bytes_per_s=3e12,
    idle_w=0.0,
    peak_w=1.0,
    source="made up",
)


def slowed(loads: Loads, efficiency: float, capacity_bytes_per_s: FloatArray) -> Loads:
    """The same, with no link ever filled by this transfer to more than a share of it."""
    return loads.at_least(loads.drain_s(capacity_bytes_per_s) / efficiency, capacity_bytes_per_s)


def group(kind: str, count: int, per: str = "box", **more: Any) -> Group:
    device = DEVICE if kind == "device" else None
    return Group.model_validate(
        {"kind": kind, "count": count, "per": per, "device": device, **more}
    )


def join(one: str, other: str, pattern: str, bytes_per_s: float, latency_s: float) -> Join:
    return Join.model_validate(
        {
            "between": (one, other),
            "pattern": pattern,
            "kind": "test",
            "bytes_per_s": bytes_per_s,
            "latency_s": latency_s,
        }
    )


def topology(boxes: int, groups: dict[str, Group], links: Sequence[Join]) -> TopologySpec:
    return TopologySpec(name="test", boxes=boxes, groups=groups, links=tuple(links), source="here")


def star(devices: int, *, reduces: bool = False, through: float | None = None) -> TopologySpec:
    """One box of devices on a switch: 100 B/s a link, 1/8 s a hop."""
    groups = {
        "gpus": group("device", devices),
        "switch": group("switch", 1, reduces=reduces, through_bytes_per_s=through),
    }
    return topology(1, groups, [join("gpus", "switch", "all", 100.0, 0.125)])


def torus(shape: tuple[int, ...]) -> TopologySpec:
    """One box of devices on a grid that closes in every direction: 100 B/s a link, 1/8 s a hop."""
    link = join("chip", "chip", "torus", 100.0, 0.125).model_copy(update={"shape": shape})
    return topology(1, {"chip": group("device", math.prod(shape))}, [link])


def mesh(devices: int) -> TopologySpec:
    """One box of devices each joined with each: 100 B/s a link, 1/8 s a hop."""
    link = join("chip", "chip", "mesh", 100.0, 0.125)
    return topology(1, {"chip": group("device", devices)}, [link])


def rails(boxes: int, devices: int, *, spines: int = 0) -> TopologySpec:
    """Boxes like a DGX: a fast switch inside, and a network card on a rail of its own for each."""
    groups = {
        "gpus": group("device", devices),
        "nics": group("nic", devices),
        "nvswitch": group("switch", 1, reduces=True),
        "leaves": group("switch", devices, "cluster"),
    }
    links = [
        join("gpus", "nvswitch", "all", 400.0, 1.0),
        join("gpus", "nics", "index", 60.0, 1.0),
        join("nics", "leaves", "index", 50.0, 1.0),
    ]
    if spines:
        groups["spines"] = group("switch", spines, "cluster")
        links.append(join("leaves", "spines", "all", 200.0, 1.0))
    return topology(boxes, groups, links)


def pods(boxes: int, leaves: int, spines: int) -> TopologySpec:
    """Boxes of two devices, runs of boxes on a leaf, every leaf on every spine."""
    groups = {
        "gpus": group("device", 2),
        "leaves": group("switch", leaves, "cluster"),
        "spines": group("switch", spines, "cluster"),
    }
    links = [
        join("gpus", "leaves", "blocks", 100.0, 1.0),
        join("leaves", "spines", "all", 100.0, 1.0),
    ]
    return topology(boxes, groups, links)


def sockets() -> TopologySpec:
    """Two hosts: four devices on two capped sockets, and a network card on the first."""
    groups = {
        "gpus": group("device", 4),
        "cpus": group("cpu", 2, through_bytes_per_s=75.0),
        "nic": group("nic", 1),
        "net": group("switch", 1, "cluster"),
    }
    links = [
        join("gpus", "cpus", "blocks", 64.0, 1.0),
        join("cpus", "cpus", "chain", 40.0, 1.0),
        join("cpus", "nic", "all", 32.0, 1.0),
        join("nic", "net", "all", 25.0, 1.0),
    ]
    return topology(2, groups, links)


def meshed(boxes: int, devices: int) -> TopologySpec:
    """Devices joined each with each in a box, and along a chain of switches between boxes."""
    groups = {
        "gpus": group("device", devices),
        "hub": group("switch", 1),
        "cores": group("switch", boxes, "cluster"),
    }
    links = [
        join("gpus", "gpus", "mesh", 30.0, 1.0),
        join("gpus", "hub", "all", 20.0, 2.0),
        join("hub", "cores", "blocks", 25.0, 1.0),
        join("cores", "cores", "chain", 25.0, 1.0),
    ]
    return topology(boxes, groups, links)


small = st.integers(1, 4)
topologies = st.one_of(
    st.builds(star, small, through=st.sampled_from([None, 150.0]), reduces=st.booleans()),
    st.builds(torus, st.sampled_from([(4,), (2, 3), (4, 4), (2, 2, 4)])),
    st.builds(rails, small, small, spines=st.integers(0, 3)),
    st.builds(pods, st.just(4), st.sampled_from([1, 2, 4]), small),
    st.builds(meshed, small, small),
    st.builds(sockets),
)
networks = topologies.map(Network.of)
