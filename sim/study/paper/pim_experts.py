"""Figure 14: the experts on accelerators that compute in memory, or on GPUs.

`moe_s` are the routed experts with their dispatch and combine. An accelerator of ridge 8 FLOP/B
with four times the bandwidth has a ninth of a B200's arithmetic: it is quicker while few tokens
meet in an expert, and slower once its arithmetic takes longer than the GPU's memory.
"""

import numpy as np
import pandas as pd

from sim.catalog.load import load_device
from sim.study.paper.runs import Runs
from sim.study.paper.set_up import Point, scenario
from sim.study.paper.two_kinds import WAYS, has_room, settings

SYSTEM = "deepseek-r1"
LENGTHS = (1024, 4096, 16384)
BATCHES = (8, 16, 24, 32, 48, 64, 96, 128)
"""Requests a GPU."""

_KEPT = (
    *("length", "batch", "way", "step_s", "moe_s", "experts_s", "dispatch_s", "combine_s"),
    *("attention_s", "dense_s", "imbalance", "tokens_per_s_per_device"),
)


def fig14(runs: Runs) -> pd.DataFrame:
    """A row for each length, batch and place of the experts that has room; seconds of a step.

    `equal_at_batch`: where the experts of accelerators take as long as those of GPUs.
    """
    asked = [
        (way, Point(SYSTEM, batch, length, extra=settings(way, "experts.on")))
        for way in WAYS
        for length in LENGTHS
        for batch in BATCHES
    ]
    found = [(way, point) for way, point in asked if has_room(point)]
    frame = runs.frame(point for _, point in found)
    frame["way"] = [way for way, _ in found]
    frame["moe_s"] = frame[["experts_s", "dispatch_s", "combine_s"]].sum(axis=1)
    equal_at = {length: crossover(frame, length) for length in LENGTHS}
    return frame[list(_KEPT)].assign(equal_at_batch=frame["length"].map(equal_at))


def crossover(frame: pd.DataFrame, length: int, column: str = "experts_s") -> float:
    """The requests a GPU at which accelerators take as long as GPUs, between runs linearly."""
    of_length = frame[frame["length"] == length]
    by_way = of_length.pivot_table(index="batch", columns="way", values=column).dropna()
    ahead_s = (by_way["GPUs"] - by_way["accelerators"]).to_numpy()
    assert (np.diff(ahead_s) < 0).all(), "they cross once"
    return float(np.interp(0.0, -ahead_s, by_way.index.to_numpy(dtype=float)))


def closed_crossover(imbalance: float) -> float:
    """The same from the ridges alone.

    An expert's intensity is imbalance * B * k / n (B: requests in all, k of n experts each). There
    the GPU is bound by memory and the accelerator by arithmetic, so they tie where the intensity
    is the accelerator's FLOP/s over the GPU's B/s.
    """
    pim, gpu = load_device("pim"), load_device("b200-sxm")
    tie_flop_per_byte = pim.peak_flop_per_s["bf16"] / gpu.memory_bytes_per_s
    asked = scenario(Point(SYSTEM, BATCHES[0], LENGTHS[0]))
    routed, gpus = asked.model.experts, len(asked.topology.devices)
    assert routed is not None
    requests = tie_flop_per_byte * routed.experts / routed.experts_per_token / imbalance
    return requests / gpus
