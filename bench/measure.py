"""Measures one workload and prints its line; run by `python -m bench` in a process of its own."""

import json
import math
import resource
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from bench.clocks import peak_bytes, timeouts_per_s
from bench.runs import Figures, run_figures, window_figures
from bench.workloads import Flat, Linear, Run, Start, Window, workloads
from sim.errors import ScenarioError

Line = dict[str, Any]
"""Figures by name, as they stand in results.jsonl."""

_LEAST_STEPS, _LEAST_REQUESTS = 10, 10


class Job(NamedTuple):
    """What is asked of this process."""

    name: str
    scale: float
    """Share of the workload's requests, sequences and steps."""
    most: int | None
    """Sizes of `linear` above this are left out."""
    azure: str | None
    """The file of that trace."""


def measured(job: Job) -> Line:
    """The figures of one workload."""
    before = timeouts_per_s()
    line = _line(job)
    line["timeouts_per_s"] = statistics.mean([before, timeouts_per_s()])
    cpu_s = line.get("cpu_s")
    if line.get("requests"):
        line["timeouts_per_request"] = cpu_s * line["timeouts_per_s"] / line["requests"]
    if line.get("phases_per_s"):
        line["phases_per_timeout"] = line["phases_per_s"] / line["timeouts_per_s"]
    return line


def _line(job: Job) -> Line:
    match workloads()[job.name].measure:
        case Run() as asked:
            return _run(asked, job)
        case Window() as asked:
            sequences = _scaled(asked.sequences_per_rank, job.scale, 1)
            return _of(window_figures(asked, sequences, _steps(asked.steps, job)))
        case Linear() as asked:
            return _linear(asked, job)
        case Flat() as asked:
            return _flat(asked, job)
        case Start() as asked:
            return _start(asked, job)


def _run(asked: Run, job: Job) -> Line:
    replayed = Path(job.azure) if asked.replays == "azure" and job.azure else None
    figures = run_figures(asked, _scaled(asked.requests, job.scale, _LEAST_REQUESTS), replayed)
    origin = {"trace": asked.replays if replayed else "synthetic"} if asked.replays else {}
    return {**origin, **_of(figures)}


def _linear(asked: Linear, job: Job) -> Line:
    sizes = [_scaled(size, job.scale, _LEAST_REQUESTS) for size in asked.requests]
    sizes = [size for size in sizes if job.most is None or size <= job.most]
    one = Run(scenario=asked.scenario, set=asked.set, requests=max(sizes))
    cpu_s = [run_figures(one, size).spent.cpu_s for size in sizes]
    return {
        "sizes": sizes,
        "cpu_s_by_size": cpu_s,
        "exponent": float(np.polyfit(np.log(sizes), np.log(cpu_s), 1)[0]),
        "peak_bytes": peak_bytes(),
    }


def _flat(asked: Flat, job: Job) -> Line:
    sizes = [_scaled(size, job.scale, 1) for size in asked.sequences_per_rank]
    steps = _steps(asked.steps, job)
    batch = Window(scenario=asked.scenario, set=asked.set, sequences_per_rank=1, steps=steps)
    windows = [window_figures(batch, size, steps) for size in sizes]
    cpu_s = [window.spent.cpu_s / window.steps for window in windows]
    return {
        "sizes": sizes,
        "cpu_s_per_step": cpu_s,
        "largest_over_smallest": max(cpu_s) / min(cpu_s),
        "peak_bytes": peak_bytes(),
    }


def _start(asked: Start, job: Job) -> Line:
    times = _scaled(asked.times, job.scale, 1)
    return {
        "import_s": _command_s(["-c", "import sim"], times),
        "import_simulate_s": _command_s(["-c", "import sim; sim.simulate"], times),
        "help_s": _command_s(["-m", "sim.cli", "--help"], times),
    }


def _command_s(words: list[str], times: int) -> float:
    """CPU time of a fresh interpreter that does this, a median."""
    took_s = []
    for _ in range(times):
        before_s = _children_s()
        subprocess.run([sys.executable, *words], check=True, capture_output=True)
        took_s.append(_children_s() - before_s)
    return statistics.median(took_s)


def _children_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _of(figures: Figures) -> Line:
    wall_s, cpu_s = figures.spent
    requests = {}
    if figures.requests:
        requests = {"requests": figures.requests, "requests_per_s": figures.requests / cpu_s}
    return {
        "wall_s": wall_s,
        "cpu_s": cpu_s,
        "peak_bytes": figures.peak_bytes,
        "simulated_s": figures.simulated_s,
        "simulated_over_wall": figures.simulated_s / wall_s,
        "simulated_over_cpu": figures.simulated_s / cpu_s,
        **requests,
        "steps": figures.steps,
        "steps_per_s": figures.steps / cpu_s,
        "phases_per_s": figures.phases / cpu_s,
        "setup_s": figures.setup_s,
        "summary_s": figures.summary_s,
    }


def _steps(steps: int, job: Job) -> int:
    return _scaled(steps, job.scale, _LEAST_STEPS)


def _scaled(count: int, scale: float, least: int) -> int:
    return max(math.ceil(count * scale), min(least, count))


if __name__ == "__main__":
    try:
        sys.stdout.write(json.dumps(measured(Job(*json.loads(sys.argv[1])))) + "\n")
    except ScenarioError as problem:
        sys.exit(str(problem))
