"""The study in results/validation: errors of several profiles on one file of measured kernels."""

import csv
import io
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from sim.errors import ScenarioError
from sim.report.validation_figure import draw_validation
from sim.study.measured_points import Point
from sim.study.validate import EVERYWHERE, Comparison, error_figures, errors_by_group, validated

PROFILES = ("plain", "measured")
"""Constants, and what is fitted."""
_COLUMNS = ("profile", "kind", "device")
_FIGURES = ("points", "median_error", "p90_error", "worst_error", "bias_error")
SUMMARY = "summary.csv"


def study_rows(points: Sequence[Point]) -> tuple[list[dict[str, Any]], list[Comparison]]:
    """Error rows of all profiles, by kind and device; and the points of the last, fitted one."""
    rows: list[dict[str, Any]] = []
    compared: list[Comparison] = []
    for profile in PROFILES:
        compared = validated(points, profile).compared
        rows += [
            {"profile": profile, "kind": kind, "device": device} | error_figures(errors)
            for (kind, device), errors in errors_by_group(compared).items()
        ]
    return rows, compared


def save_study(folder: Path, points: Sequence[Point], source: str) -> None:
    """Write the summary and the figure; what is there of them is written anew."""
    rows, compared = study_rows(points)
    if not compared:
        raise ScenarioError(f"{source}: no point can be compared; nothing is written")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / SUMMARY).write_text(summary_text(rows), encoding="utf-8", newline="\n")
    by_kind: defaultdict[str, list[tuple[float, float]]] = defaultdict(list)
    for one in sorted(compared, key=lambda one: one.kind):
        by_kind[one.kind].append((one.measured_s, one.predicted_s))
    title = f"{len(compared):,} measured kernels and collectives, engine profile {PROFILES[-1]!r}"
    draw_validation(folder, by_kind, title)


def summary_text(rows: Iterable[Mapping[str, Any]]) -> str:
    """The rows as CSV; errors to a hundredth of a per cent."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_COLUMNS + _FIGURES)
    for row in rows:
        errors = [f"{row[name]:.4f}" for name in _FIGURES[1:]]
        writer.writerow([*(row[name] for name in _COLUMNS), row["points"], *errors])
    return text.getvalue()


def read_summary(folder: Path) -> list[dict[str, Any]]:
    """The rows of a saved study."""
    with (folder / SUMMARY).open(encoding="utf-8", newline="") as file:
        return [
            {name: row[name] for name in _COLUMNS}
            | {"points": int(row["points"])}
            | {name: float(row[name]) for name in _FIGURES[1:]}
            for row in csv.DictReader(file)
        ]


def readme_table(rows: Iterable[Mapping[str, Any]]) -> str:
    """The errors on all devices together as a table in Markdown: a row a kind, both profiles."""
    totals = {(row["kind"], row["profile"]): row for row in rows if row["device"] == EVERYWHERE}
    figures = ["median | p90 | worst | bias"] * len(PROFILES)
    heads = [f"`{profile}`: {of_one}" for profile, of_one in zip(PROFILES, figures, strict=True)]
    lines = [f"| kind | points | {' | '.join(heads)} |", "|" + "---|" * (2 + 4 * len(PROFILES))]
    for kind in sorted({kind for kind, _ in totals}):
        cells = [f"{totals[kind, PROFILES[0]]['points']:,}"]
        for profile in PROFILES:
            row = totals[kind, profile]
            cells += [f"{100 * row[name]:.0f} %" for name in _FIGURES[1:-1]]
            cells.append(f"{100 * row['bias_error']:+.0f} %")
        lines.append(f"| {kind} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"
