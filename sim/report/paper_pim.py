"""Figure 14 and the question of attention accelerators, drawn: a panel a length, or a model."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from sim.report.paper_charts import panels

Claims = Mapping[tuple[str, str], str]

# Okabe and Ito's colours.
_GPU, _PIM, _GREY = "#0072B2", "#D55E00", "#777777"
_OF_BATCH = ("#56B4E9", "#009E73", "#E69F00", "#CC79A7")
_MARKS = ("o", "s", "^", "D")
BATCHES = (2, 8, 32, 128)
"""Requests a GPU, of which lines are drawn."""
_SYSTEMS = {
    "gpt-3-175b": "GPT-3 (multi-head)",
    "llama-4-maverick": "Llama 4 Maverick (grouped)",
    "deepseek-r1": "DeepSeek-R1 (latent)",
}


def draw_fig14(file: Path, frame: pd.DataFrame, claims: Claims) -> None:
    """Times of a step and of its experts, by requests a GPU."""
    lengths = sorted(frame["length"].unique())
    title = (
        "Figure 14. DeepSeek-R1 on 32 B200, its experts there or on 32 accelerators with 4 times "
        "the bandwidth and a ridge of 8 FLOP/B\n(experts: with dispatch and combine)"
    )
    with panels(file, len(lengths), title) as all_axes:
        for axes, length in zip(all_axes, lengths, strict=True):
            of_length = frame[frame["length"] == length]
            for way, colour in (("GPUs", _GPU), ("accelerators", _PIM)):
                _times(axes, of_length[of_length["way"] == way], way, colour)
            equal_at = float(of_length["equal_at_batch"].iloc[0])
            axes.axvline(equal_at, color=_GREY, linewidth=0.8, linestyle=":")
            _label(axes, (equal_at, 1.25), f"equal at {equal_at:.0f}", _GREY, xytext=(3, 0))
            axes.set(title=f"{length:,} tokens in the cache", xlabel="requests a GPU")
            _log(axes, (8, 16, 32, 64, 128), (1, 2, 5, 10, 20, 50))
            axes.set(xlim=(7, 1100), ylim=(1.1, 60))
        all_axes[0].set_ylabel("time of a decode step (ms)")


def _times(axes: Any, rows: pd.DataFrame, way: str, colour: str) -> None:
    for column, style, part, beside in (("step_s", "-", "step", 0), ("moe_s", "--", "experts", -7)):
        axes.plot(rows["batch"], rows[column] * 1e3, style, color=colour, marker=".")
        end = rows["batch"].iloc[-1], rows[column].iloc[-1] * 1e3
        _label(axes, end, f"{part}, {way}", colour, xytext=(6, beside))


def draw_attention_accelerator(file: Path, frame: pd.DataFrame, claims: Claims) -> None:
    """Both gains by length, a column a model."""
    rows = (
        ("step_gain", "step of the same 32 GPUs:\ntimes as fast with 32 accelerators"),
        ("device_gain", "the same users on 64 devices:\ntokens a device, against 64 GPUs"),
    )
    title = (
        "Cache and core of attention on accelerators with 4 times the bandwidth and a ridge of "
        "8 FLOP/B, beside 32 B200"
    )
    with panels(file, len(_SYSTEMS), title, rows=len(rows)) as all_axes:
        left = iter(all_axes)
        for column, label in rows:
            of_row = [next(left) for _ in _SYSTEMS]
            for axes, (system, name) in zip(of_row, _SYSTEMS.items(), strict=True):
                _gains(axes, frame[frame["system"] == system], column)
                axes.set(title=name, xlabel="tokens in the cache of each request")
            of_row[0].set_ylabel(label)
            of_row[0].annotate("above: accelerators pay", (120_000, 1.04), ha="right", va="bottom")


def _gains(axes: Any, frame: pd.DataFrame, column: str) -> None:
    axes.axhspan(1.0, 10.0, color=_GREY, alpha=0.08, linewidth=0)
    axes.axhline(1.0, color="black", linewidth=0.8)
    for batch, colour, mark in zip(BATCHES, _OF_BATCH, _MARKS, strict=True):
        rows = frame[(frame["way"] == "accelerators") & (frame["batch"] == batch)]
        rows = rows.dropna(subset=[column])
        if rows.empty:
            continue
        axes.plot(rows["length"], rows[column], color=colour, marker=mark, markersize=4)
        end = rows["length"].iloc[-1], rows[column].iloc[-1]
        falls = rows[column].iloc[-1] < rows[column].iloc[0]
        below = {"xytext": (0, -7), "ha": "center", "va": "top"}
        above = {"xytext": (0, 6), "ha": "center", "va": "bottom"}
        _label(axes, end, f"{batch} a GPU", colour, **(below if falls else above))
    _log(axes, (1024, 4096, 16384, 65536), (0.125, 0.25, 0.5, 1, 2))
    axes.set(xlim=(600, 130_000), ylim=(0.085, 3.5))


def _label(axes: Any, at: tuple[float, float], text: str, colour: str, **where: Any) -> None:
    """At the end of a line; `where` as matplotlib's `annotate` takes it."""
    axes.annotate(text, at, textcoords="offset points", color=colour, fontsize=8, **where)


def _log(axes: Any, xs: Sequence[float], ys: Sequence[float]) -> None:
    axes.set(xscale="log", yscale="log")
    for one, ticks in ((axes.xaxis, xs), (axes.yaxis, ys)):
        one.set_ticks(ticks, [f"{tick:,g}" for tick in ticks])
        one.set_ticks([], minor=True)
