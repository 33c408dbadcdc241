"""Whole scenarios for the laws: small models on small machines.

Models are tiny so that a run is fast; machines have round numbers so that a person can follow.
"""

import math
from collections.abc import Sequence
from typing import Any

from sim.simulation import check
from sim.spec.device import DeviceSpec
from sim.spec.engine_profile import EngineProfile
from sim.spec.experts import Experts
from sim.spec.model import GroupedAttention, LatentAttention, ModelSpec, RoutedExperts, Window
from sim.spec.scenario import (
    AttentionParallel,
    Deployment,
    Engine,
    ExpertParallel,
    Pool,
    Record,
    Scenario,
)
from sim.spec.topology import Group, Join, TopologySpec
from sim.spec.workload import Workload

Tokens = int | tuple[int, int]
"""A number, or the ends of a range."""

DEVICE = DeviceSpec(
    name="small",
    peak_flop_per_s={"bf16": 2e12, "fp32": 1e12},
    memory_bytes=1e9,
    memory_bytes_per_s=5e10,
    idle_w=10.0,
    peak_w=100.0,
    source="made up",
)

DENSE = ModelSpec(
    name="small-dense",
    layers=3,
    hidden_size=128,
    vocabulary=1000,
    attention=GroupedAttention(heads=8, kv_heads=2, head_size=16),
    intermediate_size=256,
    source="made up",
)
WINDOWED = DENSE.model_copy(
    update={"name": "small-windowed", "window": Window(tokens=16, layers=2)}
)
CHUNKED = DENSE.model_copy(
    update={"name": "small-chunked", "window": Window(kind="chunked", tokens=16, layers=2)}
)
MIXTURE = ModelSpec(
    name="small-mixture",
    layers=3,
    hidden_size=128,
    vocabulary=1000,
    attention=GroupedAttention(heads=8, kv_heads=2, head_size=16),
    experts=RoutedExperts(experts=16, experts_per_token=2, intermediate_size=64),
    source="made up",
)
LATENT = ModelSpec(
    name="small-latent",
    layers=3,
    hidden_size=128,
    vocabulary=1000,
    attention=LatentAttention(
        kind="mla", heads=8, query_rank=48, kv_rank=32, nope_size=16, rope_size=8, value_size=16
    ),
    intermediate_size=256,
    experts=RoutedExperts(
        experts=16,
        experts_per_token=4,
        intermediate_size=64,
        shared_experts=1,
        first_dense_layers=1,
    ),
    source="made up",
)


def profile(**changes: float) -> EngineProfile:
    """The ideal engine, but for these changes."""
    ideal: dict[str, Any] = {
        "name": "made up",
        "compute_efficiency": 1.0,
        "memory_efficiency": 1.0,
        "network_efficiency": 1.0,
        "kernel_launch_s": 0.0,
        "collective_launch_s": 0.0,
        "step_overhead_s": 0.0,
        "source": "made up",
    }
    return EngineProfile(**(ideal | changes))


IDEAL = profile()
ROUGH = profile(
    compute_efficiency=0.8,
    memory_efficiency=0.7,
    network_efficiency=0.6,
    kernel_launch_s=3e-6,
    collective_launch_s=6.3e-6,
    step_overhead_s=1e-4,
)


def group(kind: str, count: int = 1, per: str = "box", **more: Any) -> Group:
    """Equal parts; devices are the small one unless said."""
    if kind == "device":
        more = {"device": DEVICE} | more
    return Group.model_validate({"kind": kind, "count": count, "per": per, **more})


def join(one: str, other: str, pattern: str, bytes_per_s: float, latency_s: float) -> Join:
    """A link entry, of the kind of its two ends."""
    return Join.model_validate(
        {
            "between": (one, other),
            "pattern": pattern,
            "kind": f"{one}-{other}",
            "bytes_per_s": bytes_per_s,
            "latency_s": latency_s,
        }
    )


def topology(boxes: int, groups: dict[str, Group], links: Sequence[Join]) -> TopologySpec:
    """A cluster."""
    return TopologySpec(
        name="made up", boxes=boxes, groups=groups, links=tuple(links), source="made up"
    )


