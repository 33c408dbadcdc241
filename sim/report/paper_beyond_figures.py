"""The figures that go beyond the paper's: splits of attention, balance of a device."""

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from sim.report.paper_charts import line, names_at_the_ends, panels, powers_of_two

Claims = Mapping[tuple[str, str], str]

_CACHES = {"deepseek-r1": "DeepSeek-R1 (MLA)", "llama-4-maverick": "Llama 4 Maverick (GQA)"}


def draw_parallelism(file: Path, frame: pd.DataFrame, claims: Claims) -> None:
    """Against attention by data alone."""
    title = (
        "Attention split over GPUs of a rank, 32 B200 (solid: longest requests, dashed: shortest)"
    )
    lengths = sorted(frame["length"].unique())
    with panels(file, 2, title) as both:
        for axes, (name, shown) in zip(both, _CACHES.items(), strict=True):
            of_system = frame[(frame["system"] == name) & frame["over_data"].notna()]
            names = []
            for length, style in ((lengths[-1], "-"), (lengths[0], "--")):
                of_length = of_system[of_system["length"] == length]
                variants = [one for one in of_length["variant"].unique() if one != "tp 1"]
                for number, variant in enumerate(variants):
                    of = of_length[of_length["variant"] == variant]
                    line(axes, number, of["batch"], of["over_data"], linestyle=style)
                    names.append((f"{variant}, {length} tokens", number))
            axes.axhline(1, color="black", linewidth=0.8)
            axes.set(title=shown, xlabel="requests a GPU", ylabel="throughput over that of tp 1")
            powers_of_two(axes, of_system["batch"])
            names_at_the_ends(axes, names, 0.75)


def draw_balance(file: Path, frame: pd.DataFrame, claims: Claims) -> None:
    """One resource at a time, with its elasticity."""
    title = "DeepSeek-R1 on 32 GPUs near the B200, as many requests as fit: one resource scaled"
    with panels(file, 2, title) as both:
        for axes, (length, of_length) in zip(both, frame.groupby("length"), strict=True):
            names = []
            for number, resource in enumerate(of_length["resource"].unique()):
                of = of_length[of_length["resource"] == resource]
                line(axes, number, of["factor"], of["over_base"])
                names.append((f"{resource} {of['elasticity'].iloc[0]:+.2f}", number))
            axes.set(title=f"{length} tokens; numbers: elasticity", xlabel="times the B200's")
            axes.set(ylabel="throughput over that of the B200", yscale="log")
            axes.set_yticks([0.6, 0.8, 1, 1.25, 1.5], ["0.6", "0.8", "1", "1.25", "1.5"])
            powers_of_two(axes, of_length["factor"])
            names_at_the_ends(axes, names, 0.75)
