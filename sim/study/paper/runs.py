"""Runs of operating points: each is simulated once, several at a time, and kept as a row."""

import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager

import pandas as pd

from sim.errors import SimulationError
from sim.report.limits import communication_share
from sim.serving.step_plan import KINDS
from sim.simulation import Run, check, simulate
from sim.study.paper.bound import tpot_bound_s
from sim.study.paper.set_up import Point, scenario

Row = dict[str, float]


def measured(point: Point) -> Row:
    """What one run shows, from its frames: seconds are of a step, on average."""
    return _row(point, simulate(check(scenario(point))))


def _row(point: Point, run: Run) -> Row:
    steps, asked = run.steps, run.scenario
    assert asked.workload.requests is not None
    running = steps["sequences"].sum() / steps["step"].nunique()
    if running != asked.workload.requests or (steps["kind"] != "decode").any():
        raise SimulationError(f"{point}: not all of its requests decode at once")
    step_s = float((steps["end_s"] - steps["start_s"]).mean())
    devices = len(asked.topology.devices)
    of_kinds = {f"{kind}_s": float(steps[f"{kind}_s"].mean()) for kind in KINDS}
    share = communication_share(run)
    assert share is not None
    memory = run.deployed.replicas[0].footprint
    tokens = float(point.batch * asked.deployment.pools[0].attention.tp * point.length)
    return {
        "step_s": step_s,
        "tpot_s": float(run.requests["tpot_s"].mean()),
        "tokens_per_s_per_device": steps["output_tokens"].sum() / run.recorder.elapsed_s / devices,
        **of_kinds,
        "wait_s": float(steps["wait_s"].mean()),
        "communication_share": share,
        "usable_bytes": memory.usable_bytes,
        "weights_bytes": memory.weights_bytes,
        "kv_bytes": tokens * memory.kv_bytes_per_token,
        **_bound(run, point),
        **_of_experts(run),
        **_of_measurements(run),
    }


def _bound(run: Run, point: Point) -> Row:
    """None is known where devices are of two kinds, or tokens share a copy."""
    asked = run.scenario
    shares_copies = asked.model.experts is not None and asked.experts.dispatch != "per-expert"
    if len(run.deployed.replicas[0].layout.places) > 1 or shares_copies:
        return {}
    return {"bound_s": tpot_bound_s(run.scenario, point.batch, float(point.length))}


def _of_experts(run: Run) -> Row:
    """How uneven each step's devices are, and what a run sent to an expert; none if dense."""
    experts = run.experts
    if experts.empty:
        return {}
    by_layer = experts.groupby("layer")
    steps, requests = run.steps["step"].nunique(), run.scenario.workload.requests
    assert requests is not None
    return {
        "imbalance": float(by_layer["step_imbalance"].first().mean()),
        "touched_share": float((experts["tokens"] > 0).mean()),
        "tokens_an_expert_a_request": float(experts["tokens"].mean()) / steps / requests,
    }


def _of_measurements(run: Run) -> Row:
    """How much of the time measured kernels and links priced; none by an engine without any."""
    found = run.measured_share
    if not run.scenario.engine.profile.calibrations or found is None:
        return {}
    return {"measured_share": float(found.inside)}


class Runs:
    """All runs of a study; equal points are one."""

    def __init__(self, apply_to_each: Callable[..., Iterable[Row]] = map) -> None:
        """`apply_to_each` is like the built-in `map`, perhaps on several cores."""
        self.apply_to_each = apply_to_each
        self._known: dict[Point, Row] = {}

    def frame(self, points: Iterable[Point]) -> pd.DataFrame:
        """A row a point: what it is, and what its run showed."""
        asked = list(points)
        # The widest take longest and come first, so that no core is left alone with one.
        new = sorted(dict.fromkeys(one for one in asked if one not in self._known), key=_size)
        self._known.update(zip(new, self.apply_to_each(measured, new), strict=True))
        return pd.DataFrame([{**one._asdict(), **self._known[one]} for one in asked])

    def all(self) -> pd.DataFrame:
        """Every point so far."""
        return self.frame(self._known)


@contextmanager
def parallel_runs() -> Iterator[Runs]:
    """On every core that this process may use."""
    with ProcessPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        yield Runs(pool.map)


def _size(point: Point) -> tuple[bool, int]:
    return not any("256" in name for name in point.variants), -point.batch
