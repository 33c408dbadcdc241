"""A dry run as titled rows, ready to be printed."""

from typing import Any

from sim.serving.deployment import DeployedReplica
from sim.study.dry_run import DryRun, PricedStep

Rows = list[dict[str, Any]]


def dry_run_rows(found: DryRun) -> dict[str, Rows]:
    """Memory and devices by replica; of each pool the price of two steps, by kind and operator."""
    replicas, names = found.deployed.replicas, found.deployed.network.device_names
    titled = {
        "Memory of each device": [row for one in replicas for row in _memory(one)],
        "Replicas": [row for one in replicas for row in _where(one, names)],
        "Workload, with its mean lengths": [found.lengths._asdict()],
    }
    for pool, steps in found.steps.items():
        for step in steps:
            titled[f"Pool {pool}: {step.title}"] = _kinds(step)
            kind = step.title.partition(":")[0]
            titled[f"Pool {pool}: operators of that {kind} step, on one device"] = _operators(step)
    return titled


def _memory(one: DeployedReplica) -> Rows:
    """One row a kind of device."""
    return [
        {
            **_name(one),
            "device": place.device.name,
            "memory_bytes": place.device.memory_bytes,
            "usable_bytes": memory.usable_bytes,
            "weights_bytes": memory.weights_bytes,
            "activations_bytes": memory.activation_bytes,
            "states_bytes": memory.state_bytes,
            "kv_cache_bytes": memory.kv_bytes if memory.kv_bytes_per_token else 0.0,
            "kv_of_a_token_bytes": memory.kv_bytes_per_token,
            "kv_tokens_of_a_rank": memory.kv_tokens,
        }
        for place, memory in zip(one.layout.places, one.footprints, strict=True)
    ]


def _where(one: DeployedReplica, names: tuple[str, ...]) -> Rows:
    """One row a kind of device."""
    layout = one.layout
    sizes = {"tp": layout.tp, "dp": layout.dp, "ep": layout.ep, "expert_tp": layout.expert_tp}
    rows = []
    for place in layout.places:
        on = [names[device] for device in place.devices]
        holds = {"holds": ", ".join(place.holds)} if len(layout.places) > 1 else {}
        rows.append(
            {**_name(one), **holds, **sizes, "devices": len(on), "from": on[0], "to": on[-1]}
        )
    return rows


def _name(one: DeployedReplica) -> dict[str, Any]:
    return {"pool": one.layout.pool.name, "replica": one.layout.number}


def _kinds(step: PricedStep) -> Rows:
    whole = {"step": step.seconds} | step.seconds_by_kind
    return [
        {"phases": kind, "time_s": took_s, "step_share": took_s / step.seconds}
        for kind, took_s in whole.items()
    ]


def _operators(step: PricedStep) -> Rows:
    return [price._asdict() | {"step_share": price.time_s / step.seconds} for price in step.prices]
