"""Figures 3, 6 and 8: attention and the other operators of a step, as frames.

Times of attention are those of runs; which kernel takes how much of them is said by the prices of
the same step, kernel by kernel.
"""

from typing import Any

import pandas as pd

from sim.simulation import check
from sim.study.dry_run import dry_run
from sim.study.operator_prices import OperatorPrice
from sim.study.paper.runs import Runs
from sim.study.paper.set_up import Point, fits, scenario, set_up

REORDERED, NOT_REORDERED = ("reordered",), ("not reordered",)


def kernels(point: Point) -> dict[str, OperatorPrice]:
    """Every kernel of the step of a point, on one device, over all layers."""
    pools = dry_run(check(scenario(point))).steps
    [of_pool] = pools.values()
    return {one.operator: one for one in of_pool[0].prices}


def fig3(runs: Runs) -> pd.DataFrame:
    """Intensity and speed of the operators of three systems."""
    asked = set_up()["figures"]["fig3"]
    rows = [
        {"system": name, "way": way[0] if way else "", **one._asdict()}
        for name, batch in asked["batches"].items()
        for way in ([REORDERED, NOT_REORDERED] if name == "deepseek-r1" else [()])
        for one in kernels(Point(name, batch, asked["length"], way)).values()
        if one.work_flop
    ]
    frame = pd.DataFrame(rows)
    device = scenario(Point("deepseek-r1", 1, asked["length"])).topology.devices[0]
    return frame.assign(
        length=asked["length"],
        flop_per_s=frame["work_flop"] / frame["time_s"],
        peak_flop_per_s=device.peak_flop_per_s["bf16"],
        memory_bytes_per_s=device.memory_bytes_per_s,
    )


def fig6(runs: Runs) -> pd.DataFrame:
    """Seconds of attention in a layer with and without reordering, and how they split.

    `fits`: also what is decompressed has room.
    """
    asked = set_up()["figures"]["fig6"]
    points = [
        Point(asked["system"], batch, length, way)
        for way in (REORDERED, NOT_REORDERED)
        for length in asked["lengths"]
        for batch in asked["batches"]
        if fits(Point(asked["system"], batch, length))
    ]
    frame = runs.frame(points)
    layers = scenario(points[0]).model.layers
    of_points = pd.DataFrame([shares(one) for one in points])
    at = (asked["breakdown"]["length"], asked["breakdown"]["batch"])
    return pd.concat(
        [
            frame.assign(
                way=[point.variants[0] for point in points],
                layer_s=frame["attention_s"] / layers,
                fits=[fits(point) for point in points],
                is_broken_down=[(point.length, point.batch) == at for point in points],
            ),
            of_points,
        ],
        axis=1,
    )


def fig8(runs: Runs) -> pd.DataFrame:
    """Seconds of attention in a layer against the devices that share a rank, at a fixed batch."""
    asked = set_up()["figures"]["fig8"]
    points, degrees = [], []
    for way in (REORDERED, NOT_REORDERED):
        for variant in asked["variants"]:
            degree = int(variant.removeprefix("tp "))
            degrees.append(degree)
            points.append(
                Point(asked["system"], asked["batch"] // degree, asked["length"], (*way, variant))
            )
    frame = runs.frame(points)
    layers = scenario(points[0]).model.layers
    return frame.assign(
        way=[point.variants[0] for point in points],
        tp=degrees,
        layer_s=frame["attention_s"] / layers,
        collective_layer_s=frame["collective_s"] / layers,
    )


def shares(point: Point) -> dict[str, Any]:
    """Of the time of attention: decompression, the core, and all projections."""
    parts = [one for one in kernels(point).values() if one.part == "attention"]
    whole_s = sum(one.time_s for one in parts)
    of = {one.operator: one.time_s / whole_s for one in parts}
    decompression, core = of.get("decode decompression", 0.0), of["decode core"]
    return {
        "decompression_share": decompression,
        "core_share": core,
        "rest_share": 1 - decompression - core,
    }
