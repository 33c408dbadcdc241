"""Tables for a terminal, from plain rows. Nothing is computed here."""

from collections.abc import Mapping, Sequence
from textwrap import wrap
from typing import Any

from rich.box import SIMPLE
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from sim.report.texts import header, text

Row = Mapping[str, Any]

_BETWEEN = 3
"""Blanks between two columns."""


def table(title: str, rows: Sequence[Row]) -> RenderableType:
    """One line a row; columns are the keys of the first, numbers to the right."""
    made = Table(box=SIMPLE, pad_edge=False)
    for name, value in (rows[0] if rows else {}).items():
        justify: Any = "left" if isinstance(value, str) else "right"
        widest = max(1, *(len(text(name, row[name])) for row in rows))
        made.add_column(Text(_narrow(header(name), widest)), justify=justify, overflow="fold")
    for row in rows:
        made.add_row(*(Text(text(name, value)) for name, value in row.items()))
    return _titled(title, made)


def turned(title: str, rows: Sequence[Row]) -> RenderableType:
    """The same with a line a column: for few rows that are too wide for the terminal."""
    made = Table(box=SIMPLE, pad_edge=False, show_header=False)
    made.add_column(overflow="fold")
    for _ in rows:
        made.add_column(justify="right", overflow="fold")
    for name in rows[0]:
        made.add_row(Text(header(name)), *(Text(text(name, row[name])) for row in rows))
    return _titled(title, made)


def width(rows: Sequence[Row]) -> int:
    """The columns of the terminal that `table` needs to break no word."""
    cells = [
        max(len(word) for word in [*header(name).split(), *(text(name, row[name]) for row in rows)])
        for name in (rows[0] if rows else {})
    ]
    return sum(cells) + _BETWEEN * len(cells)


def figures(title: str, values: Row) -> RenderableType:
    """One line a value, named at its left."""
    made = Table(box=SIMPLE, pad_edge=False, show_header=False)
    made.add_column(overflow="fold")
    made.add_column(justify="right", overflow="fold")
    for name, value in values.items():
        made.add_row(Text(header(name)), Text(text(name, value)))
    return _titled(title, made)


def _narrow(words: str, width: int) -> str:
    """On several lines, so that a header makes its column no wider than it must."""
    return "\n".join(wrap(words, width, break_long_words=False))


def _titled(title: str, made: Table) -> RenderableType:
    # Not the table's own title, which would be cut to the table's width.
    return Group(Text(title, style="bold"), made)
