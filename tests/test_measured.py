"""The README's table of errors on points held out of the fits is what is computed today."""

import re
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sim.catalog.load import load_device, load_profile
from sim.study.calibrate import held_out_errors
from sim.study.calibration_samples import samples
from sim.study.measured_points import Point, read_points
from sim.study.validate import error_rows, validated

ROOT = Path(__file__).parent.parent
POINTS = ROOT.parent / "shared" / "measured" / "kernels.csv"
FIGURES = re.compile(r"^\| (\w+) \| ([\d,]+) \|((?: [+-]?\d+ % \|)+)$", flags=re.MULTILINE)
MOST = {  # what was asked for: median, and 90 of 100
    "mla_decode": (0.10, 0.30),
    "gqa_decode": (0.10, 0.30),
    "gemm": (0.10, 0.30),
    "gqa_prefill": (0.12, 0.30),
    "mla_prefill": (0.12, 0.30),
    "moe_experts": (0.15, 0.45),
}

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not POINTS.exists(), reason=f"{POINTS} is not here"),
]


@pytest.fixture(scope="module")
def points() -> list[Point]:
    return read_points(POINTS)


def on(points: list[Point], *devices: str) -> list[Point]:
    names = {name: load_device(name).name for name in {point.device for point in points}}
    return [point for point in points if names[point.device] in devices]


def shown(columns: int) -> dict[str, tuple[int, list[float]]]:
    """By kind, the points and the shares of the README's rows with so many of them."""
    found = {}
    for kind, count, cells in FIGURES.findall((ROOT / "README.md").read_text()):
        shares = [float(cell) / 100 for cell in re.findall(r"[+-]?\d+(?= %)", cells)]
        if len(shares) == columns:
            found[kind] = int(count.replace(",", "")), shares
    return found


def by_kind(found: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {row["kind"]: row for row in sorted(found, key=lambda row: row["device"] == "all")}


def test_the_readme_shows_todays_errors_on_what_a_fit_did_not_see(points: list[Point]) -> None:
    pytest.importorskip("scipy")
    errors: defaultdict[str, dict[str, list[float]]] = defaultdict(
        lambda: {"rows": [], "shapes": []}
    )
    for name in ("a100-sxm-80gb", "h100-sxm", "h200-sxm"):
        device = load_device(name)
        for sample in samples(on(points, name)):
            kind = sample.kernel.partition("/")[0]
            for held, chosen in (("rows", sample.row_is_held), ("shapes", sample.shape_is_held)):
                errors[kind][held] += np.abs(held_out_errors(device, sample, chosen)).tolist()

    hopper = on(points, "h100-sxm", "h200-sxm")
    profile = load_profile("measured")
    own = profile.calibrations
    exchanged = {"h100-sxm": own["h200-sxm"], "h200-sxm": own["h100-sxm"]}
    crossed = by_kind(
        error_rows(
            validated(hopper, profile.model_copy(update={"calibrations": exchanged})).compared
        )
    )
    rows = shown(6)

    assert set(rows) == set(errors) == set(MOST)
    for kind, (_, shares) in rows.items():
        figures = [
            figure
            for held in ("rows", "shapes")
            for figure in (np.median(errors[kind][held]), np.percentile(errors[kind][held], 90))
        ]
        figures += [crossed[kind]["median_error"], crossed[kind]["p90_error"]]
        assert shares == pytest.approx(figures, abs=0.011)
        for median, p90 in zip(figures[::2], figures[1::2], strict=True):
            assert median <= MOST[kind][0]
            assert p90 <= MOST[kind][1]
