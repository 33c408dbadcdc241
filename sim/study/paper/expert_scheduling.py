"""How much throughput it recovers to place, copy and move experts, under skewed popularity.

DeepSeek-R1 on 32 B200 on one switch, the ideal engine, BF16: every device decodes 256 sequences.
Only steps that decode count. Popularity stays in the first frame; in the second it drifts, and
experts follow it. Each rebalancing's transfer is part of the step before which it happens; whole
cycles are looked at, from one rebalancing to just before another, once the first has been.

    python -m sim.study.paper.expert_scheduling results/paper
"""

import sys
from collections.abc import Mapping
from concurrent.futures import Executor, ProcessPoolExecutor
from itertools import product
from pathlib import Path
from typing import Any

import pandas as pd

from sim.catalog.load import load_scenario
from sim.report.paper_expert_scheduling import draw_expert_scheduling
from sim.simulation import simulate

SEQUENCES_A_DEVICE, DEVICES, PROMPT_TOKENS = 256, 32, 1024
CYCLE_STEPS, CYCLES = 100, 2
LONGEST_STEPS = 400
DRIFT = {"every_steps": 170, "swapped_share": 0.3}
"""No interval divides it, else experts would always move just as popularity changes."""
COPIES = 32

ZIPF = {f"Zipf {s:g}": {"kind": "zipf", "exponent": s} for s in (0.0, 0.2, 0.4, 0.6, 0.8)}
MEASURED = {"kind": "lognormal", "sigma": 1.05}
"""TensorRT-LLM's blog 4: DeepSeek-R1's spread of experts on 32 devices, machine translation."""
POPULARITIES: Mapping[str, Mapping[str, Any]] = {**ZIPF, "measured": MEASURED}

_REBALANCED = {"redundant_experts": COPIES, "rebalance": {"every_steps": CYCLE_STEPS}}
PLACEMENTS: Mapping[str, Mapping[str, Any]] = {
    "contiguous": {"placement": "contiguous"},
    "strided": {"placement": "strided"},
    "random": {"placement": "random"},
    "balanced": {"placement": "balanced"},
    "32 copies": {"placement": "balanced", "redundant_experts": COPIES},
    "32 copies, rebalanced": _REBALANCED,
}
INTERVALS_STEPS = (25, 50, 100, 200, 400)


def decode_figures(experts: Mapping[str, Any], first_step: int, steps: int) -> dict[str, float]:
    """What so many steps of decoding come to, of these `experts` of a scenario."""
    run = simulate(_scenario(experts, first_step + steps))
    found = run.steps.set_index("step").loc[first_step : first_step + steps - 1]
    assert (found["kind"] == "decode").all()
    elapsed_s = float((found["end_s"] - found["start_s"]).sum())
    return {
        "tokens_per_s_per_device": float(found["output_tokens"].sum()) / elapsed_s / DEVICES,
        "step_s": elapsed_s / steps,
        "rebalancing_share": float(found["collective_s"].sum()) / elapsed_s,
    }


def _scenario(experts: Mapping[str, Any], steps: int) -> Any:
    requests = SEQUENCES_A_DEVICE * DEVICES
    return load_scenario(
        {
            "model": "deepseek-r1",
            "topology": "switched-32",
            "deployment": {"pools": [{"attention": {"dp": DEVICES}, "experts": {"ep": DEVICES}}]},
            "engine": {
                "profile": "ideal",
                "max_sequences": SEQUENCES_A_DEVICE,
                "max_step_tokens": 16384,
                "memory_share": 1.0,
            },
            "experts": dict(experts),
            "workload": {
                "arrivals": {"kind": "closed-loop", "concurrency": requests},
                "requests": requests,
                "prompt_tokens": PROMPT_TOKENS,
                "output_tokens": steps,
            },
        }
    )


def placements_frame(pool: Executor) -> pd.DataFrame:
    """A row for each popularity and placement, with the part of the loss that it recovers.

    The loss is that of contiguous placement against uniform popularity.
    """
    cases = list(product(POPULARITIES, PLACEMENTS))
    found = pool.map(_placed, *zip(*cases, strict=True))
    rows = [
        {"popularity": popularity, "placement": placement} | figures
        for (popularity, placement), figures in zip(cases, found, strict=True)
    ]
    frame = pd.DataFrame(rows)
    speed = frame.set_index(["popularity", "placement"])["tokens_per_s_per_device"]
    uniform = speed["Zipf 0", "contiguous"]
    worst = frame["popularity"].map(speed.xs("contiguous", level="placement"))
    lost = uniform - worst
    frame["recovered_share"] = (frame["tokens_per_s_per_device"] - worst) / lost.where(lost > 0)
    return frame


def intervals_frame(pool: Executor) -> pd.DataFrame:
    """A row for each interval of rebalancing, under the measured skew as it drifts."""
    intervals = (0, *INTERVALS_STEPS)
    rows = [
        {"every_steps": steps} | figures
        for steps, figures in zip(intervals, pool.map(_rebalanced, intervals), strict=True)
    ]
    frame = pd.DataFrame(rows)
    steps = frame["every_steps"].astype("Int64")
    return frame.assign(every_steps=steps.mask(steps == 0))


def _placed(popularity: str, placement: str) -> dict[str, float]:
    experts = {"popularity": POPULARITIES[popularity], **PLACEMENTS[placement]}
    moves = "rebalance" in experts
    return decode_figures(experts, CYCLE_STEPS, CYCLES * CYCLE_STEPS if moves else CYCLE_STEPS // 5)


def _rebalanced(every_steps: int) -> dict[str, float]:
    """Under the measured skew as it drifts; never for 0."""
    experts: dict[str, Any] = {
        "popularity": MEASURED,
        "drift": DRIFT,
        "placement": "balanced",
        "redundant_experts": COPIES,
        "rebalance": {"every_steps": every_steps or None},
    }
    return decode_figures(experts, LONGEST_STEPS, 2 * LONGEST_STEPS)


def save(folder: Path) -> None:
    """Write both frames and the picture; what is there of them is written anew."""
    with ProcessPoolExecutor() as pool:
        placements, intervals = placements_frame(pool), intervals_frame(pool)
    both = pd.concat([placements.assign(study="placements"), intervals.assign(study="intervals")])
    folder.mkdir(parents=True, exist_ok=True)
    both.insert(0, "study", both.pop("study"))
    both.to_csv(folder / "expert_scheduling.csv", index=False, float_format="%.6g")
    draw_expert_scheduling(folder / "expert_scheduling", placements, intervals)


if __name__ == "__main__":
    save(Path(sys.argv[1]))
