"""Figures 2, 4, 9 to 13: whole systems, as frames; what they ask for stands in set_up.yaml."""

from collections.abc import Callable
from typing import Any

import pandas as pd

from sim.study.paper.attention_accelerator import attention_accelerator
from sim.study.paper.beyond import balance, parallelism
from sim.study.paper.calibrated import calibrated
from sim.study.paper.expert_scheduling import expert_scheduling
from sim.study.paper.networks import networks
from sim.study.paper.operators_of_a_step import fig3, fig6, fig8
from sim.study.paper.pim_experts import fig14
from sim.study.paper.runs import Runs
from sim.study.paper.set_up import Point, expert_bytes, fitting, set_up, system

Figure = Callable[[Runs], pd.DataFrame]


def fig2(runs: Runs) -> pd.DataFrame:
    """Time per token and throughput against length and batch."""
    asked = _asked("fig2")
    return runs.frame(
        fitting(
            [
                Point(asked["system"], b, length)
                for length in asked["lengths"]
                for b in asked["batches"]
            ]
        )
    )


def fig4(runs: Runs) -> pd.DataFrame:
    """Memory of a device: weights that lie there, weights that a step touches, keys and values."""
    asked = _asked("fig4")
    points = [
        Point(asked["system"], batch, asked["length"], extra=("workload.output_tokens=1",))
        for batch in asked["batches"]
    ]
    frame = runs.frame(fitting(points))
    missed_bytes = (1 - frame["touched_share"]) * expert_bytes(system(points[0]))
    return frame.assign(touched_bytes=frame["weights_bytes"] - missed_bytes)


def fig9(runs: Runs) -> pd.DataFrame:
    """Throughput against time per token, of three systems."""
    asked = _asked("fig9")
    return runs.frame(
        fitting(
            [
                Point(name, batch, length)
                for length in asked["lengths"]
                for name, batches in asked["batches"].items()
                for batch in batches
            ]
        )
    )


def fig10(runs: Runs) -> pd.DataFrame:
    """Where a step's time goes over InfiniBand and over NVLink."""
    asked = _asked("fig10")
    return _varied(runs, asked, [asked["length"]])


def fig11(runs: Runs) -> pd.DataFrame:
    """One instance on 256 devices at three bandwidths, against eight on 32.

    The eight share no link, so one of them is run.
    """
    asked = _asked("fig11")
    return _varied(runs, asked, asked["lengths"])


def fig12(runs: Runs) -> pd.DataFrame:
    """Throughput on 32 devices against the skew of the experts' popularity."""
    asked = _asked("fig12")
    return runs.frame(
        fitting(
            [
                Point(asked["system"], batch, asked["length"], skew=skew)
                for batch in asked["batches"]
                for skew in asked["skews"]
            ]
        )
    )


def fig13(runs: Runs) -> pd.DataFrame:
    """Throughput of 256 devices and of 32 against skew."""
    asked = _asked("fig13")
    return runs.frame(
        Point(asked["system"], asked["batch"], asked["length"], (variant,), skew)
        for variant in asked["variants"]
        for skew in asked["skews"]
    )


FIGURES: dict[str, Figure] = {
    "fig2": fig2,
    "fig3": fig3,
    "fig4": fig4,
    "fig6": fig6,
    "fig8": fig8,
    "fig9": fig9,
    "fig10": fig10,
    "fig11": fig11,
    "fig12": fig12,
    "fig13": fig13,
    "fig14": fig14,
    "parallelism": parallelism,
    "balance": balance,
    "attention_accelerator": attention_accelerator,
    "expert_scheduling": expert_scheduling,
    "networks": networks,
    "calibrated": calibrated,
}
"""By name."""

ONLY_BY_NAME = ("expert_scheduling", "networks", "calibrated")
"""Those that take long and leave the paper's set-up: made when they are asked for."""


def _asked(figure: str) -> dict[str, Any]:
    found: dict[str, Any] = set_up()["figures"][figure]
    return found


def _varied(runs: Runs, asked: dict[str, Any], lengths: list[int]) -> pd.DataFrame:
    return runs.frame(
        fitting(
            [
                Point(asked["system"], batch, length, (variant,))
                for length in lengths
                for variant in asked["variants"]
                for batch in asked["batches"]
            ]
        )
    )
