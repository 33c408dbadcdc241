"""The whole study, or one figure of it: claims, findings, a summary, figures; and drift from it."""

import csv
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from sim.errors import ScenarioError
from sim.report.paper_figures import DRAWINGS
from sim.study.paper.claims import claim_rows, read_claims
from sim.study.paper.figures import FIGURES, ONLY_BY_NAME
from sim.study.paper.findings import finding_rows
from sim.study.paper.measures import simulated
from sim.study.paper.runs import parallel_runs

SUMMARY = "summary.csv"
_DRIFT = 1e-4
"""Relative; the summary has six digits."""

_LISTS = ("variants", "extra")

Row = dict[str, Any]


class Study(NamedTuple):
    """What was simulated."""

    rows: list[Row]
    """Claims, and findings, which expect nothing."""
    frames: dict[str, pd.DataFrame]
    """By figure."""


def study(
    figure: str | None = None, *, before_each: Callable[[str], None] = lambda name: None
) -> Study:
    """Everything but what is made by its name only, or a figure and the claims that it shows."""
    if figure is not None and figure not in FIGURES:
        raise ScenarioError(f"figure {figure!r:.60} is not known; they are {', '.join(FIGURES)}")
    chosen = [one for one in read_claims() if figure in (None, one.figure)]
    whole = [name for name in FIGURES if name not in ONLY_BY_NAME]
    names = whole if figure is None else [figure]
    frames = {}
    with parallel_runs() as runs:
        for name in names:
            before_each(name)
            frames[name] = FIGURES[name](runs)
        before_each("claims")
        found = simulated(list(dict.fromkeys(one.claim for one in chosen)), runs)
    findings = [row for name in names for row in finding_rows(name, frames[name])]
    return Study(claim_rows(chosen, found) + findings, frames)


def save(found: Study, folder: Path, *, is_whole: bool) -> None:
    """Write figures and what they are made of.

    And of the whole study the summary; what is made by its name only has its rows there, too.
    """
    folder.mkdir(parents=True, exist_ok=True)
    expected = {one.key: one.expected for one in read_claims()}
    for name, frame in found.frames.items():
        _write(frame, folder / f"{name}.csv")
        DRAWINGS[name](folder / name, frame, expected)
    if is_whole or any(name in ONLY_BY_NAME for name in found.frames):
        _write(pd.DataFrame(_summary(found, folder / SUMMARY, is_whole)), folder / SUMMARY)


def _summary(found: Study, file: Path, is_whole: bool) -> list[Row]:
    """What was found, and the rows that are there of what was not asked for."""
    known = _read(file) if file.exists() else []
    others = [
        row | {"simulated": float(row["simulated"])}
        for row in known
        if (row["claim"] in ONLY_BY_NAME if is_whole else row["claim"] not in found.frames)
    ]
    return found.rows + others if is_whole else others + found.rows


def faults(found: Study, folder: Path, *, is_whole: bool) -> list[str]:
    """A line for each claim that fails, and for each number that is not the summary's."""
    kept = {f"{row['claim']}: {row['subject']}": row for row in _read(folder / SUMMARY)}
    lines = []
    for row in found.rows:
        what = f"{row['claim']}: {row['subject']}"
        if row["pass"] is False:
            lines.append(
                f"{what}: {row['simulated']:.6g} {row['unit']} is not {row['expected']} "
                f"({row['tolerance']})"
            )
        then = kept.pop(what, None)
        if then is None:
            lines.append(f"{what}: is not in {folder / SUMMARY}; write it anew")
        elif not math.isclose(row["simulated"], float(then["simulated"]), rel_tol=_DRIFT):
            lines.append(f"{what}: {row['simulated']:.6g}, the summary has {then['simulated']}")
    if is_whole:
        lines += [
            f"{what}: is in {folder / SUMMARY} and not simulated"
            for what, row in kept.items()
            if row["claim"] not in ONLY_BY_NAME
        ]
    return lines


def _write(frame: pd.DataFrame, file: Path) -> None:
    texts = {name: frame[name].map(" ".join) for name in _LISTS if name in frame}
    frame.assign(**texts).to_csv(file, index=False, float_format="%.6g", lineterminator="\n")


def _read(file: Path) -> list[Row]:
    try:
        with file.open(encoding="utf-8", newline="") as opened:
            return list(csv.DictReader(opened))
    except FileNotFoundError:
        raise ScenarioError(
            f"{file}: is not there; 'moesim reproduce' without --check writes it"
        ) from None
