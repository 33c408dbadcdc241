"""Beyond the paper's figures: how to split attention, and what a balanced device is, as frames."""

from collections.abc import Mapping
from math import log
from typing import Any

import pandas as pd

from sim.study.paper.runs import Runs
from sim.study.paper.set_up import Point, capacity, fitting, set_up, system

_THROUGHPUT = "tokens_per_s_per_device"


def parallelism(runs: Runs) -> pd.DataFrame:
    """Attention by data, by tensors, or mixed, of a latent and a grouped cache.

    `over_data`: throughput over that of attention by data alone, with as many requests on as many
    devices; none where these do not fit.
    """
    asked = _asked("parallelism")
    first = asked["variants"][0]
    points = [
        Point(name, batch, length, (variant,))
        for name in asked["systems"]
        for length in asked["lengths"]
        for variant in asked["variants"]
        for batch in asked["batches"]
    ]
    frame = runs.frame(fitting(points))
    frame = frame.assign(variant=frame["variants"].str[0])
    key = ["system", "length", "batch"]
    by_data = frame[frame["variant"] == first].set_index(key)[_THROUGHPUT]
    places = pd.MultiIndex.from_frame(frame[key])
    return frame.assign(over_data=frame[_THROUGHPUT] / by_data.reindex(places).to_numpy())


def balance(runs: Runs) -> pd.DataFrame:
    """Throughput with as many requests as fit, where one resource of a device is scaled.

    `elasticity`: by how many per cent throughput grows with the resource's first per cent, from the
    neighbours on both sides of what there is.
    """
    asked = _asked("balance")
    rows = []
    for length in asked["lengths"]:
        for resource in asked["resources"]:
            for factor in asked["factors"]:
                extra = (_scaled(asked["system"], length, resource, factor),)
                point = Point(asked["system"], 1, length, extra=extra)
                devices = len(system(point).topology.devices)
                # The last step of a run is one token longer than their mean.
                each = capacity(point._replace(length=length + 1)) // devices
                rows.append((resource, factor, point._replace(batch=each)))
    frame = runs.frame(point for _, _, point in rows)
    frame = frame.assign(resource=[row[0] for row in rows], factor=[row[1] for row in rows])
    return pd.concat(
        [with_elasticity(of) for _, of in frame.groupby(["length", "resource"], sort=False)]
    )


def with_elasticity(of: pd.DataFrame) -> pd.DataFrame:
    """Over the logarithms, from one neighbour to the other."""
    by_factor: Mapping[float, float] = dict(zip(of["factor"], of[_THROUGHPUT], strict=True))
    below = max(factor for factor in by_factor if factor < 1)
    above = min(factor for factor in by_factor if factor > 1)
    elasticity = log(by_factor[above] / by_factor[below]) / log(above / below)
    return of.assign(elasticity=elasticity, over_base=of[_THROUGHPUT] / by_factor[1])


def _scaled(name: str, length: int, resource: str, factor: float) -> str:
    """The setting of one resource at so many times what the system has."""
    of = system(Point(name, 1, length)).topology
    device = of.devices[0]
    settings = {
        "compute": (
            "groups.gpu.device.peak_flop_per_s.bf16",
            device.peak_flop_per_s["bf16"],
            "FLOP/s",
        ),
        "memory bandwidth": (
            "groups.gpu.device.memory_bytes_per_s",
            device.memory_bytes_per_s,
            "B/s",
        ),
        "memory capacity": ("groups.gpu.device.memory_bytes", device.memory_bytes, "B"),
        "interconnect": ("links.0.bytes_per_s", of.links[0].bytes_per_s, "B/s"),
    }
    key, value, unit = settings[resource]
    return f"topology.{key}={factor * value:.0f} {unit}"


def _asked(figure: str) -> dict[str, Any]:
    found: dict[str, Any] = set_up()["figures"][figure]
    return found
