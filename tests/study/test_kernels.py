"""Prices against hand arithmetic with the `ideal` profile; latencies cancel in differences."""

import csv
import json
from math import isfinite
from pathlib import Path
from typing import Any

import pytest

import sim
from sim.catalog.load import load_device, load_profile
from sim.study.kernels import KINDS, kernel_price

NVLINK_BYTES_PER_S = 450e9
CARD_BYTES_PER_S = 50e9
MEASURED = Path(__file__).parents[3] / "shared" / "measured" / "kernels.csv"


def slope_s(kind: str, small: int, large: int, gpus: int = 8) -> float:
    """The time of a byte more, on H100s."""
    small_s, large_s = (
        sim.kernel_s("h100_sxm", kind, "ideal", gpus=gpus, bytes=size, library="nccl")
        for size in (small, large)
    )
    return (large_s - small_s) / (large - small)


def test_a_product_takes_its_operations_or_its_bytes() -> None:
    # fp8: 2 m n k operations at 1979 TFLOP/s; k (m + n) + 2 m n bytes at 3.35 TB/s.
    large_s = sim.kernel_s("h100-sxm", "gemm", "ideal", m=8192, n=8192, k=8192, dtype="fp8")
    small_s = sim.kernel_s("h100-sxm", "gemm", "ideal", m=1, n=8192, k=8192, dtype="fp8")

    assert large_s == pytest.approx(2 * 8192**3 / 1979e12)
    assert small_s == pytest.approx((8192 * 8193 + 2 * 8192) / 3.35e12)


@pytest.mark.parametrize(
    ("kind", "passes"),
    [
        # NVSwitch adds up: every buffer goes up whole, and an eighth once more as sums; down alike.
        ("all_reduce", 1 + 1 / 8),
        # Of the whole buffer all but the own eighth must come in, or go out.
        ("all_gather", 7 / 8),
        ("reduce_scatter", 7 / 8),
        ("all_to_all", 7 / 8),
    ],
)
def test_a_byte_more_costs_what_its_passes_over_nvlink_cost(kind: str, passes: float) -> None:
    expected = passes / NVLINK_BYTES_PER_S
    assert slope_s(kind, 2**20, 2**28) == pytest.approx(expected, rel=1e-6, abs=0)


def test_a_ring_without_a_switch_that_adds_passes_nearly_twice() -> None:
    # PCIe: 2 x 7/8 of the buffer over the slowest hop, the 63 GB/s of a device or switch.
    on = load_device("rtx_pro_6000_server")
    ideal = load_profile("ideal")

    taken_s = [
        sim.kernel_s(on, "all_reduce", ideal, gpus=8, bytes=size, library="nccl")
        for size in (2**20, 2**28)
    ]

    slope = (taken_s[1] - taken_s[0]) / (2**28 - 2**20)
    assert slope == pytest.approx(2 * 7 / 8 / 63e9, rel=1e-6, abs=0)


def expert_slope_s(kind: str, nodes: int, dtype: str) -> float:
    """The time of one token more a device."""
    few_s, many_s = (
        sim.kernel_s(
            "h100_sxm",
            kind,
            "ideal",
            nodes=nodes,
            gpus_per_node=8,
            tokens_per_gpu=tokens,
            hidden=7168,
            top_k=8,
            experts=256,
            protocol="deepep_low_latency",
            dtype=dtype,
        )
        for tokens in (128, 1152)
    )
    return (many_s - few_s) / 1024


def test_in_one_node_seven_of_eight_copies_cross_nvlink() -> None:
    expected = 8 * 7 / 8 * 7168 / NVLINK_BYTES_PER_S

    assert expert_slope_s("ep_dispatch", 1, "fp8") == pytest.approx(expected, rel=1e-6)


def test_between_two_nodes_half_of_the_copies_cross_the_network_cards() -> None:
    # bf16: two bytes an element. Every card carries what one device gets from the other node.
    expected = 8 / 2 * 7168 * 2 / CARD_BYTES_PER_S

    assert expert_slope_s("ep_combine", 2, "bf16") == pytest.approx(expected, rel=1e-6)


def test_a_collective_reaches_the_profiles_share_of_a_link_after_its_launch() -> None:
    size, latency_s = 2**28, 4 * 0.4e-6

    taken_s = sim.kernel_s("h100_sxm", "all_reduce", gpus=8, bytes=size, library="nccl")

    # plain: 60 % of 450 GB/s, and 6.3 us.
    passed = size * (1 + 1 / 8)
    assert taken_s == pytest.approx(passed / (0.6 * NVLINK_BYTES_PER_S) + latency_s + 6.3e-6)


def test_one_device_alone_has_nobody_to_talk_to() -> None:
    assert sim.kernel_s("h100_sxm", "all_reduce", gpus=1, bytes=1024, library="nccl") == 0


def test_texts_are_read_like_the_values_of_a_file() -> None:
    written = ["batch=2", "new_tokens=64", "prefix_tokens=0", "heads=8", "kv_heads=1"]

    price = kernel_price(
        "h100", "gqa_prefill", [*written, "head_dim=128", "kv_dtype=fp8", "causal=false"]
    )

    assert price["causal"] is False
    assert price["batch"] == 2
    assert price["device"] == "h100-sxm"


GOOD = {
    "group_tokens": 64,
    "hidden": 4096,
    "intermediate": 2048,
    "experts": 64,
    "top_k": 8,
    "tp": 1,
    "ep": 8,
    "dtype": "fp8",
    "distribution": "balanced",
}


