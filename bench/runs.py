"""Simulations and what they took: from the first request to the last, or a window of steps.

Reading, checking and laying out a scenario is timed apart, and so is its summary.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import sim
from bench.clocks import Spent, peak_bytes, spent
from bench.workloads import SCENARIOS, Run, Window
from sim.serving.phase_order import program

_SHORT_TOKENS = 32
"""Answers of the shorter batch: more steps than its prompts take."""
_OFTEN = 3
"""A single time may have been disturbed; the shortest of so many was least."""


@dataclass(frozen=True, slots=True)
class Figures:
    """A simulation, or the difference of two."""

    spent: Spent
    setup_s: float
    """CPU time until it can start."""
    summary_s: float
    """CPU time of its summary."""
    peak_bytes: int
    """Of the process, at the end of the simulation."""
    requests: int
    """That finished."""
    steps: int
    phases: int
    """Of these steps, also where they are not played one by one."""
    simulated_s: float


def run_figures(asked: Run, requests: int, trace: Path | None = None) -> Figures:
    """One run with so many requests; those of the trace, where there is one."""
    settings = [*asked.set, f"workload.requests={requests}"]
    if trace is not None:
        replayed = json.dumps({"trace": str(trace), "limit": requests})
        settings = [*asked.set, f"workload={replayed}"]
    return _simulated(asked.scenario, settings)


def window_figures(
    asked: Window, sequences_per_rank: int, steps: int, *, often: int = _OFTEN
) -> Figures:
    """What so many decoding steps of a closed batch take, in which nothing arrives or ends.

    Two batches differ only in that every answer of the second has so many more tokens. What comes
    before these steps and after them is the same for both, and goes out of the difference. Each
    batch is simulated so `often`.
    """
    short = _closed_batch(asked, sequences_per_rank, _SHORT_TOKENS, often)
    long = _closed_batch(asked, sequences_per_rank, _SHORT_TOKENS + steps, often)
    window = Figures(
        spent=Spent(
            long.spent.wall_s - short.spent.wall_s,
            long.spent.cpu_s - short.spent.cpu_s,
        ),
        setup_s=long.setup_s,
        summary_s=long.summary_s,
        peak_bytes=long.peak_bytes,
        requests=0,
        steps=long.steps - short.steps,
        phases=long.phases - short.phases,
        simulated_s=long.simulated_s - short.simulated_s,
    )
    if short.requests != long.requests or window.steps % steps:
        raise sim.SimulationError(
            f"the longer batch took {window.steps} steps more, not {steps} on each replica: "
            "something else happened in the window"
        )
    return window


def _closed_batch(
    asked: Window, sequences_per_rank: int, output_tokens: int, often: int
) -> Figures:
    pools = sim.load_scenario(str(SCENARIOS / asked.scenario), asked.set).deployment.pools
    ranks = sum(pool.replicas * pool.attention.dp for pool in pools)
    settings = [
        *asked.set,
        f"engine.max_sequences={sequences_per_rank}",
        f"workload.requests={ranks * sequences_per_rank}",
        f"workload.output_tokens={output_tokens}",
    ]
    runs = [_simulated(asked.scenario, settings) for _ in range(often)]
    return replace(
        runs[0],
        spent=Spent(min(run.spent.wall_s for run in runs), min(run.spent.cpu_s for run in runs)),
    )


def _simulated(scenario: str, settings: Sequence[str]) -> Figures:
    path = str(SCENARIOS / scenario)
    deployed, setup = spent(lambda: sim.check(sim.load_scenario(path, settings)))
    run, simulation = spent(lambda: sim.simulate(deployed))
    most_bytes = peak_bytes()
    summary, summing = spent(run.summary)
    steps_of = run.steps.groupby(["pool", "replica"])["steps"].sum()
    replicas = [one.layout for one in deployed.replicas]
    return Figures(
        spent=simulation,
        setup_s=setup.cpu_s,
        summary_s=summing.cpu_s,
        peak_bytes=most_bytes,
        requests=summary["completed"],
        steps=int(steps_of.sum()),
        phases=sum(
            int(steps_of.get((one.pool.name, one.number), 0))
            * len(program(run.scenario, one).phases)
            for one in replicas
        ),
        simulated_s=run.recorder.elapsed_s,
    )
