"""Claims of arXiv 2507.15465, from simulated operations and transfers with the ideal engine."""

from functools import cache

import numpy as np
import pytest

from sim.physics.operators import Mla, Operator, operators
from sim.physics.roofline import seconds
from sim.physics.sums import StepSums, decode, prefill, total
from sim.simulation import Run, check, simulate
from sim.spec.experts import Experts
from sim.spec.scenario import Engine, Pool, Precision, Scenario
from sim.spec.topology import Group, Join, TopologySpec
from tests.laws.scenarios import (
    pool,
    scenario,
    work,
)
from tests.physics.catalog_files import device, model, profile

BF16 = Precision()


def domain(devices: int, bytes_per_s: float, path_latency_s: float) -> TopologySpec:
    """Devices on one switch."""
    link = Join(
        between=("gpus", "switch"),
        kind="link",
        bytes_per_s=bytes_per_s,
        latency_s=path_latency_s / 2,
    )
    groups = {
        "gpus": Group(kind="device", count=devices, device=device("b200-sxm")),
        "switch": Group(kind="switch"),
    }
    return TopologySpec(name="domain", groups=groups, links=(link,), source="arXiv 2507.15465")


NVLINK = domain(32, 900e9, 0.8e-6)
INFINIBAND = domain(32, 100e9, 0.13e-6)


def batch(
    name: str, made_of: Pool, each: int, length: int, on: TopologySpec, output: int = 2
) -> Scenario:
    """As many sequences on each rank as fit in a step; they prefill together, then decode."""
    ranks = made_of.attention.dp
    return scenario(
        model(name),
        made_of,
        on=on,
        engine=Engine(
            profile=profile("ideal"), max_sequences=each, max_step_tokens=max(each * length, 8192)
        ),
        workload=work(each * ranks, prompt=length, output=output),
        experts=Experts(draws="device" if length > 1 else "expert"),
    )


@cache
def decoded(on_infiniband: bool) -> Run:
    """128 sequences on each of 32 devices decode once; they are one token long, as it does not
    matter to what is sent.
    """
    machine = INFINIBAND if on_infiniband else NVLINK
    return simulate(batch("deepseek-r1-60-layers", pool(1, 32), 128, 1, machine))


def operators_of(name: str, sums: StepSums, tp: int = 1, mla: Mla = "auto") -> dict[str, Operator]:
    return {one.name: one for one in operators(model(name), BF16, tp, sums, mla)}


def intensity(operator: Operator) -> float:
    return float(operator.work.flop / operator.work.bytes)


@pytest.mark.parametrize(
    ("name", "ridge"), [("a100-sxm-80gb", 153.0), ("h200-sxm", 206.2), ("b200-sxm", 281.3)]
)
def test_c1_arithmetic_and_memory_tie_at_the_ridge(name: str, ridge: float) -> None:
    # A product with n rows has about n operations a byte; the ridge is where its time turns from
    # constant into proportional. Rates are read off the times of kernels far on either side.
    long, short = prefill(100_000.0), decode(1.0)
    fast, slow = (operators_of("llama-3.1-70b", sums)["output"].work for sums in (long, short))

    flop_per_s = fast.flop / seconds(fast, device(name), profile("ideal"))
    bytes_per_s = slow.bytes / seconds(slow, device(name), profile("ideal"))

    assert flop_per_s / bytes_per_s == pytest.approx(ridge, rel=1e-3)


def decoding(sequences: int, length: int) -> StepSums:
    return total([decode(float(length))] * sequences)


@pytest.mark.parametrize(
    ("name", "tp", "mla", "operator", "low", "high"),
    [
        ("gpt-3-175b", 8, "auto", "decode core", 0.95, 1.05),
        ("llama-4-maverick-full-attention", 8, "auto", "decode core", 4.75, 5.25),
        ("deepseek-r1", 1, "absorbed", "decode core", 200, 245),
        ("deepseek-r1", 1, "expanded", "decode core", 0.95, 1.05),
        ("deepseek-r1", 1, "expanded", "decode decompression", 0.95 * 512, 1.05 * 512),
    ],
)
def test_c2_intensities_of_decode(
    name: str, tp: int, mla: Mla, operator: str, low: float, high: float
) -> None:
    found = operators_of(name, decoding(64, 8192), tp, mla)[operator]

    assert low <= intensity(found) <= high


def test_c2_prefill_decompresses_at_512() -> None:
    found = operators_of("deepseek-r1", prefill(100_000.0), mla="expanded")

    assert intensity(found["prefill decompression"]) == pytest.approx(512, rel=0.05)


def test_c2_a_whole_step_has_the_work_of_its_kernels() -> None:
    """The intensities are those of the run: a simulated step counts the same operations."""
    run = simulate(batch("gpt-3-175b", pool(8), 4, 1, domain(8, 900e9, 0.8e-6)))
    steps = [total([prefill(1.0)] * 4), total([decode(2.0)] * 4)]

    kernels = [one for sums in steps for one in operators(model("gpt-3-175b"), BF16, 8, sums)]
    flop = sum(one.layers * one.work.flop for one in kernels)
    bytes_ = sum(one.layers * one.work.bytes for one in kernels)
    assert run.devices["flop"].to_numpy() == pytest.approx(np.full(8, flop))
    assert run.devices["bytes"].to_numpy() == pytest.approx(np.full(8, bytes_))


