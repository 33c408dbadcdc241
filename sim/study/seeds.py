"""The same scenario with several seeds: every figure's mean and its confidence interval.

The runs are independent, so the intervals need no batch means and hold however long a run remembers
itself. The warm-up is cut at one place for all runs: where MSER-5 cuts the latencies averaged over
them, request by request in order of arrival, which have the same transient and less noise.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
import pandas as pd

from sim.errors import ScenarioError
from sim.record.intervals import CONFIDENCE, Interval, interval
from sim.record.run_folder import TableFormat, run_folder
from sim.record.steady_state import LATENCIES, answered_in_order, steady_figures
from sim.record.warm_up import FEWEST, mser5
from sim.report.limits import communication_share
from sim.report.run_files import saved_run
from sim.simulation import Run, check
from sim.spec.scenario import Scenario

WarmUpRule = Literal["mser5", "none"]
Figures = dict[str, float | None]
Intervals = dict[str, Interval | None]

_THROUGHPUTS = (
    "request_throughput",
    "request_goodput",
    "output_throughput",
    "total_token_throughput",
)
_STATISTICS = ("mean", "p50", "p99")
_USE = (
    "sim_slo_attainment_share",
    "sim_communication_share",
    "sim_compute_busy_share",
    "sim_fullest_link_share",
    "sim_energy_j_per_output_token",
)


def latency_keys(names: Sequence[str]) -> list[str]:
    """The statistics of these latencies that are shown, by their keys in a summary."""
    return [f"{statistic}_{name}_ms" for name in names for statistic in _STATISTICS]


_WHOLE = (*_THROUGHPUTS, *latency_keys(("ttft", "tpot", "itl", "e2el")), *_USE)
_STEADY = (*_THROUGHPUTS, *latency_keys(tuple(LATENCIES)), "sim_slo_attainment_share")


class WarmUp(NamedTuple):
    """Where the runs were cut."""

    rule: WarmUpRule
    cut_requests: int | None
    """How many of the first answered requests of each run are left out; None: see `why_none`."""
    why_none: str | None = None


class SeedStudy(NamedTuple):
    """What the runs say together."""

    seeds: list[int]
    figures: list[Figures]
    """Of each whole run."""
    whole_run: Intervals
    warm_up: WarmUp
    steady_state: Intervals | None
    """None where nothing was cut."""

    @property
    def is_drawn(self) -> bool:
        """Whether the seed matters at all."""
        return any(one is not None and one.half_width > 0 for one in self.whole_run.values())

    def as_json(self) -> dict[str, Any]:
        """For strict JSON."""
        return {
            "seeds": self.seeds,
            "confidence": CONFIDENCE,
            "whole_run": _as_json(self.whole_run),
            "warm_up": self.warm_up._asdict(),
            "steady_state": None if self.steady_state is None else _as_json(self.steady_state),
        }


def seed_study(
    scenario: Scenario,
    count: int,
    rule: WarmUpRule = "mser5",
    out: Path | None = None,
    table_format: TableFormat | None = None,
    *,
    before_each: Callable[[str], None] = lambda name: None,
    after_each: Callable[[str, Run], None] = lambda name, run: None,
) -> SeedStudy:
    """Run with `count` seeds from the scenario's own on; each run's files go to out/seed-N/."""
    if count < 2:
        raise ScenarioError(f"seeds: {count} gives no interval; write at least 2")
    seeds = [scenario.seed + number for number in range(count)]
    if out is None:
        return _study(scenario, seeds, rule, None, table_format, before_each, after_each)
    with run_folder(out, table_format) as folder:
        study = _study(scenario, seeds, rule, folder.path, table_format, before_each, after_each)
        rows = [{"seed": seed, **of} for seed, of in zip(seeds, study.figures, strict=True)]
        pd.DataFrame(rows).to_csv(folder.path / "summary.csv", index=False, lineterminator="\n")
        folder.write_json("intervals", study.as_json())
    return study


def _study(
    scenario: Scenario,
    seeds: list[int],
    rule: WarmUpRule,
    out: Path | None,
    table_format: TableFormat | None,
    before_each: Callable[[str], None],
    after_each: Callable[[str, Run], None],
) -> SeedStudy:
    figures, requests = [], []
    for seed in seeds:
        before_each(f"seed {seed}")
        own = None if out is None else out / f"seed-{seed}"
        run = saved_run(check(scenario.model_copy(update={"seed": seed})), own, table_format)
        after_each(f"seed {seed}", run)
        figures.append(_figures(run))
        # Not the run, of which the steps may be a thousand times as large.
        requests.append(run.requests)
    warm_up = WarmUp(rule, None) if rule == "none" else _warm_up(requests)
    steady = None
    if warm_up.cut_requests is not None:
        cut = warm_up.cut_requests
        steady = _intervals([steady_figures(of, scenario.slo, cut) for of in requests], _STEADY)
    return SeedStudy(seeds, figures, _intervals(figures, _WHOLE), warm_up, steady)


def _figures(run: Run) -> Figures:
    known = run.summary() | {"sim_communication_share": communication_share(run)}
    return {name: known[name] for name in _WHOLE}


def _intervals(figures: Sequence[Mapping[str, float | None]], names: Sequence[str]) -> Intervals:
    return {name: interval([of[name] for of in figures]) for name in names}


def _warm_up(requests: Sequence[pd.DataFrame]) -> WarmUp:
    """The later of the cuts by time to the first token and by time to the last."""
    if all(len(of) > 1 and of["arrival_s"].nunique() == 1 for of in requests):
        return WarmUp("mser5", None, "all requests arrive at once, and a batch has no steady state")
    answered = [answered_in_order(of) for of in requests]
    shortest = min(len(of) for of in answered)
    if shortest < FEWEST:
        return WarmUp("mser5", None, f"a run has only {shortest} answers, and {FEWEST} are needed")
    cuts = [
        mser5(np.mean([of[column].to_numpy()[:shortest] for of in answered], axis=0))
        for column in ("ttft_s", "e2e_s")
    ]
    found = [cut for cut in cuts if cut is not None]
    if len(found) < len(cuts):
        return WarmUp("mser5", None, "latencies come to no steady state in the first half of a run")
    return WarmUp("mser5", max(found))


def _as_json(intervals: Intervals) -> dict[str, Any]:
    return {name: None if one is None else one._asdict() for name, one in intervals.items()}
