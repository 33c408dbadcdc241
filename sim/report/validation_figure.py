"""Predicted against measured seconds of many kernels, in one picture."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from sim.errors import ScenarioError

# Okabe and Ito's colours and others as far from them; marks help where two are near.
_COLOURS = (
    *("#0072B2", "#E69F00", "#009E73", "#D55E00", "#56B4E9", "#CC79A7"),
    *("#000000", "#999933", "#882255", "#332288", "#8C510A", "#AA4499"),
)
_MARKS = ("o", "^", "s")
SUFFIXES = (".png", ".svg")


def draw_validation(
    folder: Path, points: Mapping[str, Sequence[tuple[float, float]]], title: str
) -> None:
    """Write `figure.png` and `figure.svg`: measured and predicted seconds, by kind."""
    try:
        from matplotlib import rc_context
        from matplotlib.figure import Figure
    except ImportError:
        raise ScenarioError(
            "figures need matplotlib; install it with: pip install moesim[plot]"
        ) from None
    # Ids in the SVG are made from this salt and not at random, so that equal data give equal bytes.
    with rc_context({"svg.hashsalt": "moesim", "font.size": 9}):
        figure = Figure(figsize=(7.2, 6.2), dpi=150, layout="constrained")
        axes = figure.add_subplot()
        least = min(min(pair) for of_kind in points.values() for pair in of_kind)
        most = max(max(pair) for of_kind in points.values() for pair in of_kind)
        ends = (least / 1.5, most * 1.5)
        axes.plot(ends, ends, color="black", linewidth=0.8)
        for factor, label in ((0.8, None), (1.25, "25 % too slow, 20 % too fast")):
            scaled = [end * factor for end in ends]
            axes.plot(ends, scaled, color="grey", linewidth=0.6, linestyle=":", label=label)
        for number, (kind, of_kind) in enumerate(points.items()):
            measured_s, predicted_s = zip(*of_kind, strict=True)
            axes.scatter(
                measured_s,
                predicted_s,
                s=5,
                marker=_MARKS[number % len(_MARKS)],
                color=_COLOURS[number % len(_COLOURS)],
                alpha=0.45,
                linewidths=0,
                label=kind,
                rasterized=True,
            )
        axes.set(
            xscale="log",
            yscale="log",
            xlim=ends,
            ylim=ends,
            xlabel="measured seconds",
            ylabel="predicted seconds",
            title=title,
        )
        axes.legend(loc="upper left", markerscale=2.5, frameon=False)
        for suffix in SUFFIXES:
            metadata = {"Date": None} if suffix == ".svg" else {"Software": None}
            figure.savefig(folder / f"figure{suffix}", metadata=metadata)
