"""What commands print on stdout: tables from named rows, or JSON."""

import json
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console, RenderableType

from sim.report.tables import Row, figures, table, turned, width

_WIDTH_OF_FILES = 240
"""Columns where the output is no terminal: wide enough that nothing is cut off."""


_MOST_TURNED = 4
"""Rows of which a table that is too wide is turned; more would be too wide again."""


def show(*tables: RenderableType) -> None:
    """Print tables."""
    console = _console()
    for one in tables:
        console.print(one)


def show_rows(titled: Mapping[str, Sequence[Row]]) -> None:
    """Print a table for each title."""
    show(*(_fitting(title, rows) for title, rows in titled.items()))


def _fitting(title: str, rows: Sequence[Row]) -> RenderableType:
    is_too_wide = width(rows) > _console().width
    return turned(title, rows) if is_too_wide and len(rows) <= _MOST_TURNED else table(title, rows)


def _console() -> Console:
    columns = None if sys.stdout.isatty() else _WIDTH_OF_FILES
    return Console(width=columns, highlight=False, markup=False)


def show_figures(title: str, values: Row) -> None:
    """Print values with their names."""
    show(figures(title, values))


def show_json(values: Any) -> None:
    """Print strict JSON."""
    sys.stdout.write(json.dumps(values, indent=2, allow_nan=False, ensure_ascii=False) + "\n")
