"""README's table of errors is made from results/validation, and that is what is computed today."""

from pathlib import Path

import pytest

from sim.study.measured_points import read_points
from sim.study.validation_study import read_summary, readme_table, study_rows, summary_text

ROOT = Path(__file__).parent.parent
STUDY = ROOT / "results" / "validation"
POINTS = ROOT.parent / "shared" / "measured" / "kernels.csv"
A_POINT = 0.01
"""One of a hundred."""


def test_the_readme_shows_the_errors_of_the_study() -> None:
    assert readme_table(read_summary(STUDY)) in (ROOT / "README.md").read_text(encoding="utf-8")


def test_a_summary_is_read_as_it_is_written() -> None:
    written = (STUDY / "summary.csv").read_text(encoding="utf-8")

    assert summary_text(read_summary(STUDY)) == written


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