@pytest.mark.parametrize(
    ("key", "value", "says"),
    [
        ("ep", 7, "ep: 7 does not divide experts = 64"),
        ("top_k", 65, "top_k: 65 is more than experts = 64"),
        ("hidden", 0, "hidden: 0 is not a whole number of at least 1"),
        ("hidden", True, "hidden: True is not a whole number"),
        ("hidden", 1.5, "hidden: 1.5 is not a whole number"),
        ("dtype", "int3", "dtype: 'int3' is not one of bfloat16"),
        ("distribution", "power_law_1.0", "distribution: 'power_law_1.0' is not"),
        ("distribution", "flat", "distribution: 'flat' is not 'balanced' or"),
    ],
)
def test_values_that_make_no_sense_are_refused(key: str, value: object, says: str) -> None:
    params: dict[str, Any] = GOOD | {key: value}

    with pytest.raises(sim.ScenarioError, match=f"kernel moe_experts: {says}"):
        sim.kernel_s("h100_sxm", "moe_experts", **params)


@pytest.mark.parametrize(
    ("params", "says"),
    [
        ({"gpus": 16}, "16 is more than the 8 devices of dgx-h100"),
        ({"library": "mpi"}, "'mpi' is not one of nccl"),
    ],
)
def test_collectives_know_their_node(params: dict[str, Any], says: str) -> None:
    given: dict[str, Any] = {"gpus": 8, "bytes": 1024, "library": "nccl"} | params

    with pytest.raises(sim.ScenarioError, match=says):
        sim.kernel_s("h100_sxm", "all_reduce", **given)


@pytest.mark.skipif(not MEASURED.is_file(), reason="the measured kernels are not here")
def test_every_kind_of_measured_kernel_has_a_price() -> None:
    profile = load_profile("plain")
    with MEASURED.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    devices = {name: load_device(name) for name in sorted({row["device"] for row in rows})}

    for row in rows[::20]:
        took_s = sim.kernel_s(
            devices[row["device"]], row["kind"], profile, **json.loads(row["params"])
        )
        assert isfinite(took_s), row
        assert took_s > 0, row
    assert {row["kind"] for row in rows} == set(KINDS)


@pytest.mark.parametrize("dtype", [[1], {"a": 1}, None, 8])
def test_a_type_that_is_no_text_is_refused(dtype: object) -> None:
    with pytest.raises(sim.ScenarioError, match=r"dtype: .* is not one of"):
        sim.kernel_s("h100-sxm", "gemm", "plain", m=1, n=1, k=1, dtype=dtype)


@pytest.mark.parametrize(("heads", "kv_heads"), [(8, 16), (7, 3)])
def test_heads_that_do_not_share_keys_evenly_are_refused(heads: int, kv_heads: int) -> None:
    shape = {"batch": 1, "kv_tokens": 10, "head_dim": 128, "kv_dtype": "bfloat16"}
    with pytest.raises(sim.ScenarioError, match=r"kv_heads: .* does not divide heads"):
        sim.kernel_s("h100-sxm", "gqa_decode", "plain", heads=heads, kv_heads=kv_heads, **shape)


def test_the_curve_that_is_named_is_the_one_that_prices() -> None:
    shape = ["m=64", "n=4096", "k=4096", "dtype=fp8"]

    # No product in fp8 was measured on A100, nor can it be computed there: it is one in bf16.
    assert kernel_price("a100-sxm-80gb", "gemm", shape, "measured")["measured_kernel"] == (
        "gemm/bf16"
    )


def test_a_price_by_a_curve_says_whose_it_is_and_whether_such_a_size_was_measured() -> None:
    shape = ["n=4096", "k=4096", "dtype=bfloat16"]

    own = kernel_price("h100-sxm", "gemm", ["m=64", *shape], "measured")
    beyond = kernel_price("h100-sxm", "gemm", ["m=100000000", *shape], "measured")
    inherited = kernel_price("h20-sxm", "gemm", ["m=64", *shape], "measured")

    assert (own["measured_kernel"], own["measured_as"]) == ("gemm/bf16", "h100-sxm")
    assert own["is_measured_size"]
    assert not beyond["is_measured_size"]
    assert not inherited["is_measured_size"]


@pytest.mark.parametrize("parameter", ["m", "m=[", "m=1"])
@pytest.mark.parametrize("kind", ["9" * 5000, "\ud800"])
def test_a_kind_that_is_no_word_is_cut_and_made_visible(kind: str, parameter: str) -> None:
    with pytest.raises(sim.ScenarioError) as refused:
        kernel_price("h100-sxm", kind, [parameter], "plain")

    assert len(str(refused.value)) < 300
    assert str(refused.value).isprintable()


def test_a_collective_says_which_fabric_priced_it_and_whether_such_a_size_was_measured() -> None:
    def price(device: str, kind: str, bytes_: int, profile: str = "measured") -> dict[str, Any]:
        return kernel_price(device, kind, ["gpus=8", f"bytes={bytes_}", "library=nccl"], profile)

    small, large = (price("h100-sxm", "all_reduce", size) for size in (8192, 2**29))
    beyond = price("h100-sxm", "all_gather", 2**40)
    family = price("b200-sxm", "all_to_all", 2**20)
    unknown = price("gaudi-3", "all_gather", 2**20)

    asked = ("algorithm", "measured_fabric", "is_measured_size")
    assert [small[key] for key in asked] == ["ring", "nvlink4", True]
    assert [large[key] for key in asked] == ["in-switch", "nvlink4", True]
    assert [beyond[key] for key in asked] == ["ring", "nvlink4", False]
    assert [family[key] for key in asked] == ["direct", "nvlink4", False]
    assert [unknown[key] for key in asked] == ["ring", None, False]
    assert "measured_fabric" not in price("h100-sxm", "all_reduce", 8192, "plain")
