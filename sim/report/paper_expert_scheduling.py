"""Throughput by placement of experts and by interval of rebalancing, in one picture."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import pandas as pd

from sim.report.paper_charts import panels

Claims = Mapping[tuple[str, str], str]

_COLOURS = {
    "contiguous": "#D55E00",
    "strided": "#E69F00",
    "random": "#999933",
    "balanced": "#56B4E9",
    "32 copies": "#0072B2",
    "32 copies, rebalanced": "#CC79A7",
}
_SPEED = "tokens_per_s_per_device"


def draw_expert_scheduling(file: Path, frame: pd.DataFrame, claims: Claims) -> None:
    """By placement on the left, by interval on the right."""
    title = "DeepSeek-R1 on 32 B200, 256 requests a GPU: where experts lie, and when they move"
    with panels(file, 2, title) as (left, right):
        _draw_placements(left, frame[frame["study"] == "placements"])
        _draw_intervals(right, frame[frame["study"] == "intervals"])
        for axes in (left, right):
            axes.set_ylabel("output tokens/s of a device")


def _draw_placements(axes: Any, frame: pd.DataFrame) -> None:
    speed = frame.pivot_table(values=_SPEED, index="popularity", columns="placement", sort=False)
    zipf = [str(name) for name in speed.index if name != "measured"]
    last = len(zipf) + 0.4
    apart = 0.045 * float(speed.to_numpy().max() - speed.to_numpy().min())
    measured = speed.loc["measured"].to_dict()
    labels_at = _apart(list(measured.values()), apart)
    for (name, at), label_at in zip(measured.items(), labels_at, strict=True):
        colour = _COLOURS[str(name)]
        dashes = "--" if "rebalanced" in str(name) else "-"
        axes.plot(range(len(zipf)), speed[name][zipf], dashes, color=colour, marker="o", ms=3)
        axes.plot([last], [at], "D", color=colour, ms=5)
        axes.plot([last + 0.1, last + 0.3], [at, label_at], color=colour, linewidth=0.6)
        axes.text(last + 0.35, label_at, name, color=colour, va="center")
    axes.set_xticks(
        [*range(len(zipf)), last], [*(one.split()[1] for one in zipf), "measured\nskew"]
    )
    axes.set_xlim(-0.2, last + 2.6)
    axes.set_xlabel("Zipf exponent of popularity", loc="left")
    axes.set_title("Where experts lie, under popularity that stays", loc="left")


def _draw_intervals(axes: Any, frame: pd.DataFrame) -> None:
    never = float(frame.loc[frame["every_steps"].isna(), _SPEED].iloc[0])
    known = frame.dropna(subset=["every_steps"])
    steps = known["every_steps"].astype(float)
    free = known[_SPEED] / (1 - known["rebalancing_share"])
    axes.plot(steps, known[_SPEED], "o-", color=_COLOURS["32 copies"])
    axes.plot(steps, free, "o:", color="grey", ms=3)
    axes.axhline(never, color=_COLOURS["contiguous"], linewidth=0.9)
    axes.text(steps.max(), never, "never rebalanced", color=_COLOURS["contiguous"], **_ABOVE)
    axes.annotate("rebalanced", (steps.iloc[0], known[_SPEED].iloc[0]), **_BELOW)
    axes.annotate("were moving free", (steps.iloc[1], free.iloc[1]), color="grey", **_RIGHT)
    axes.set_xscale("log")
    axes.set_xticks(steps, [f"{one:g}" for one in steps])
    axes.minorticks_off()
    axes.set_xlabel("steps from one rebalancing to the next")
    axes.set_title("Measured skew; every 170 steps 30 % swap", loc="left")


_ABOVE = {"ha": "right", "va": "bottom"}
_BELOW = {
    "xytext": (0, -16),
    "textcoords": "offset points",
    "color": _COLOURS["32 copies"],
}
_RIGHT = {"xytext": (6, 4), "textcoords": "offset points"}


def _apart(heights: Sequence[float], least: float) -> list[float]:
    """The heights moved up as far as it takes to be so far from one another."""
    moved = list(heights)
    order = sorted(range(len(heights)), key=lambda place: heights[place])
    for below, above in pairwise(order):
        moved[above] = max(moved[above], moved[below] + least)
    return moved
