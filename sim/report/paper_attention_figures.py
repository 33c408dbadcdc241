"""The figures of the paper's study that show attention and other single operators."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from sim.report.paper_charts import COLOURS, line, names_at_the_ends, panels, powers_of_two, says

Claims = Mapping[tuple[str, str], str]

_US = 1e6
_TERA = 1e12
_WAYS = {"reordered": "-", "not reordered": "--"}
_NAMED = {  # above the roof and below it by turns
    ("deepseek-r1", "reordered", "decode core"): "MLA reordered",
    ("deepseek-r1", "not reordered", "decode core"): "MLA not reordered, MHA",
    ("deepseek-r1", "reordered", "decode absorption"): "absorption",
    ("deepseek-r1", "not reordered", "decode decompression"): "decompression",
    ("llama-4-maverick", "", "experts"): "Llama 4's experts",
    ("deepseek-r1", "reordered", "experts"): "R1's experts",
    ("llama-4-maverick", "", "decode core"): "GQA, groups of 5",
    ("gpt-3-175b", "", "up"): "GPT-3's feed-forward",
}


def draw_fig3(file: Path, frame: pd.DataFrame, claims: Claims) -> None:
    """Operators under the roof of the device."""
    title = f"Figure 3. Operators of a decode step on a B200, {frame['length'].iloc[0]} tokens"
    with panels(file, 1, title) as (axes,):
        x = np.geomspace(0.3, 2000, 200)
        peak, bandwidth = frame["peak_flop_per_s"].iloc[0], frame["memory_bytes_per_s"].iloc[0]
        axes.plot(x, np.minimum(peak, bandwidth * x) / _TERA, color="black", linewidth=0.8)
        axes.axvline(peak / bandwidth, color="grey", linewidth=0.6, linestyle=":")
        says(axes, 0.70, 0.04, f"ridge {peak / bandwidth:.0f}")
        drawn = frame[frame["part"] != "head"]
        rates = drawn["flop_per_s"] / _TERA
        axes.scatter(drawn["intensity_flop_per_byte"], rates, s=12, color="#bbbbbb")
        for number, (key, name) in enumerate(_NAMED.items()):
            of = drawn[(drawn[["system", "way", "operator"]] == list(key)).all(axis=1)]
            [at] = zip(of["intensity_flop_per_byte"], of["flop_per_s"] / _TERA, strict=True)
            axes.scatter(*at, s=30, color=COLOURS[number % len(COLOURS)], zorder=3)
            offset = (6, -11) if number % 2 else (-6, 6)
            axes.annotate(
                name,
                at,
                offset,
                textcoords="offset points",
                fontsize=8,
                ha="left" if number % 2 else "right",
            )
        axes.set(
            xscale="log",
            yscale="log",
            xlim=(0.15, 4000),
            ylim=(2, 5000),
            xlabel="operations a byte",
            ylabel="TFLOP/s",
        )


def draw_fig6(file: Path, frame: pd.DataFrame, claims: Claims) -> None:
    """Attention with and without reordering, and what it is made of."""
    title = "Figure 6. DeepSeek-R1's attention with and without reordering, one layer, one B200"
    with panels(file, 2, title) as (left, right):
        names = []
        groups = frame.groupby(["way", "length"], sort=False)
        for (way, length), of in groups:
            number = sorted(frame["length"].unique()).index(length)
            line(left, number, of["batch"], _US * of["layer_s"], linestyle=_WAYS[str(way)])
            names.append((f"{way}, {length}", number))
        over = frame[~frame["fits"]]
        left.scatter(over["batch"], _US * over["layer_s"], s=70, facecolors="none", edgecolors="k")
        left.set(xlabel="requests a GPU", ylabel="attention (us)", yscale="log")
        powers_of_two(left, sorted(frame["batch"].unique()))
        expected = claims["C4", "largest decode speed-up by reordering"]
        found = _largest(frame)
        remark = "\ncircled: decompressed keys\nand values have no room"
        speed_up = f"largest speed-up that fits:\n{found:.1f}x, paper {expected}x"
        says(left, 0.03, 0.31, speed_up + remark)
        names_at_the_ends(left, names, 0.9)
        _breakdown(right, frame, claims)


def draw_fig8(file: Path, frame: pd.DataFrame, claims: Claims) -> None:
    """Attention against the degree of tensor parallelism."""
    first = frame.iloc[0]
    asked = f"{first['batch'] * first['tp']} requests of {first['length']} tokens a rank"
    title = f"Figure 8. DeepSeek-R1's attention split over GPUs, {asked}"
    with panels(file, 2, title) as both:
        for axes, (number, way) in zip(both, enumerate(_WAYS), strict=True):
            of = frame[frame["way"] == way]
            line(axes, number, of["tp"], _US * of["layer_s"])
            whole = of["layer_s"] + of["collective_layer_s"]
            line(axes, number + 2, of["tp"], _US * whole, linestyle=":")
            line(
                axes, 6, of["tp"], _US * of["layer_s"].iloc[0] / of["tp"], marker="", linewidth=0.8
            )
            speed_up = of["layer_s"].iloc[0] / of["layer_s"].iloc[-1]
            axes.set(title=f"{way}: {speed_up:.2f}x faster on eight", ylim=(0, None))
            axes.set(xlabel="GPUs of a rank (tensor parallelism)", ylabel="one layer (us)")
            powers_of_two(axes, of["tp"])
            named = [("attention", number), ("with collectives", number + 2), ("perfect", 6)]
            names_at_the_ends(axes, named, 0.45)
        says(both[0], 0.4, 0.06, f"paper: at most {claims['C7', 'reordered: TP1 over TP8']}x")
        says(both[1], 0.4, 0.6, f"paper: at least {claims['C7', 'not reordered: TP1 over TP8']}x")


def _largest(frame: pd.DataFrame) -> float:
    by_way = frame[frame["fits"]].pivot_table("layer_s", ["length", "batch"], "way")
    return float((by_way["not reordered"] / by_way["reordered"]).max())


def _breakdown(axes: Any, frame: pd.DataFrame, claims: Claims) -> None:
    """Of the claim's point, both ways."""
    shown = frame[frame["is_broken_down"]]
    parts = {
        "rest_share": "projections",
        "core_share": "core",
        "decompression_share": "decompression",
    }
    for place, (_, row) in enumerate(shown.iterrows()):
        start = 0.0
        for number, (column, name) in enumerate(parts.items()):
            width = 100 * row[column]
            axes.barh(place, width, left=start, color=COLOURS[number], height=0.5)
            if width > 5:
                axes.text(
                    start + width / 2,
                    place,
                    f"{name}\n{width:.0f} %",
                    ha="center",
                    va="center",
                    color="white",
                    fontsize=8,
                )
            start += width
    axes.set_yticks(range(len(shown)), list(shown["way"]))
    first = shown.iloc[0]
    axes.set(xlabel="share of attention's time (%)", ylim=(-0.6, 1.9))
    axes.set_title(f"{first['length']} tokens, {first['batch']} a GPU", fontsize=9)
    paper = f"paper: decompression {claims['C5', 'decompression']} %, core {claims['C5', 'core']} %"
    says(axes, 0.02, 0.9, f"{paper} (not reordered)")
