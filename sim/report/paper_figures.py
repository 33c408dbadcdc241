"""The figures of the paper's study that show whole systems."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from sim.report.paper_attention_figures import draw_fig3, draw_fig6, draw_fig8
from sim.report.paper_beyond_figures import draw_balance, draw_parallelism
from sim.report.paper_charts import COLOURS, line, names_at_the_ends, panels, powers_of_two, says
from sim.report.paper_expert_scheduling import draw_expert_scheduling
from sim.report.paper_machines import draw_calibrated, draw_networks
from sim.report.paper_pim import draw_attention_accelerator, draw_fig14

Claims = Mapping[tuple[str, str], str]
"""What the paper expects, by claim and subject."""
Draw = Callable[[Path, pd.DataFrame, Claims], None]

_MS = 1e3
_GIB = 2**30
_BATCH = "requests a GPU"
_THROUGHPUT = "output tokens/s a GPU"
_TPOT = "time per output token (ms)"
_SYSTEMS = {"deepseek-r1": "DeepSeek-R1", "llama-4-maverick": "Llama 4", "gpt-3-175b": "GPT-3"}
_PARTS = {
    "attention_s": "attention",
    "dense_s": "dense, shared experts",
    "experts_s": "routed experts",
    "communication_s": "dispatch, combine",
}


def _fig2(file: Path, frame: pd.DataFrame, claims: Claims) -> None:
    title = "Figure 2. DeepSeek-R1 on 32 B200: length and batch"
    with panels(file, 2, title) as (left, right):
        names = _by(frame, "length", "{} tokens", "batch")
        for number, (_, of_length) in enumerate(names):
            line(left, number, of_length["batch"], _MS * of_length["step_s"])
            line(right, number, of_length["batch"], of_length["tokens_per_s_per_device"])
        left.set(xlabel=_BATCH, ylabel=_TPOT, ylim=(0, None))
        right.set(xlabel=_BATCH, ylabel=_THROUGHPUT, ylim=(0, None))
        for axes in (left, right):
            powers_of_two(axes, sorted(frame["batch"].unique()))
            names_at_the_ends(axes, [(name, number) for number, (name, _) in enumerate(names)])


def _fig4(file: Path, frame: pd.DataFrame, claims: Claims) -> None:
    length = frame["length"].iloc[0]
    title = f"Figure 4. Memory of a GPU, DeepSeek-R1 on 32 B200, {length} tokens a request"
    with panels(file, 1, title) as (axes,):
        whole = frame["weights_bytes"] + frame["kv_bytes"]
        drawn = [
            ("weights that a step reads", frame["touched_bytes"]),
            ("all weights", frame["weights_bytes"]),
            ("keys and values", frame["kv_bytes"]),
            ("weights, keys and values", whole),
        ]
        for number, (_, amounts) in enumerate(drawn):
            line(axes, number, frame["batch"], amounts / _GIB)
        axes.axhline(frame["usable_bytes"].iloc[0] / _GIB, color="black", linewidth=0.8)
        axes.set(xlabel=_BATCH, ylabel="GiB a GPU", ylim=(0, None))
        powers_of_two(axes, frame["batch"])
        says(axes, 0.02, 0.955, "memory")
        names_at_the_ends(axes, [(name, number) for number, (name, _) in enumerate(drawn)], 0.75)


def _fig9(file: Path, frame: pd.DataFrame, claims: Claims) -> None:
    title = "Figure 9. Throughput against latency on 32 B200; numbers: requests a GPU"
    with panels(file, 2, title) as both:
        for axes, (length, of_length) in zip(both, frame.groupby("length"), strict=True):
            for number, name in enumerate(_SYSTEMS):
                of = of_length[of_length["system"] == name]
                line(axes, number, _MS * of["step_s"], of["tokens_per_s_per_device"])
                for x, y, batch in zip(
                    _MS * of["step_s"], of["tokens_per_s_per_device"], of["batch"], strict=True
                ):
                    axes.annotate(
                        f"{batch}",
                        (x, y),
                        (-3, 4),
                        textcoords="offset points",
                        fontsize=6,
                        ha="right",
                    )
            axes.set(xlabel=_TPOT, ylabel=_THROUGHPUT, yscale="log", title=f"{length} tokens")
            names = [(name, number) for number, name in enumerate(_SYSTEMS.values())]
            names_at_the_ends(axes, names, 0.3)
        text = "paper: R1 over GPT-3 {}x,\nR1 over Llama 4 {}x".format(
            claims["C11", "deepseek-r1 over gpt-3-175b"],
            claims["C11", "deepseek-r1 over llama-4-maverick"],
        )
        says(both[1], 0.99, 0.5, f"{text}\n(128, 4 and 64 a GPU)", ha="right")


def _fig10(file: Path, frame: pd.DataFrame, claims: Claims) -> None:
    title = f"Figure 10. A step of DeepSeek-R1 on 32 B200, {frame['length'].iloc[0]} tokens"
    with panels(file, 2, title) as both:
        for axes, (variant, rate) in zip(
            both,
            {"xdr": "InfiniBand XDR, 100 GB/s", "nvlink": "NVLink, 900 GB/s"}.items(),
            strict=True,
        ):
            of = frame[[one[0] == variant for one in frame["variants"]]]
            of = of.assign(communication_s=of["dispatch_s"] + of["combine_s"])
            _stacked(axes, of, claims["C13", variant], "over" if variant == "xdr" else "under")
            axes.set(title=rate, xlabel=_BATCH, ylabel=_TPOT, ylim=(0, 105))


def _stacked(axes: Any, of: pd.DataFrame, expected: str, word: str) -> None:
    places, below = range(len(of)), 0.0 * of["step_s"]
    for number, (column, name) in enumerate(_PARTS.items()):
        axes.bar(places, _MS * of[column], bottom=_MS * below, color=COLOURS[number], width=0.7)
        below = below + of[column]
        says(axes, 0.03, 0.9 - 0.06 * number, name, color=COLOURS[number], weight="bold")
    for place, step_s, share in zip(places, of["step_s"], of["communication_share"], strict=True):
        axes.text(place, _MS * step_s + 1, f"{100 * share:.0f} %", ha="center", fontsize=8)
    says(axes, 0.03, 0.6, f"numbers: share of communication\n(paper: {word} {expected} % at 144)")
    axes.set_xticks(list(places), [f"{batch}" for batch in of["batch"]])


def _fig11(file: Path, frame: pd.DataFrame, claims: Claims) -> None:
    title = "Figure 11. DeepSeek-R1: one instance on 256 GPUs, or eight on 32 each"
    with panels(file, 2, title) as both:
        for axes, (length, of_length) in zip(both, frame.groupby("length"), strict=True):
            names = []
            for number, (variant, of) in enumerate(_by_variant(of_length)):
                style = {"linestyle": "--"} if variant.startswith("32") else {}
                line(axes, number, of["batch"], of["tokens_per_s_per_device"], **style)
                names.append((variant.replace("32 at", "8 x 32 at"), number))
            axes.set(xlabel=_BATCH, ylabel=_THROUGHPUT, title=f"{length} tokens", ylim=(0, None))
            axes.set_xticks(sorted(of_length["batch"].unique()))
            names_at_the_ends(axes, names, 0.5)


def _fig12(file: Path, frame: pd.DataFrame, claims: Claims) -> None:
    title = f"Figure 12. Skewed experts, DeepSeek-R1 on 32 B200, {frame['length'].iloc[0]} tokens"
    with panels(file, 2, title) as (left, right):
        names = _by(frame, "batch", "{} a GPU", "skew")
        for number, (_, of) in enumerate(names):
            kept = of["tokens_per_s_per_device"] / of["tokens_per_s_per_device"].iloc[0]
            line(left, number, of["skew"], kept)
            line(right, number, of["skew"], of["imbalance"])
        left.set(ylabel="throughput over that without skew", ylim=(0, 1.05))
        right.set(ylabel="busiest GPU's tokens over the mean", ylim=(0, None))
        for axes in (left, right):
            axes.set(xlabel="Zipf exponent of the experts' popularity")
            axes.set_xticks(sorted(frame["skew"].unique()))
            names_at_the_ends(axes, [(name, number) for number, (name, _) in enumerate(names)], 0.3)


def _fig13(file: Path, frame: pd.DataFrame, claims: Claims) -> None:
    first = frame.iloc[0]
    title = (
        f"Figure 13. Skew on 256 GPUs and on 32, {first['length']} tokens, {first['batch']} a GPU"
    )
    with panels(file, 2, title) as (left, right):
        names = []
        for number, (variant, of) in enumerate(_by_variant(frame)):
            line(left, number, of["skew"], of["tokens_per_s_per_device"])
            line(right, number, of["skew"], of["imbalance"])
            names.append((variant.replace("32", "8 x 32"), number))
        left.set(ylabel=_THROUGHPUT, ylim=(0, None))
        right.set(ylabel="busiest GPU's tokens over the mean", ylim=(0, None))
        ratio = claims["C16", "strided placement"]
        says(right, 0.03, 0.8, f"paper: at 0.8, 256 GPUs are\n{ratio} times as uneven as 32")
        for axes in (left, right):
            axes.set(xlabel="Zipf exponent of the experts' popularity")
            axes.set_xticks(sorted(frame["skew"].unique()))
            names_at_the_ends(axes, names, 0.4)


DRAWINGS: dict[str, Draw] = {
    "fig2": _fig2,
    "fig3": draw_fig3,
    "fig4": _fig4,
    "fig6": draw_fig6,
    "fig8": draw_fig8,
    "fig9": _fig9,
    "fig10": _fig10,
    "fig11": _fig11,
    "fig12": _fig12,
    "fig13": _fig13,
    "fig14": draw_fig14,
    "parallelism": draw_parallelism,
    "balance": draw_balance,
    "attention_accelerator": draw_attention_accelerator,
    "expert_scheduling": draw_expert_scheduling,
    "networks": draw_networks,
    "calibrated": draw_calibrated,
}
"""By the name of the figure."""


def _by(
    frame: pd.DataFrame, column: str, name: str, order: str
) -> Sequence[tuple[str, pd.DataFrame]]:
    groups = frame.sort_values(order).groupby(column)
    return [(name.format(value), of) for value, of in groups]


def _by_variant(frame: pd.DataFrame) -> Sequence[tuple[str, pd.DataFrame]]:
    """In the order in which they come."""
    names = frame["variants"].str[0]
    return [(name, frame[names == name]) for name in names.unique()]