@pytest.mark.parametrize(
    ("name", "made_of", "devices", "expected"),
    [
        ("gpt-3-175b", pool(8), 8, 4.5 * 2**20),
        ("llama-4-maverick-full-attention", pool(8, 4), 32, 192 * 2**10),
        ("deepseek-r1", pool(1, 32), 32, 61 * 576 * 2),  # 68.6 KiB
    ],
)
def test_c3_bytes_that_a_token_leaves_in_the_cache(
    name: str, made_of: Pool, devices: int, expected: float
) -> None:
    found = check(batch(name, made_of, 4, 1, domain(devices, 900e9, 0.8e-6)))

    per_device = found.replicas[0].footprint.kv_bytes_per_token
    is_latent = model(name).attention.kind == "mla"
    assert per_device * (1 if is_latent else made_of.attention.tp) == expected


@pytest.mark.parametrize(("on_infiniband", "expected_s"), [(False, 17.65e-6), (True, 151.8e-6)])
def test_c12_one_dispatch_of_128_tokens_a_device(on_infiniband: bool, expected_s: float) -> None:
    run = decoded(on_infiniband)

    decode_step = run.recorder.steps[-1]
    dispatched_s = [
        row.duration_s
        for row in run.recorder.transfers
        if row.kind == "dispatch" and row.step == decode_step.step
    ]
    assert (decode_step.kind, decode_step.tokens) == ("decode", 128 * 32)
    assert len(dispatched_s) == 57
    assert np.mean(dispatched_s) == pytest.approx(expected_s, rel=0.03)
    # The busiest of 32 devices gets 1.066 of the mean; its own share stays at home.
    bytes_ = 128 * 8 * 7168 * 2 * 31 / 32
    rate, latency_s = (100e9, 0.13e-6) if on_infiniband else (900e9, 0.8e-6)
    busiest = (np.mean(dispatched_s) - latency_s) * rate / bytes_
    assert busiest == pytest.approx(1.066, abs=0.02)


def bound_s(name: str, sequences: int, length: float, tp: int, dp: int) -> float:
    """C20: weights and cache are read once, and copies cross the network once each way.

    From the model's dimensions alone; embedding and head are left out, so it is a bit low.
    """
    spec, accelerators = model(name), tp * dp
    bandwidth = device("b200-sxm").memory_bytes_per_s
    attention, cached = _attention_bytes(name)
    experts, hidden = spec.experts, spec.hidden_size
    assert experts is not None
    of_expert = 3 * hidden * experts.intermediate_size * 2
    layers = len(spec.expert_layers)
    weights = spec.layers * attention * dp + layers * of_expert * (
        experts.experts + experts.shared_experts * dp
    )
    weights += (spec.layers - layers) * 3 * hidden * spec.intermediate_size * 2 * dp
    kv = sequences * length * cached * spec.layers * (tp if spec.attention.kind == "mla" else 1)
    copies = sequences * experts.experts_per_token * hidden * 2 * (1 - 1 / accelerators)
    exchange_s = 2 * layers * (copies / accelerators / 900e9 + 0.8e-6)
    return (weights + kv) / (accelerators * bandwidth) + exchange_s


def _attention_bytes(name: str) -> tuple[float, float]:
    """Weights of a layer, and bytes of a token in its cache."""
    if name.startswith("deepseek"):
        down, up = 7168 * (1536 + 576), 1536 * 128 * 192 + 512 * 128 * 256
        return 2 * (down + up + 128 * 128 * 7168), 2 * 576
    heads, kv_heads, size, hidden = 40, 8, 128, 5120
    return 2 * hidden * size * (2 * heads + 2 * kv_heads), 2 * 2 * kv_heads * size


@pytest.mark.parametrize(
    ("name", "tp", "dp", "each", "length"),
    [
        ("deepseek-r1-60-layers", 1, 32, 64, 16),
        ("deepseek-r1-60-layers", 1, 32, 128, 1024),
        ("llama-4-maverick-full-attention", 8, 4, 256, 512),
        ("llama-4-maverick-full-attention", 1, 32, 64, 1024),
    ],
)
def test_c20_no_decode_step_is_below_the_analytic_bound(
    name: str, tp: int, dp: int, each: int, length: int
) -> None:
    asked = batch(name, pool(tp, dp), each, length, NVLINK, output=4)

    run = simulate(asked)

    steps = [step for step in run.recorder.steps if step.kind == "decode"]
    assert len(steps) == 3
    lowest_s = bound_s(name, each * dp, length + 1, tp, dp)
    for step in steps:
        assert step.sequences == each * dp
        assert lowest_s <= step.end_s - step.start_s < 3 * lowest_s
    assert run.requests["tpot_s"].min() >= lowest_s
