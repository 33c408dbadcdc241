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


def measured_points(path: Path, rows: list[dict[str, Any]] | None = None) -> Path:
    """A file of these rows; by default of the products."""
    chosen = product_rows() if rows is None else rows
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(chosen[0]))
        writer.writeheader()
        writer.writerows(chosen)
    return path
