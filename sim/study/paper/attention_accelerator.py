"""Where special hardware for attention still pays: cores and cache on accelerators, or on GPUs.

Two questions for each model, length and batch. `step_gain`: how much shorter is a decode step when
32 GPUs get 32 accelerators beside them? `device_gain`: 64 devices serve the same users either as
two groups of 32 GPUs or as 32 GPUs and 32 accelerators, on whose GPUs then twice as many meet: how
much shorter is the step, and so how many more tokens does a device bring forth? The accelerator is
that of figure 14; 32 further GPUs in its place show what is won by the separation alone.
"""

from itertools import product

import pandas as pd

from sim.study.paper.runs import Runs
from sim.study.paper.set_up import Point
from sim.study.paper.two_kinds import WAYS, Way, has_room, settings

SYSTEMS = ("gpt-3-175b", "llama-4-maverick", "deepseek-r1")
"""Multi-head, grouped and latent attention."""
LENGTHS = (1024, 2048, 4096, 8192, 16384, 32768, 65536)
BATCHES = (1, 2, 4, 8, 16, 32, 64, 128, 256)
"""Requests a GPU."""

_KEPT = (
    *("system", "length", "batch", "way", "step_s", "attention_s", "collective_s", "dense_s"),
    *("experts_s", "dispatch_s", "combine_s", "tokens_per_s_per_device"),
)


def attention_accelerator(runs: Runs) -> pd.DataFrame:
    """A row for each system, length, batch and way that has room, with its gains over GPUs alone.

    A gain is missing where GPUs alone have no room for the same.
    """
    asked = product(WAYS, SYSTEMS, LENGTHS, BATCHES)
    points = [(way, _point(way, name, length, b)) for way, name, length, b in asked]
    found = [(way, point) for way, point in points if has_room(point)]
    frame = runs.frame(point for _, point in found)
    frame["way"] = [way for way, _ in found]
    frame = frame[[column for column in _KEPT if column in frame]]
    return _with_gains(frame)


def best(frame: pd.DataFrame) -> pd.DataFrame:
    """By system and length, the most tokens a second of a device that each way reaches at all."""
    keys = ["system", "length", "way"]
    most = frame.groupby(keys)["tokens_per_s_per_device"].max().unstack("way")
    return most.reindex(columns=list(WAYS)).reset_index()


def _point(way: Way, system: str, length: int, batch: int) -> Point:
    latent = ("engine.mla=absorbed",) if system == "deepseek-r1" else ()
    return Point(system, batch, length, extra=(*latent, *settings(way, "attention.core_on")))


def _with_gains(frame: pd.DataFrame) -> pd.DataFrame:
    alone = frame[frame["way"] == "GPUs"].set_index(["system", "length", "batch"])["step_s"]

    def gain(gpu_batch: pd.Series) -> list[float]:
        keys = zip(frame["system"], frame["length"], gpu_batch, strict=True)
        gains: list[float] = (alone.reindex(list(keys)).to_numpy() / frame["step_s"]).tolist()
        return gains

    # Of 64 devices, those that are GPUs alone have half as many users each.
    same_users = frame["batch"].where(frame["way"] == "GPUs", frame["batch"] / 2)
    return frame.assign(step_gain=gain(frame["batch"]), device_gain=gain(same_users))
