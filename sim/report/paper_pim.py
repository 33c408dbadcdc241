"""Figure 14 and the question of attention accelerators, drawn: a panel a length, or a model."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd

from sim.errors import ScenarioError

# Okabe and Ito's colours.
_GPU, _PIM, _GREY = "#0072B2", "#D55E00", "#777777"
_OF_BATCH = ("#56B4E9", "#009E73", "#E69F00", "#CC79A7")
_MARKS = ("o", "s", "^", "D")
BATCHES = (2, 8, 32, 128)
"""Requests a GPU, of which lines are drawn."""
SUFFIXES = (".png", ".svg")


def draw_fig14(folder: Path, frame: pd.DataFrame, crossovers: Mapping[int, float]) -> None:
    """Write `fig14.png` and `.svg`: times of a step and of its experts, by requests a GPU."""
    lengths = sorted(frame["length"].unique())
    with _panels(folder, "fig14", (1, len(lengths)), (10.5, 4.2)) as axes:
        for axis, length in zip(axes[0], lengths, strict=True):
            of_length = frame[frame["length"] == length]
            for way, colour, name in (
                ("GPUs", _GPU, "GPUs"),
                ("accelerators", _PIM, "accelerators"),
            ):
                rows = of_length[of_length["way"] == way]
                for column, style, part in (("step_s", "-", "step"), ("moe_s", "--", "experts")):
                    axis.plot(rows["batch"], rows[column] * 1e3, style, color=colour, marker=".")
                    end = rows["batch"].iloc[-1], rows[column].iloc[-1] * 1e3
                    beside = (6, 0) if column == "step_s" else (6, -7)
                    _label(axis, end, f"{part}, {name}", colour, xytext=beside)
            axis.axvline(crossovers[length], color=_GREY, linewidth=0.8, linestyle=":")
            axis.annotate(
                f"equal at {crossovers[length]:.0f}",
                (crossovers[length], 1.25),
                textcoords="offset points",
                xytext=(3, 0),
                color=_GREY,
                fontsize=8,
            )
            axis.set(title=f"{length:,} tokens in the cache", xlabel="requests a GPU")
            _log(axis, (8, 16, 32, 64, 128), (1, 2, 5, 10, 20, 50))
            axis.set(xlim=(7, 1100), ylim=(1.1, 60))
        axes[0][0].set_ylabel("time of a decode step, ms")
        axes[0][0].figure.suptitle(
            "DeepSeek-R1 on 32 B200, its experts there or on 32 accelerators with 4 times the "
            "bandwidth and a ridge of 8 FLOP/B\n(experts: with dispatch and combine)",
            fontsize=10,
        )


def draw_attention_accelerator(folder: Path, frame: pd.DataFrame, names: Mapping[str, str]) -> None:
    """Write `attention_accelerator.png` and `.svg`: both gains by length, a panel a model."""
    rows = (
        ("step_gain", "step of the same 32 GPUs:\ntimes as fast with 32 accelerators"),
        ("device_gain", "the same users on 64 devices:\ntokens a device, against 64 GPUs"),
    )
    with _panels(folder, "attention_accelerator", (2, len(names)), (10.5, 6.6)) as axes:
        for of_row, (column, label) in zip(axes, rows, strict=True):
            for axis, (system, name) in zip(of_row, names.items(), strict=True):
                _gains(axis, frame[frame["system"] == system], column)
                axis.set_title(name if column == "step_gain" else "")
            of_row[0].set_ylabel(label)
            of_row[0].annotate("above: accelerators pay", (120_000, 1.04), ha="right", va="bottom")
        for axis in axes[-1]:
            axis.set_xlabel("tokens in the cache of each request")
        axes[0][0].figure.suptitle(
            "Cache and core of attention on accelerators with 4 times the bandwidth and a ridge of "
            "8 FLOP/B, beside 32 B200",
            fontsize=10,
        )


def _gains(axis: Any, frame: pd.DataFrame, column: str) -> None:
    axis.axhspan(1.0, 10.0, color=_GREY, alpha=0.08, linewidth=0)
    axis.axhline(1.0, color="black", linewidth=0.8)
    for batch, colour, mark in zip(BATCHES, _OF_BATCH, _MARKS, strict=True):
        rows = frame[(frame["way"] == "accelerators") & (frame["batch"] == batch)]
        rows = rows.dropna(subset=[column])
        if rows.empty:
            continue
        axis.plot(rows["length"], rows[column], color=colour, marker=mark, markersize=4)
        end = rows["length"].iloc[-1], rows[column].iloc[-1]
        falls = rows[column].iloc[-1] < rows[column].iloc[0]
        below = {"xytext": (0, -7), "ha": "center", "va": "top"}
        above = {"xytext": (0, 6), "ha": "center", "va": "bottom"}
        _label(axis, end, f"{batch} a GPU", colour, **(below if falls else above))
    _log(axis, (1024, 4096, 16384, 65536), (0.125, 0.25, 0.5, 1, 2))
    axis.set(xlim=(600, 130_000), ylim=(0.085, 3.5))


def _label(axis: Any, at: tuple[float, float], text: str, colour: str, **where: Any) -> None:
    """At the end of a line; `where` as matplotlib's `annotate` takes it."""
    axis.annotate(text, at, textcoords="offset points", color=colour, fontsize=8, **where)


def _log(axis: Any, xs: Sequence[float], ys: Sequence[float]) -> None:
    axis.set(xscale="log", yscale="log")
    for one, ticks in ((axis.xaxis, xs), (axis.yaxis, ys)):
        one.set_ticks(ticks, [f"{tick:,g}" for tick in ticks])
        one.set_ticks([], minor=True)
    axis.spines[["top", "right"]].set_visible(False)


@contextmanager
def _panels(
    folder: Path, name: str, shape: tuple[int, int], size: tuple[float, float]
) -> Iterator[Any]:
    """Axes by row and column, which are written when all is drawn."""
    try:
        from matplotlib import rc_context
        from matplotlib.figure import Figure
    except ImportError:
        raise ScenarioError(
            "figures need matplotlib; install it with: pip install moesim[plot]"
        ) from None
    # Ids in the SVG are made from this salt and not at random, so that equal data give equal bytes.
    with rc_context({"svg.hashsalt": "moesim", "font.size": 9}):
        figure = Figure(figsize=size, dpi=150, layout="constrained")
        yield figure.subplots(*shape, sharex=True, sharey=True, squeeze=False)
        for suffix in SUFFIXES:
            metadata = {"Date": None} if suffix == ".svg" else {"Software": None}
            figure.savefig(folder / f"{name}{suffix}", metadata=metadata)
