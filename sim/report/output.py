"""What commands print on stdout: tables from named rows, or JSON."""

import json
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console, RenderableType

from sim.report.tables import Row, figures, table

_WIDTH_OF_FILES = 240
"""Columns where the output is no terminal: wide enough that nothing is cut off."""


def show(*tables: RenderableType) -> None:
    """Print tables."""
    width = None if sys.stdout.isatty() else _WIDTH_OF_FILES
    console = Console(width=width, highlight=False, markup=False)
    for one in tables:
        console.print(one)


def show_rows(titled: Mapping[str, Sequence[Row]]) -> None:
    """Print a table for each title."""
    show(*(table(title, rows) for title, rows in titled.items()))


def show_figures(title: str, values: Row) -> None:
    """Print values with their names."""
    show(figures(title, values))


def show_json(values: Any) -> None:
    """Print strict JSON."""
    sys.stdout.write(json.dumps(values, indent=2, allow_nan=False, ensure_ascii=False) + "\n")
