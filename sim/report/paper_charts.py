"""What the figures of the paper's study have in common: panels, lines with their names, files."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

from sim.errors import ScenarioError

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
"""Okabe and Ito's, which colour-blind people tell apart."""
SUFFIXES = (".png", ".svg")
_MARKS = ("o", "s", "^", "D", "v", "P", "X")
_LEAST_GAP = 0.055
"""Between two names, of the height of a panel."""


def check_drawing() -> None:
    """Whether figures can be drawn at all; better known before anything is simulated."""
    try:
        import matplotlib as mpl  # noqa: F401 - whether it is there
    except ImportError:
        raise ScenarioError(
            "figures need matplotlib; install it with: pip install moesim[plot]"
        ) from None


@contextmanager
def panels(file: Path, count: int, title: str, *, rows: int = 1) -> Iterator[Sequence[Any]]:
    """So many axes beside one another, row after row; written as PNG and SVG in the end."""
    check_drawing()
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    # Ids in the SVG are made from this salt and not at random, so that equal data give equal bytes.
    with rc_context(
        {
            "svg.hashsalt": "moesim",
            "font.size": 9,
            "axes.titlesize": 9,
            "axes.spines.top": False,
            "axes.spines.right": False,
        }
    ):
        figure = Figure(figsize=(1.2 + 4.2 * count, 3.9 * rows), dpi=130, layout="constrained")
        figure.suptitle(title, fontsize=10)
        axes = figure.subplots(rows, count, squeeze=False).ravel().tolist()
        yield axes
        figure.canvas.draw()
        for suffix in SUFFIXES:
            metadata = {"Date": None} if suffix == ".svg" else {"Software": None}
            figure.savefig(file.with_suffix(suffix), metadata=metadata)


def line(axes: Any, number: int, x: Any, y: Any, **style: Any) -> None:
    """A line with marks; equal numbers look alike in all panels."""
    colour, mark = COLOURS[number % len(COLOURS)], _MARKS[number % len(_MARKS)]
    style = {"color": colour, "marker": mark, "markersize": 4, "linewidth": 1.4} | style
    axes.plot(list(x), list(y), **style)


def names_at_the_ends(axes: Any, names: Sequence[tuple[str, int]], room: float = 0.45) -> None:
    """Write the names of the panel's first lines right of where these end, apart from one another.

    names: a text and the number of its colour. room: of the panel's width, kept free for them.
    """
    lines = axes.get_lines()[: len(names)]
    low, high = axes.get_xlim()
    is_log = axes.get_xscale() == "log"
    axes.set_xlim(low, high * (high / low) ** room if is_log else high + room * (high - low))
    axes.set_ylim(axes.get_ylim())
    to_panel = axes.transData + axes.transAxes.inverted()
    ends = [to_panel.transform((one.get_xdata()[-1], one.get_ydata()[-1])) for one in lines]
    right = max(x for x, _ in ends)
    heights = _apart([y for _, y in ends])
    for (text, number), height in zip(names, heights, strict=True):
        colour = COLOURS[number % len(COLOURS)]
        axes.text(
            right + 0.02,
            height,
            text,
            color=colour,
            transform=axes.transAxes,
            va="center",
            fontsize=8,
        )


def _apart(heights: Sequence[float]) -> list[float]:
    """The same order, none nearer to another than names need, none above the panel."""
    order = sorted(range(len(heights)), key=lambda place: heights[place])
    moved = list(heights)
    for below, place in pairwise(order):
        moved[place] = max(moved[place], moved[below] + _LEAST_GAP)
    limit = 1.0
    for place in reversed(order):
        moved[place] = min(moved[place], limit)
        limit = moved[place] - _LEAST_GAP
    return moved


def powers_of_two(axes: Any, values: Iterable[float]) -> None:
    """A logarithmic axis of x with these values as its marks."""
    axes.set_xscale("log", base=2)
    shown = sorted(set(values))
    axes.set_xticks(shown, [f"{value:g}" for value in shown], minor=False)
    axes.minorticks_off()


def says(axes: Any, x: float, y: float, text: str, **style: Any) -> None:
    """A remark, at a place of the panel from 0 to 1."""
    axes.text(x, y, text, transform=axes.transAxes, fontsize=8, **({"color": "#444444"} | style))
