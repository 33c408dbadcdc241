"""The figures of other networks and of calibrated engines."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from sim.report.paper_charts import COLOURS, line, names_at_the_ends, panels, powers_of_two, says

Claims = Mapping[tuple[str, str], str]

_MS = 1e3
_PROTOCOLS = {"per-expert": ("o", 1), "per-device": ("s", 2), "per-node": ("D", 0)}
"""Mark, and number of the colour."""
_PARTS = {
    "attention_s": "attention",
    "dense_s": "dense, shared experts",
    "experts_s": "routed experts",
    "communication_s": "communication",
}
_PLAIN = {"facecolor": "white", "edgecolor": "none", "pad": 0.5}
_SYSTEMS = {"llama-4-maverick": "Llama 4", "gpt-3-175b": "GPT-3"}


def draw_networks(file: Path, frame: pd.DataFrame, claims: Claims) -> None:
    """A row a network, a mark a protocol; what the paper claims as a line."""
    title = "DeepSeek-R1 on B200, links alone differ (black lines: the paper's, on one switch)"
    narrow = frame[(frame["devices"] == 32) & (frame["system"] == "deepseek-r1")]
    even = narrow[narrow["skew"] == 0]
    names = list(frame["network"].unique())
    shared = even.assign(communication=100 * even["communication_share"])
    expected = {
        "exchange_us": claims["C12", "nvlink"],
        "communication": claims["C13", "nvlink"],
        "over_gpt_3_175b": claims["C11", "deepseek-r1 over gpt-3-175b"],
        "over_llama_4_maverick": claims["C11", "deepseek-r1 over llama-4-maverick"],
    }
    with panels(file, 3, title, rows=2) as axes:
        drawn = [
            (even[even["batch"] == 128], "exchange_us", "one dispatch (us), 128 a GPU"),
            (
                shared[shared["batch"] == 144],
                "communication",
                "communication (% of the step), 144 (paper: below)",
            ),
            (narrow, "kept_share", "throughput kept at skew 0.8, 144 a GPU"),
            (narrow, "over_gpt_3_175b", "R1 over GPT-3 (throughput), 8192 tokens"),
            (narrow, "over_llama_4_maverick", "R1 over Llama 4 (throughput), 8192 tokens"),
        ]
        for one, (of, column, label) in zip(axes, drawn, strict=False):
            length = 8192 if column.startswith("over") else 2048
            _marks(one, of[of["length"] == length], column, names)
            if column in expected:
                one.axvline(float(expected[column]), color="black", linewidth=0.8)
            one.set(xlabel=label, xlim=(0, 1 if column == "kept_share" else None))
        for number, (name, (mark, colour)) in enumerate(_PROTOCOLS.items()):
            says(axes[0], 0.62, 0.95 - 0.06 * number, f"{name}", color=COLOURS[colour])
            style = {"color": COLOURS[colour], "ms": 6, "mfc": "none", "mew": 1.6}
            axes[0].plot(0.59, 0.96 - 0.06 * number, mark, transform=axes[0].transAxes, **style)
        _wide(axes[5], frame[frame["devices"] == 256])


def draw_calibrated(file: Path, frame: pd.DataFrame, claims: Claims) -> None:
    """Where a step's time goes, throughput, and what the claims become."""
    title = (
        "DeepSeek-R1 by an ideal engine and by measured kernels and links"
        " (B200: those of the H200 and NVLink 4, unmeasured)"
    )
    with panels(file, 3, title) as (left, middle, right):
        _steps(left, frame[frame["question"] == "C13"])
        _rates(middle, frame[frame["question"] == "throughput"])
        _ratios(right, frame[frame["ratio"].notna()])


def _marks(axes: Any, of: pd.DataFrame, column: str, names: Sequence[str]) -> None:
    for name, (mark, colour) in _PROTOCOLS.items():
        # A network of one switch has no boxes: its only mark is the paper's way.
        known = of[(of["dispatch"] == name) & of[column].notna()]
        places = [names.index(one) for one in known["network"]]
        axes.plot(known[column], places, mark, color=COLOURS[colour], ms=6, mfc="none", mew=1.6)
    shown = [one.replace(" at 100", "\nat 100") for one in names]
    axes.set_yticks(range(len(names)), shown)
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.grid(axis="y", color="#dddddd", linewidth=0.6)
    axes.set_axisbelow(True)


