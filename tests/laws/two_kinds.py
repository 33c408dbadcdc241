"""Machines of two kinds of devices: small GPUs, and accelerators that have more bandwidth."""

from typing import Any

from sim.spec.device import DeviceSpec
from sim.spec.scenario import AttentionParallel, ExpertParallel, Pool
from sim.spec.topology import TopologySpec
from tests.laws.scenarios import DEVICE, group, join, topology

PIM = DeviceSpec(
    name="small-pim",
    peak_flop_per_s={"bf16": 5e11, "fp32": 2.5e11},
    memory_bytes=5e8,
    memory_bytes_per_s=2e11,
    idle_w=10.0,
    peak_w=100.0,
    source="made up",
)


def machine(gpus: int = 1, pims: int = 1, boxes: int = 1, pim: DeviceSpec = PIM) -> TopologySpec:
    """In each box all on one switch, the accelerators on slower links; boxes meet on a leaf."""
    groups = {
        "gpus": group("device", gpus, device=DEVICE),
        "pims": group("device", pims, device=pim),
        "switch": group("switch"),
        "leaf": group("switch", 1, "cluster"),
    }
    links = [
        join("gpus", "switch", "all", 4e9, 0.5e-6),
        join("pims", "switch", "all", 2e9, 0.7e-6),
        join("switch", "leaf", "all", 1e9, 1e-6),
    ]
    return topology(boxes, groups, links)


def experts_apart(tp: int = 1, dp: int = 1, ep: int = 1, **more: Any) -> Pool:
    """Experts on the accelerators."""
    return Pool(
        attention=AttentionParallel(tp=tp, dp=dp),
        experts=ExpertParallel(on="pims", ep=ep, **more),
    )


def cores_apart(tp: int = 1, dp: int = 1, on: str = "pims") -> Pool:
    """The cache on the accelerators."""
    return Pool(attention=AttentionParallel(tp=tp, dp=dp, core_on=on))
