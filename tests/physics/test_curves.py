"""Curves of measured kernels: one by hand, and the laws that hold at any size."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.physics.curves import Curve, nearest
from sim.physics.kernels import KERNELS
from sim.physics.roofline import Roofline
from sim.physics.work import Grid, Work
from sim.spec.calibration import CURVE_KINDS, KernelCurve

from .catalog_files import device, profile

H100 = device("h100-sxm")
BYTES_PER_S, FLOP_PER_S = 3.35e12, 989.5e12


def curve(**changes: Any) -> Curve:
    """Half of both peaks, and nothing else."""
    numbers: dict[str, Any] = {
        "launch_s": 0.0,
        "compute_efficiency": 0.5,
        "memory_efficiency": 0.5,
        "wave_s": 0.0,
        "step_s": 0.0,
        "split_steps": 1e6,
        "overlap": "none",
        "fitted_to": {"blocks": (2, 100), "steps": (10, 20)},
        "errors": {"points": 1, "median": 0.0, "p90": 0.0, "worst": 0.0},
    }
    return Curve.of(H100, "bf16", KernelCurve(**(numbers | changes)))


def work(flop: float, moved: float, blocks: float = 132e6, steps: float = 0.0) -> Work:
    return Work(flop, moved, "bf16", grid=Grid(blocks, 1.0, blocks * steps))


def test_a_large_call_takes_its_arithmetic_and_its_traffic_at_their_shares() -> None:
    assert curve().seconds(work(989.5e12, 0.335e12)) == pytest.approx(2.0 + 0.2)
    assert curve(overlap="partial").seconds(work(989.5e12, 5.025e12)) == pytest.approx(13**0.5)


def test_blocks_for_a_tenth_of_the_processors_leave_nine_tenths_of_the_arithmetic_idle() -> None:
    # sqrt(1 + 10 ** 2) times as long as with work for all.
    tenth = curve().seconds(work(989.5e12, 1.0, blocks=13.2))

    assert tenth == pytest.approx(2 * 101**0.5)


def test_long_loops_are_cut_for_idle_processors() -> None:
    # 13.2 blocks of ten pieces more each are work for 11 tenths of the processors.
    cut = curve(split_steps=100.0).seconds(work(989.5e12, 1.0, blocks=13.2, steps=1000.0))

    assert cut == pytest.approx(2 * (1 + 1 / 1.1**2) ** 0.5)


def test_a_further_wave_of_blocks_costs_a_wave_more() -> None:
    waves = curve(wave_s=1.0)

    ten_s, eleven_s = (waves.seconds(work(0.0, 1.0, blocks=132.0 * n)) for n in (10, 11))

    assert eleven_s - ten_s == pytest.approx(1.0, rel=0.01)


def test_a_loop_waits_at_each_step_until_it_is_cut() -> None:
    waits = curve(step_s=1e-3, split_steps=100.0)

    assert waits.seconds(work(0.0, 1.0, steps=1.0)) == pytest.approx(1e-3 / 1.01)
    assert waits.seconds(work(0.0, 1.0, steps=1e9)) == pytest.approx(0.1)


def test_a_cache_helps_a_call_that_is_repeated_and_fits() -> None:
    warm = curve(cache_gain=2.0)
    small, large = work(0.0, 5e6), work(0.0, 5e9)
    rate = BYTES_PER_S / 2

    assert warm.seconds(small) == pytest.approx(5e6 / rate)
    assert warm.seconds(small, repeated=True) == pytest.approx(5e6 / rate / 2, rel=1e-3)
    assert warm.seconds(large, repeated=True) == pytest.approx(5e9 / rate, rel=1e-3)


def test_staged_activations_are_traffic_too() -> None:
    grid = Grid(132e6, 1.0, 0.0, staged=1e9)
    stages = curve(staging_bytes=5.0)

    assert stages.seconds(Work(0.0, 1e9, "bf16", grid=grid)) == pytest.approx(6e9 / BYTES_PER_S * 2)


def test_a_curve_covers_the_sizes_it_was_fitted_to() -> None:
    blocks = np.array([2.0, 100.0, 101.0, 50.0])
    sizes = Work(1.0, 1.0, "bf16", grid=Grid(blocks, 1.0, blocks * 15))

    assert curve().covers(sizes).tolist() == [True, True, False, True]
    assert not curve().covers(work(1.0, 1.0, blocks=50.0, steps=21.0))


def test_a_device_that_inherits_its_curves_is_never_covered() -> None:
    made = KERNELS["gemm"](m=64, n=4096, k=4096, dtype="bfloat16")
    by = profile("measured")

    assert Roofline.of(H100, by).covers(made)
    assert not Roofline.of(device("h800-sxm"), by).covers(made)
    assert not Roofline.of(H100, by).covers(made._replace(kernel="gemm/fp4"))


def test_where_there_is_no_work_there_is_no_time() -> None:
    none = Work(np.array([0.0, 2.0]), np.array([0.0, 2.0]), "bf16", grid=Grid(1.0, 1.0, 1.0))
    busy = np.asarray(curve(launch_s=1.0).seconds(none))

    assert busy[0] == 0.0 < busy[1]
    assert curve(launch_s=1.0).seconds(work(0.0, 0.0)) == 0.0


def test_a_type_that_was_not_measured_takes_the_next_like_it() -> None:
    assert list(nearest("gqa_decode/fp8/broad/mqa")) == [
        "gqa_decode/fp8/broad/mqa",
        "gqa_decode/fp8/broad",
        "gqa_decode/fp8",
        "gqa_decode/fp8_block/broad/mqa",
        "gqa_decode/fp8_block/broad",
        "gqa_decode/fp8_block",
        "gqa_decode/bf16/broad/mqa",
        "gqa_decode/bf16/broad",
        "gqa_decode/bf16",
    ]
    assert list(nearest("gemm/fp4"))[:2] == ["gemm/fp4", "gemm/fp8_block"]
    assert list(nearest("elementwise")) == ["elementwise"]


def test_what_has_no_curve_is_priced_with_the_constants() -> None:
    plain, measured = (Roofline.of(H100, profile(name)) for name in ("plain", "measured"))
    vectors = Work(0.0, 1e9, "bf16")

    assert measured.seconds(vectors) == plain.seconds(vectors)
    assert not measured.covers(vectors)


def test_every_kind_of_kernel_may_have_curves() -> None:
    assert set(CURVE_KINDS) == set(KERNELS)


DEVICES = st.sampled_from(["a100-sxm-80gb", "h100-sxm", "h200-sxm", "h20-sxm", "b200-sxm", "l40s"])
MANY = st.integers(1, 2**18)
HEADS = st.sampled_from([(1, 1), (8, 8), (32, 8), (16, 1), (64, 1), (128, 8)])
TYPES = st.sampled_from(["bfloat16", "fp8"])


@st.composite
def calls(draw: st.DrawFn) -> tuple[str, dict[str, Any], str]:
    """A kernel, and the parameter that is to grow."""
    heads, kv_heads = draw(HEADS)
    length, batch, kv_dtype = draw(MANY), draw(st.integers(1, 4096)), draw(TYPES)
    latent = {"heads": heads, "kv_dtype": kv_dtype, "batch": batch}
    grouped = latent | {"kv_heads": kv_heads, "head_dim": draw(st.sampled_from([64, 128, 256]))}
    choices: dict[str, tuple[dict[str, Any], list[str]]] = {
        "gemm": (
            {"m": draw(MANY), "n": draw(MANY), "k": draw(MANY), "dtype": draw(TYPES)},
            ["m", "n", "k"],
        ),
        "gqa_decode": (grouped | {"kv_tokens": length}, ["batch", "kv_tokens"]),
        "mla_decode": (
            latent | {"kv_tokens": length, "kv_rank": 512, "rope_dim": 64},
            ["batch", "kv_tokens"],
        ),
        "gqa_prefill": (
            grouped | {"new_tokens": length, "prefix_tokens": 0},
            ["batch", "new_tokens", "prefix_tokens"],
        ),
        "mla_prefill": (
            latent | {"new_tokens": length, "prefix_tokens": 0, "qk_dim": 192, "v_dim": 128},
            ["batch", "new_tokens", "prefix_tokens"],
        ),
    }
    kind = draw(st.sampled_from(sorted(choices)))
    params, growing = choices[kind]
    return kind, params, draw(st.sampled_from(growing))


@given(name=DEVICES, call=calls(), more=st.integers(1, 1000))
def test_a_larger_call_takes_no_less_time(
    name: str, call: tuple[str, dict[str, Any], str], more: int
) -> None:
    kind, params, key = call
    roofline = Roofline.of(device(name), profile("measured"))
    larger = params | {key: params[key] + more}

    small_s, large_s = (
        roofline.seconds(KERNELS[kind](**one), repeated=True) for one in (params, larger)
    )

    assert 0 < small_s <= large_s * (1 + 1e-12)


@given(name=DEVICES, call=calls())
def test_no_call_beats_the_peaks(name: str, call: tuple[str, dict[str, Any], str]) -> None:
    kind, params, _ = call
    on, made = device(name), KERNELS[kind](**params)
    ideal_s = Roofline.of(on, profile("ideal")).seconds(made)

    assert Roofline.of(on, profile("measured")).seconds(made) >= ideal_s * (1 - 1e-12)


@given(name=DEVICES, call=calls())
def test_a_number_and_an_array_have_the_same_price(
    name: str, call: tuple[str, dict[str, Any], str]
) -> None:
    kind, params, key = call
    roofline = Roofline.of(device(name), profile("measured"))
    free = "m" if kind == "gemm" else key  # n and k are a model's, and plain numbers
    arrays = params | {free: np.array([float(params[free])])}

    one = roofline.seconds(KERNELS[kind](**params))

    assert np.asarray(roofline.seconds(KERNELS[kind](**arrays))).tolist() == [one]


@given(tokens=MANY, more=st.integers(1, 1000), name=DEVICES)
def test_more_tokens_for_as_many_experts_take_no_less_time(
    tokens: int, more: int, name: str
) -> None:
    roofline = Roofline.of(device(name), profile("measured"))
    shape: dict[str, Any] = {"hidden": 4096, "intermediate": 2048, "experts": 128, "top_k": 8}
    shape |= {"tp": 1, "ep": 8, "dtype": "bfloat16", "distribution": "balanced"}

    small_s, large_s = (
        roofline.seconds(KERNELS["moe_experts"](group_tokens=count, **shape))
        for count in (tokens, tokens + more)
    )

    assert 0 < small_s <= large_s * (1 + 1e-12)