def _wide(axes: Any, of: pd.DataFrame) -> None:
    """One instance on 256 devices over eight on 32 each, side by side by network."""
    names = list(of["network"].unique())
    kinds = of[["batch", "skew"]].drop_duplicates().to_dict("records")
    for number, kind in enumerate(kinds):
        chosen = of[(of["batch"] == kind["batch"]) & (of["skew"] == kind["skew"])]
        places = [names.index(one) + 0.25 * (number - 1) for one in chosen["network"]]
        axes.barh(places, chosen["over_groups"], height=0.22, color=COLOURS[number])
        text = f"{kind['batch']} a GPU" + (f", skew {kind['skew']:g}" if kind["skew"] else "")
        for place, value in zip(places, chosen["over_groups"], strict=True):
            said = f"{value:.2f}  {text}"
            axes.text(value + 0.03, place, said, va="center", fontsize=7, bbox=_PLAIN)
    axes.axvline(1, color="black", linewidth=0.8)
    labels = [
        f"{name}\n{dispatch}"
        for name, dispatch in zip(names, of.drop_duplicates("network")["dispatch"], strict=True)
    ]
    labels = [one.replace("one rack", "racks") for one in labels]
    axes.set_yticks(range(len(names)), labels)
    axes.set(xlabel="256 GPUs over 8 x 32 (throughput)", xlim=(0, 2.9))
    axes.set_ylim(len(names) - 0.5, -0.5)


def _steps(axes: Any, of: pd.DataFrame) -> None:
    places, below = range(len(of)), 0.0 * of["step_s"]
    for number, (column, name) in enumerate(_PARTS.items()):
        axes.bar(places, _MS * of[column], bottom=_MS * below, color=COLOURS[number], width=0.7)
        below = below + of[column]
        says(axes, 0.03, 0.95 - 0.06 * number, name, color=COLOURS[number], weight="bold")
    for place, row in zip(places, of.to_dict("records"), strict=True):
        text = f"{100 * row['communication_share']:.0f} %"
        axes.text(place, _MS * below.iloc[place] + 1, text, ha="center", fontsize=8)
    says(axes, 0.03, 0.66, "numbers: communication")
    labels = [
        f"{one['cluster']}\n{one['engine']}".replace(" on a switch", "")
        for one in of.to_dict("records")
    ]
    axes.set_xticks(list(places), labels, fontsize=7)
    first = of.iloc[0]
    axes.set(
        ylabel="time of a step (ms)", title=f"{first['batch']} a GPU of {first['length']} tokens"
    )


def _rates(axes: Any, of: pd.DataFrame) -> None:
    names = []
    clusters = list(of["cluster"].unique())
    for (cluster, engine), one in of.groupby(["cluster", "engine"], sort=False):
        shown, number = str(cluster).replace(" on a switch", ""), clusters.index(cluster)
        style = "--" if engine == "ideal" else "-"
        line(axes, number, one["batch"], one["tokens_per_s_per_device"], linestyle=style)
        names.append((f"{shown}, {engine}", number))
    length = of["length"].iloc[0]
    axes.set(xlabel="requests a GPU", ylabel="output tokens/s a GPU", title=f"{length} tokens")
    axes.set_yscale("log")
    powers_of_two(axes, of["batch"])
    names_at_the_ends(axes, names, 0.75)


def _ratios(axes: Any, of: pd.DataFrame) -> None:
    """From the ideal engine's number (open) to that of the measured one (filled)."""
    by_engine = of.pivot_table("ratio", ["ratio_of", "cluster"], "engine", "max", sort=False)
    claimed = list(of["ratio_of"].unique())
    clusters = list(of["cluster"].unique())
    for row in by_engine.reset_index().to_dict("records"):
        name, number = row["ratio_of"], clusters.index(row["cluster"])
        place = claimed.index(name) + 0.3 * (number - 0.5)
        colour = COLOURS[number]
        axes.plot([row["ideal"], row["measured"]], [place] * 2, color=colour, linewidth=1)
        axes.plot(row["ideal"], place, "o", color=colour, mfc="white")
        axes.plot(row["measured"], place, "o", color=colour)
        text = f"{row['ideal']:.3g} → {row['measured']:.3g}"
        at = max(row["ideal"], row["measured"]) * 1.12
        axes.text(at, place, text, va="center", fontsize=7, color=colour)
    shown = [one.replace(", ", ",\n").replace("deepseek-r1 over ", "R1 over ") for one in claimed]
    for system, name in _SYSTEMS.items():
        shown = [one.replace(system, name) for one in shown]
    axes.set_yticks(range(len(claimed)), shown)
    axes.set(xscale="log", xlim=(0.8, 500), title="open: ideal, filled: measured")
    axes.set_xticks([1, 2, 5, 10, 20, 50, 100], ["1", "2", "5", "10", "20", "50", "100"])
    axes.minorticks_off()
    axes.set(xlabel="times as fast", ylim=(len(claimed) - 0.5, -0.5))
