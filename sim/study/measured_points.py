"""Files of measured kernels: a row a call, with its parameters as JSON and its seconds."""

import csv
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from math import isfinite
from pathlib import Path
from typing import Any, NamedTuple

from sim.errors import ScenarioError, one_line

COLUMNS = ("id", "kind", "device", "params", "measured_s")
_ORIGINS = ("engine", "source")
"""Columns that may be there."""
_SHORTEST_S = 1e-7
"""Nothing that a host starts is over sooner: an empty kernel takes some microseconds."""


class Point(NamedTuple):
    """One measured call."""

    id: str
    kind: str
    device: str
    """As the file calls it."""
    params: dict[str, Any]
    measured_s: float
    origin: str
    """Engine and source, where the file says them."""


@contextmanager
def named_point(point: Point) -> Iterator[None]:
    """Says which point it was, where one makes no sense."""
    try:
        yield
    except ScenarioError as problem:
        raise ScenarioError(f"point {one_line(point.id):.60}: {problem}") from None


def read_points(path: Path) -> list[Point]:
    """All rows of a file; ScenarioError names the file, the line and what would do."""
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = csv.DictReader(file)
            missing = [name for name in COLUMNS if name not in (rows.fieldnames or ())]
            if missing:
                raise ScenarioError(
                    f"{path}: {', '.join(missing)}: missing in the first line; the columns are "
                    f"{', '.join(COLUMNS)}, and engine and source where they are known"
                )
            points = list(_points(path, rows))
    except (OSError, UnicodeDecodeError, csv.Error) as problem:
        raise ScenarioError(
            f"{path}: {one_line(str(problem))}; give a CSV file of points"
        ) from None
    if not points:
        raise ScenarioError(f"{path}: has no points; write a line for each")
    return points


def oddities(path: Path, points: Sequence[Point]) -> list[str]:
    """A line for what a file that was read has beside what is made of it."""
    known = (*COLUMNS, *_ORIGINS)
    with path.open(encoding="utf-8", newline="") as file:
        unread = [name for name in next(csv.reader(file)) if name not in known]
    given = Counter(point.id for point in points)
    twice = [one for one, count in given.items() if count > 1]
    found = []
    if unread:
        names = ", ".join(one_line(name)[:60] for name in unread)
        are = "column {} is" if len(unread) == 1 else "columns {} are"
        found.append(f"{path}: {are.format(names)} not read; the columns are {', '.join(known)}")
    if twice:
        ids = "1 id is" if len(twice) == 1 else f"{len(twice)} ids are"
        found.append(
            f"{path}: {ids} given more than once, the first {twice[0]!r:.60}; each of their rows "
            "counts"
        )
    return found


def _points(path: Path, rows: "csv.DictReader[str]") -> Iterator[Point]:
    for row in rows:
        where = f"{path}: line {rows.line_num}"
        # Where a line is short, csv gives None.
        texts = {name: row[name] or "" for name in COLUMNS}
        origin = ", ".join(filter(None, (row.get(name) for name in _ORIGINS)))
        yield Point(
            id=texts["id"],
            kind=texts["kind"],
            device=texts["device"],
            params=_params(where, texts["params"]),
            measured_s=_seconds(where, texts["measured_s"]),
            origin=origin,
        )


def _params(where: str, text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise ScenarioError(f"{where}: params: {text!r:.60} is not a JSON object; write one")
    return found


def _seconds(where: str, text: str) -> float:
    try:
        found = float(text)
    except ValueError:
        found = 0.0
    if not (isfinite(found) and found >= _SHORTEST_S):
        raise ScenarioError(
            f"{where}: measured_s: {text!r:.60} is not a number of seconds from {_SHORTEST_S:g} "
            "(0.1 us) up; write one"
        )
    return found
