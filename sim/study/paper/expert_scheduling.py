"""How much throughput it recovers to place, copy and move experts, under skewed popularity.

DeepSeek-R1 on 32 B200 on one switch, the ideal engine, BF16: every device decodes 256 sequences.
Only steps that decode count. Popularity stays in the first frame; in the second it drifts, and
experts follow it. Each rebalancing's transfer is part of the step before which it happens; whole
cycles are looked at, from one rebalancing to just before another, once the first has been.
"""

from collections.abc import Mapping
from itertools import product
from typing import Any

import pandas as pd

from sim.catalog.load import load_scenario
from sim.simulation import simulate
from sim.study.paper.runs import Runs

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


def expert_scheduling(runs: Runs) -> pd.DataFrame:
    """Both of the frames below; `study` says which a row is of."""
    placements, intervals = placements_frame(runs), intervals_frame(runs)
    both = pd.concat([placements.assign(study="placements"), intervals.assign(study="intervals")])
    both.insert(0, "study", both.pop("study"))
    return both


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


def placements_frame(runs: Runs) -> pd.DataFrame:
    """A row for each popularity and placement, with the part of the loss that it recovers.

    The loss is that of contiguous placement against uniform popularity.
    """
    cases = list(product(POPULARITIES, PLACEMENTS))
    found = runs.apply_to_each(_placed, *zip(*cases, strict=True))
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


def intervals_frame(runs: Runs) -> pd.DataFrame:
    """A row for each interval of rebalancing, under the measured skew as it drifts."""
    intervals = (0, *INTERVALS_STEPS)
    found = runs.apply_to_each(_rebalanced, intervals)
    rows = [
        {"every_steps": steps} | figures for steps, figures in zip(intervals, found, strict=True)
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
