"""README's table of errors is made from results/validation, and that is what is computed today."""

from math import ceil
from pathlib import Path
from typing import Any

import pytest

from sim.catalog.load import load_profile
from sim.spec.calibration import FitErrors
from sim.study.measured_points import read_points
from sim.study.validate import EVERYWHERE
from sim.study.validation_study import read_summary, readme_table, study_rows, summary_text

ROOT = Path(__file__).parent.parent
STUDY = ROOT / "results" / "validation"
POINTS = ROOT.parent / "shared" / "measured" / "kernels.csv"
A_POINT = 0.01
"""One of a hundred."""


def transfers() -> list[dict[str, Any]]:
    """The rows of collectives and expert traffic, of each device by the fitted profile."""
    return [
        row
        for row in read_summary(STUDY)
        if row["profile"] == "measured"
        and row["device"] != EVERYWHERE
        and row["kind"].startswith(("all_", "reduce_", "ep_"))
    ]


def test_the_readme_shows_the_errors_of_the_study() -> None:
    assert readme_table(read_summary(STUDY)) in (ROOT / "README.md").read_text(encoding="utf-8")


def test_a_summary_is_read_as_it_is_written() -> None:
    written = (STUDY / "summary.csv").read_text(encoding="utf-8")

    assert summary_text(read_summary(STUDY)) == written


@pytest.mark.parametrize("row", transfers(), ids=lambda row: f"{row['kind']} {row['device']}")
def test_transfers_are_as_near_as_was_asked_for(row: dict[str, Any]) -> None:
    is_small, is_pcie = "below" in row["kind"], row["device"] == "rtx-pro-6000"

    at_most = 0.15 if is_pcie or row["kind"].startswith("ep_") else 0.20 if is_small else 0.10

    assert row["median_error"] <= at_most


def test_the_readme_says_how_near_fits_are_to_transfers_that_they_did_not_see() -> None:
    known = load_profile("measured").communication
    assert known is not None
    of_fabrics = [one for fabric in known.fabrics.values() for one in fabric.errors.values()]
    of_experts = [one.errors for one in known.experts.values()]
    text = " ".join((ROOT / "README.md").read_text(encoding="utf-8").split())

    def worst(errors: list[FitErrors], name: str) -> str:
        return f"{ceil(100 * max(getattr(one, name) for one in errors))} %"

    devices, rows = (
        [worst(of_fabrics, f"held_out_{held}_{figure}") for figure in ("median", "p90")]
        for held in ("shapes", "rows")
    )
    models = [worst(of_experts, f"held_out_shapes_{figure}") for figure in ("median", "p90")]
    assert f"on 4: off by at most {devices[0]} at the median" in text
    assert f"and {devices[1]} for nine of ten; by fits" in text
    assert f"three tenths of the rows, {rows[0]} and {rows[1]}." in text
    assert f"its fit had not seen: {models[0]} and {models[1]}." in text


@pytest.mark.slow
@pytest.mark.skipif(not POINTS.exists(), reason=f"{POINTS} is not here")
def test_no_error_has_grown() -> None:
    rows, _ = study_rows(read_points(POINTS))
    kept = {(row["profile"], row["kind"], row["device"]): row for row in read_summary(STUDY)}

    assert {(row["profile"], row["kind"], row["device"]) for row in rows} == set(kept)
    for row in rows:
        then = kept[row["profile"], row["kind"], row["device"]]
        assert row["points"] == then["points"]
        for figure in ("median_error", "p90_error", "worst_error"):
            assert row[figure] <= then[figure] + A_POINT, (row, then)