def switched(
    boxes: int = 1, devices: int = 4, *, nics: int | None = None, reduces: bool = False
) -> TopologySpec:
    """Boxes like a DGX; network cards on a rail each, one for each device or fewer, shared ones."""
    cards = devices if nics is None else nics
    groups = {
        "gpus": group("device", devices),
        "nvswitch": group("switch", reduces=reduces),
        "nics": group("nic", cards),
        "leaves": group("switch", cards, "cluster"),
    }
    links = [
        join("gpus", "nvswitch", "all", 4e9, 0.5e-6),
        join("gpus", "nics", "blocks", 6e8, 0.3e-6),
        join("nics", "leaves", "index", 5e8, 0.7e-6),
    ]
    return topology(boxes, groups, links)


def two_sockets(boxes: int = 1, **of_device: Any) -> TopologySpec:
    """Hosts with two sockets, two PCIe switches on each, two devices on each of those."""
    groups = {
        "gpus": group("device", 8, **of_device),
        "switches": group("switch", 4),
        "cpus": group("cpu", 2, through_bytes_per_s=1.5e9),
        "nic": group("nic", 1),
        "net": group("switch", 1, "cluster"),
    }
    links = [
        join("gpus", "switches", "blocks", 6.4e8, 0.3e-6),
        join("switches", "cpus", "blocks", 6.4e8, 0.3e-6),
        join("cpus", "cpus", "chain", 4e8, 0.4e-6),
        join("cpus", "nic", "all", 3e8, 0.3e-6),
        join("nic", "net", "all", 2.5e8, 0.7e-6),
    ]
    return topology(boxes, groups, links)


def work(
    requests: int = 8,
    arrivals: str | dict[str, Any] = "at-once",
    prompt: Tokens = 20,
    output: Tokens = 8,
) -> Workload:
    """So many requests; a pair of lengths is drawn from evenly."""

    def length(tokens: Tokens) -> Any:
        if isinstance(tokens, int):
            return tokens
        return {"kind": "uniform", "low": tokens[0], "high": tokens[1]}

    return Workload.model_validate(
        {
            "requests": requests,
            "arrivals": {"kind": arrivals} if isinstance(arrivals, str) else arrivals,
            "prompt_tokens": length(prompt),
            "output_tokens": length(output),
        }
    )


def pool(
    tp: int = 1, dp: int = 1, *, expert_tp: int = 1, moe_entry: str | None = None, **more: Any
) -> Pool:
    """Replicas of tp * dp devices."""
    return Pool(
        attention=AttentionParallel(tp=tp, dp=dp),
        experts=ExpertParallel.model_validate({"expert_tp": expert_tp, "moe_entry": moe_entry}),
        **more,
    )


def engine(**changes: Any) -> Engine:
    """Blocks of 4 tokens, at most 8 sequences and 64 tokens a step."""
    few: dict[str, Any] = {
        "profile": IDEAL,
        "max_sequences": 8,
        "max_step_tokens": 64,
        "kv_block_tokens": 4,
    }
    return Engine(**(few | changes))


def scenario(
    model: ModelSpec = DENSE,
    *pools: Pool,
    on: TopologySpec | None = None,
    workload: Workload | None = None,
    router: str = "least-loaded",
    **more: Any,
) -> Scenario:
    """A run that keeps all its records."""
    deployment = Deployment.model_validate({"router": router, "pools": pools or (pool(),)})
    fixed: dict[str, Any] = {
        "engine": engine(),
        "experts": Experts(),
        "record": Record(steps="step", transfers=True),
    }
    return Scenario(
        model=model,
        topology=on or switched(),
        deployment=deployment,
        workload=workload or work(),
        **(fixed | more),
    )


def with_cache(asked: Scenario, blocks: int) -> Scenario:
    """The same, with so many blocks on each rank: the rest of the memory is reserved."""
    found = check(asked).replicas[0].footprint
    block_bytes = found.kv_bytes_per_token * found.kv_block_tokens
    reserve_bytes = math.floor(found.kv_bytes - (blocks + 0.5) * block_bytes)
    small = asked.engine.model_copy(update={"reserve_bytes": float(reserve_bytes)})
    return asked.model_copy(update={"engine": small})
