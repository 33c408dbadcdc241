"""Kernel work against published intensities and against measured kernels."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from sim.physics.kernels import KERNELS, gemm, gqa_decode, gqa_prefill, mla_decode, product
from sim.physics.roofline import intensity, seconds

from .catalog_files import device, profile

MEASURED = Path(__file__).parents[3] / "shared" / "measured" / "kernels.csv"
DEVICES = {"a100_sxm": "a100-sxm-80gb", "h100_sxm": "h100-sxm", "h200_sxm": "h200-sxm"}
LONG = 2**20  # tokens; what the paper's asymptotes let grow


def test_a_matrix_product_counts_two_flop_a_multiply_add_and_each_operand_once() -> None:
    work = gemm(m=3, n=5, k=7, dtype="bfloat16")

    assert work.flop == 2 * 3 * 5 * 7
    assert work.bytes == 2 * (3 * 7 + 7 * 5 + 3 * 5)


def test_an_8_bit_product_reads_8_and_writes_16_bits() -> None:
    work = gemm(m=3, n=5, k=7, dtype="fp8_block")

    assert work.bytes == 3 * 7 + 7 * 5 + 2 * 3 * 5
    assert work.arithmetic == "fp8"


def test_a_product_without_rows_reads_no_weights() -> None:
    work = product(np.array([0.0, 1.0]), 5, 7, "bf16")

    assert isinstance(work.bytes, np.ndarray)
    assert work.bytes.tolist() == [0.0, 2 * (35 + 12)]


@pytest.mark.parametrize(("heads", "kv_heads", "printed"), [(40, 8, 5), (96, 96, 1), (64, 8, 8)])
def test_decode_has_the_intensity_of_its_group(heads: int, kv_heads: int, printed: int) -> None:
    work = gqa_decode(64, 8192, heads, kv_heads, 128, "bfloat16")

    assert intensity(work) == pytest.approx(printed, rel=0.01)


def test_fused_latent_decode_reads_the_latent_once_for_score_and_context() -> None:
    # 128 heads (2 x 576 + 2 x 512) FLOP over 2 x 576 bytes: 241.8, less a little for queries.
    assert intensity(mla_decode(1, LONG, 128, 512, 64, "bfloat16")) == pytest.approx(
        241.8, rel=1e-3
    )
    assert 200 < intensity(mla_decode(128, 4096, 128, 512, 64, "bfloat16")) < 241.8


# The paper's table, per layer: n heads of size d, kv rank c. A product that leaves the chip.
N, D, C = 128, 128, 512


@pytest.mark.parametrize(
    ("rows", "columns", "inner", "batches", "printed"),
    [
        pytest.param(LONG, N * D, C, 1, 512, id="decompression of keys"),
        pytest.param(LONG, C, D, N, 102.4, id="absorption, prefill"),
        pytest.param(LONG, LONG, D, N, 128, id="prefill score"),
        pytest.param(N * LONG, LONG, C, 1, 512, id="prefill score, absorbed"),
        pytest.param(1, LONG, D, N, 1, id="decode score"),
        pytest.param(N, LONG, C, 1, 102.4, id="decode score, absorbed"),
    ],
)
def test_intensities_of_the_papers_parts(
    rows: int, columns: int, inner: int, batches: int, printed: float
) -> None:
    work = product(rows, columns, inner, "bf16", batches=batches)

    assert intensity(work) == pytest.approx(printed, rel=0.05)


def test_absorption_in_decode_has_the_papers_intensity_but_for_the_query_it_reads() -> None:
    # The paper's 2Bcnd / 2Bcn leaves out the query of 2Bnd bytes; with it, prefill's 102.4.
    work = product(LONG, C, D, "bf16", batches=N)
    query_bytes = 2 * LONG * N * D

    assert work.flop / (work.bytes - query_bytes) == pytest.approx(128, rel=0.05)


def test_causal_prefill_is_half_of_full_attention_for_long_prompts() -> None:
    causal = gqa_prefill(1, 4096, 0, 32, 8, 128, "bfloat16")
    full = gqa_prefill(1, 4096, 0, 32, 8, 128, "bfloat16", causal=False)

    assert full.flop == 4 * 32 * 128 * 4096**2
    assert causal.flop == pytest.approx(full.flop / 2, rel=1e-3)
    assert causal.bytes == full.bytes


def test_a_batch_costs_what_its_sequences_cost() -> None:
    one = gqa_prefill(1, 100, 50, 32, 8, 128, "fp8")
    five = gqa_prefill(5, 100, 50, 32, 8, 128, "fp8")

    assert (five.flop, five.bytes) == (5 * one.flop, 5 * one.bytes)


@pytest.mark.skipif(not MEASURED.exists(), reason="the measured kernels are not beside the project")
def test_no_long_measured_kernel_beats_its_roof() -> None:
    # Below half a millisecond a working set may live in the L2 cache.
    with MEASURED.open() as lines:
        rows = [row for row in csv.DictReader(lines) if row["kind"] in KERNELS]
    long = [row for row in rows if float(row["measured_s"]) > 5e-4]

    shares = [
        seconds(
            KERNELS[row["kind"]](**json.loads(row["params"])),
            device(DEVICES[row["device"]]),
            profile("ideal"),
        )
        / float(row["measured_s"])
        for row in long
    ]

    assert len(shares) > 2000
    assert max(shares) < 1
