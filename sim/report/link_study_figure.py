"""Where the time of a device goes on several topologies, and what comes of it, in one picture."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from math import isnan
from pathlib import Path
from typing import Any

from sim.errors import ScenarioError

Row = Mapping[str, Any]
Rows = Sequence[Row]

_COMPUTE = ("attention_share", "dense_share", "experts_share")
# Okabe and Ito's colours; what is no communication is grey, so that it stands out in print, too.
_PARTS = {
    "computing": ("#666666", ""),
    "waiting for slower devices": ("#CCCCCC", ""),
    "host": ("#F0E442", ""),
    "all-reduce": ("#0072B2", ""),
    "dispatch to experts": ("#E69F00", ""),
    "combine": ("#D55E00", "////"),
}
_SATURATED_COLOUR, _LIGHT_COLOUR = "#009E73", "#56B4E9"
_WHOLE_FROM = 10
SUFFIXES = (".png", ".svg")


def parts_of(row: Row) -> dict[str, float]:
    """The shares of the time of steps that the picture shows; together 1."""
    return {
        "computing": sum(row[name] for name in _COMPUTE) - row["waiting_share"],
        "waiting for slower devices": row["waiting_share"],
        "host": row["overhead_share"],
        "all-reduce": row["collective_share"],
        "dispatch to experts": row["dispatch_share"],
        "combine": row["combine_share"],
    }


def draw_link_study(folder: Path, rows: Rows, titles: Mapping[str, str]) -> None:
    """Write `figure.png` and `figure.svg`: a line of panels for each model of `titles`."""
    try:
        from matplotlib import rc_context
        from matplotlib.figure import Figure
    except ImportError:
        raise ScenarioError(
            "figures need matplotlib; install it with: pip install moesim[plot]"
        ) from None
    # Ids in the SVG are made from this salt and not at random, so that equal data give equal bytes.
    with rc_context({"svg.hashsalt": "moesim", "font.size": 8, "hatch.linewidth": 0.5}):
        figure = Figure(figsize=(12, 4.1 * len(titles)), dpi=130, layout="constrained")
        lines = figure.subfigures(len(titles), 1, squeeze=False)[:, 0]
        for line, (model, title) in zip(lines, titles.items(), strict=True):
            line.suptitle(title, fontweight="bold", x=0.01, ha="left")
            _draw_model(line, [row for row in rows if row["model"] == model])
        for suffix in SUFFIXES:
            metadata = {"Date": None} if suffix == ".svg" else {"Software": None}
            figure.savefig(folder / f"figure{suffix}", metadata=metadata)


def _draw_model(line: Any, rows: Rows) -> None:
    saturated, light = (
        [row for row in rows if row["load"] == load] for load in ("saturated", "light")
    )
    panels = line.subplots(1, 3, sharey=True, width_ratios=(3.4, 1, 1))
    _draw_parts(panels[0], saturated)
    throughputs = [row["output_throughput"] / row["devices"] for row in saturated]
    _draw_figure(panels[1], throughputs, _SATURATED_COLOUR, ",.0f")
    panels[1].set(title="saturated", xlabel="output tokens/s of a device")
    _draw_figure(panels[2], [row["p50_tpot_ms"] for row in light], _LIGHT_COLOUR, ".1f")
    panels[2].set(title="light load", xlabel="p50 time per output token (ms)")
    panels[0].set_yticks(
        range(len(saturated)), [f"{row['topology']}, {row['devices']}" for row in saturated]
    )
    panels[0].invert_yaxis()
    for panel in panels:
        for place, (one, other) in enumerate(pairwise(saturated)):
            if one["devices"] != other["devices"]:
                panel.axhline(place + 0.5, color="grey", linewidth=0.6, linestyle=":")
        panel.spines[["top", "right"]].set_visible(False)


def _draw_parts(panel: Any, rows: Rows) -> None:
    """Stacked: what of a device's time an output token costs."""
    places = range(len(rows))
    whole_ms = [1e3 * row["devices"] / row["output_throughput"] for row in rows]
    lefts = [0.0] * len(rows)
    for name, (colour, hatch) in _PARTS.items():
        widths = [parts_of(row)[name] * of_row for row, of_row in zip(rows, whole_ms, strict=True)]
        if sum(widths) > 0:
            panel.barh(
                places,
                widths,
                left=lefts,
                color=colour,
                hatch=hatch,
                edgecolor="white",
                linewidth=0.4,
                label=name,
            )
        lefts = [left + width for left, width in zip(lefts, widths, strict=True)]
    for place, end, row in zip(places, lefts, rows, strict=True):
        panel.text(end, place, f"  {_words(row)}", va="center", fontsize=7)
    panel.set(
        xlim=(0, 1.6 * max(lefts)),
        title="saturated; beside a bar: the fullest link, and how many times as fast links\n"
        "must be for communication to be a tenth of the steps",
        xlabel="time of a device for an output token (ms)",
        ylabel="links between H200 (last: GB200), devices used",
    )
    panel.legend(loc="upper right", frameon=False)


def _words(row: Row) -> str:
    """How full the fullest link is, and how fast links would have to be."""
    fullest = f"{row['fullest_link_kind']} {100 * row['fullest_link_utilization_share']:.0f} % used"
    return f"{fullest}, needs {needed(row)}"


def needed(row: Row) -> str:
    """By how much links must be faster, or what remains at any speed; empty if not looked for."""
    factor = row["enough_speed_ratio"]
    if isnan(row["enough_communication_share"]):
        return ""
    if isnan(factor):
        return f"no speed: {100 * row['enough_communication_share']:.0f} % remain"
    return f"{factor:,.0f} x" if factor >= _WHOLE_FROM else f"{factor:.1f} x"


def _draw_figure(panel: Any, values: Sequence[float], colour: str, written: str) -> None:
    bars = panel.barh(range(len(values)), values, color=colour)
    panel.bar_label(bars, fmt=lambda value: format(value, written), padding=2, fontsize=7)
    panel.margins(x=0.25)
