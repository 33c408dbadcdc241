"""What a scenario will do before any of it is run: memory, and the price of two typical steps.

Typical is what the workload's mean lengths make of it. A decode step has as many sequences a rank
as the engine, the cache and the workload allow, each half way through its answer; a prefill step
has one prompt a rank (its first chunk). The routing of both is one real draw.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from math import ceil
from typing import NamedTuple

import numpy as np

from sim.physics.operators import operators
from sim.physics.sums import StepSums, decode, prefill
from sim.serving.deployment import DeployedReplica, DeployedScenario
from sim.serving.mean_experts import mean_experts
from sim.serving.step_plan import COMMUNICATION, KINDS, StepPlan
from sim.spec.arrivals import concurrency
from sim.spec.scenario import Scenario
from sim.study.operator_prices import OperatorPrice, operator_price
from sim.workload.requests import requests


class MeanLengths(NamedTuple):
    """The workload's requests in three numbers."""

    requests: int
    prompt_tokens: float
    output_tokens: float


class Batch(NamedTuple):
    """How many sequences a rank decodes at a time, and why not more."""

    sequences: int
    limit: str


@dataclass(frozen=True, slots=True)
class PricedStep:
    """One step of one replica."""

    title: str
    """What is in it, in words."""
    seconds: float
    seconds_by_kind: dict[str, float]
    prices: list[OperatorPrice]
    """Kernels of one device, transfers and overhead; their times add up to the step's."""


@dataclass(frozen=True, slots=True)
class DryRun:
    """A scenario that could be run, looked at before it is."""

    deployed: DeployedScenario
    lengths: MeanLengths
    steps: dict[str, list[PricedStep]]
    """Of the first replica of each pool, by the pool's name."""


def dry_run(deployed: DeployedScenario) -> DryRun:
    """Price a scenario that was found possible."""
    scenario = deployed.scenario
    lengths = mean_lengths(scenario)
    firsts: dict[str, DeployedReplica] = {}
    for one in deployed.replicas:
        firsts.setdefault(one.layout.pool.name, one)
    ranks = sum(one.layout.dp for one in deployed.replicas)
    steps = {
        pool: [
            _decode_step(scenario, one, lengths, ranks),
            *([] if scenario.workload.prefilled else [_prefill_step(scenario, one, lengths)]),
        ]
        for pool, one in firsts.items()
    }
    return DryRun(deployed, lengths, steps)


def mean_lengths(scenario: Scenario) -> MeanLengths:
    """Over all requests of the workload."""
    arriving = requests(scenario.workload, scenario.seed)
    count = len(arriving)
    return MeanLengths(
        count,
        sum(one.prompt_tokens for one in arriving) / count,
        sum(one.output_tokens for one in arriving) / count,
    )


def decode_batch(
    scenario: Scenario, replica: DeployedReplica, lengths: MeanLengths, ranks: int
) -> Batch:
    """As many sequences a rank as there can be at a time; `ranks` are those of all replicas."""
    whole_tokens = lengths.prompt_tokens + lengths.output_tokens
    limits = {
        "engine.max_sequences": scenario.engine.max_sequences,
        "room in the KV cache": int(replica.footprint.kv_tokens / whole_tokens),
        "the requests of the workload": ceil(lengths.requests / ranks),
    }
    clients = concurrency(scenario.workload.arrivals)
    if clients is not None:
        limits["the workload's concurrency"] = ceil(clients / ranks)
    limit = min(limits, key=limits.__getitem__)
    return Batch(max(1, limits[limit]), limit)


def _decode_step(
    scenario: Scenario, replica: DeployedReplica, lengths: MeanLengths, ranks: int
) -> PricedStep:
    batch = decode_batch(scenario, replica, lengths, ranks)
    kv_tokens = round(lengths.prompt_tokens + lengths.output_tokens / 2)
    of_one = decode(float(kv_tokens), scenario.model.counted_window)
    sums = StepSums(*(batch.sequences * amount for amount in of_one))
    title = (
        f"decode: {batch.sequences} sequences a rank (limit: {batch.limit}), "
        f"{kv_tokens} tokens in the cache each"
    )
    return _priced(scenario, replica, sums, title)


def _prefill_step(scenario: Scenario, replica: DeployedReplica, lengths: MeanLengths) -> PricedStep:
    new_tokens = min(round(lengths.prompt_tokens), scenario.engine.max_step_tokens)
    sums = prefill(float(new_tokens), window=scenario.model.counted_window)
    return _priced(
        scenario, replica, sums, f"prefill: one prompt a rank, {new_tokens} tokens of it"
    )


def _priced(scenario: Scenario, replica: DeployedReplica, sums: StepSums, title: str) -> PricedStep:
    of_ranks = StepSums(*(np.full(replica.layout.dp, amount) for amount in sums))
    plan = replica.pricer.plan(0, of_ranks)
    by_kind = {kind: _seconds(plan, kind=kind) for kind in KINDS}
    return PricedStep(
        title,
        float(plan.seconds.sum()),
        {str(kind): took_s for kind, took_s in by_kind.items() if took_s},
        [*_kernels(scenario, replica, sums, plan), *_transfers(plan), *_overhead(plan)],
    )


def _seconds(plan: StepPlan, *, kind: str | None = None, slot: str | None = None) -> float:
    """The time of all phases of a kind, or in a slot."""
    phases = enumerate(plan.program.phases)
    numbers = [number for number, phase in phases if phase.kind == kind or phase.slot == slot]
    return float(plan.seconds[numbers].sum())


def _kernels(
    scenario: Scenario, replica: DeployedReplica, sums: StepSums, plan: StepPlan
) -> Iterator[OperatorPrice]:
    layout, precision = replica.layout, scenario.deployment.precision
    tokens = float(sums.decode_tokens + sums.prefill_tokens)
    mla = layout.mla(scenario.engine.mla)
    for kernel in operators(scenario.model, precision, layout.tp, sums, mla, layout.shared_tp):
        device = layout.place_of(kernel).device
        price = operator_price(kernel, device, scenario.engine.profile)
        if price is not None:
            yield price
    for kernel in mean_experts(scenario, replica, tokens * layout.dp):
        price = operator_price(kernel, layout.experts.device, scenario.engine.profile)
        assert price is not None, "a step has tokens"
        # Of the mean device; its time is that of the slowest one, layer by layer.
        yield price._replace(time_s=_seconds(plan, slot="experts"))


def _transfers(plan: StepPlan) -> Iterator[OperatorPrice]:
    phases = plan.program.phases
    for slot in dict.fromkeys(phase.slot for phase in phases if phase.kind in COMMUNICATION):
        numbers = [number for number, phase in enumerate(phases) if phase.slot == slot]
        on_fullest = sum(plan.loads(number).bytes.max(initial=0.0) for number in numbers)
        yield OperatorPrice(
            part="network",
            operator=slot,
            layers=len(numbers),
            work_flop=0.0,
            moved_bytes=float(on_fullest),
            intensity_flop_per_byte=None,
            bound="network",
            time_s=_seconds(plan, slot=slot),
        )


def _overhead(plan: StepPlan) -> Iterator[OperatorPrice]:
    took_s = _seconds(plan, kind="overhead")
    if took_s:
        yield OperatorPrice("host", "step overhead", 1, 0.0, 0.0, None, "host", took_s)
