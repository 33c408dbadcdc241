"""Measurements that nobody made: their law is known, so that a fit to them can be checked."""

import csv
import json
from pathlib import Path
from typing import Any

SIZES = (1, 16, 128, 1024, 8192)
WIDTHS = (512, 2048, 8192)


def product_s(m: int, n: int, k: int) -> float:
    """An H100 with a launch of 4 us that reaches 60 % of both peaks, one after the other."""
    compute_s = 2 * m * n * k / (0.6 * 989.5e12)
    memory_s = 2 * (m * n + m * k + n * k) / (0.6 * 3.35e12)
    return 4e-6 + compute_s + memory_s


def product_rows() -> list[dict[str, Any]]:
    """45 products in bf16."""
    return [
        {
            "id": f"{m}-{n}-{k}",
            "kind": "gemm",
            "device": "h100_sxm",
            "params": json.dumps({"m": m, "n": n, "k": k, "dtype": "bfloat16"}),
            "measured_s": product_s(m, n, k),
        }
        for m in SIZES
        for n in WIDTHS
        for k in WIDTHS
    ]


def decode_rows(mqa_s: float) -> list[dict[str, Any]]:
    """60 cores of attention at the memory's rate, in 10 us more, or in mqa_s with one key."""
    return [
        {
            "id": f"{batch}-{kv_tokens}-{kv_heads}",
            "kind": "gqa_decode",
            "device": "a100_sxm",
            "params": json.dumps(
                {"batch": batch, "kv_tokens": kv_tokens, "heads": 4 * kv_heads}
                | {"kv_heads": kv_heads, "head_dim": 128, "kv_dtype": "bfloat16"}
            ),
            "measured_s": (mqa_s if kv_heads == 1 else 10e-6)
            + 512 * batch * kv_tokens * kv_heads / 2.039e12,
        }
        for batch in (1, 2, 4, 8, 16, 32)
        for kv_tokens in (64, 256, 1024, 4096, 16384)
        for kv_heads in (1, 4)
    ]


def measured_points(path: Path, rows: list[dict[str, Any]] | None = None) -> Path:
    """A file of these rows; by default of the products."""
    chosen = product_rows() if rows is None else rows
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(chosen[0]))
        writer.writeheader()
        writer.writerows(chosen)
    return path
