"""What limits a run: where steps spend their time, which links are full, how even experts are."""

from typing import Any

from sim.serving.step_plan import KINDS
from sim.simulation import Run

Rows = list[dict[str, Any]]

FULLEST_LINKS = 3
"""So many are shown."""

_ROUNDING = 1e-9
"""Of the whole: less than this part of it is what sums and differences leave over."""


def step_rows(run: Run) -> Rows:
    """The time of all steps by kind of phase; none where steps were not recorded.

    `waiting` is inside the kinds above it: what devices wait there for slower ones, on average.
    """
    steps = run.steps
    whole_s = float((steps["end_s"] - steps["start_s"]).sum())
    if not whole_s:
        return []
    spent_s: dict[str, float] = {kind: float(steps[f"{kind}_s"].sum()) for kind in KINDS}
    spent_s["of these, waiting"] = float(steps["wait_s"].sum())
    return [
        {"step_time": kind, "time_s": took_s, "time_share": took_s / whole_s}
        for kind, took_s in spent_s.items()
        if took_s > _ROUNDING * whole_s
    ]


def communication_share(run: Run) -> float | None:
    """The part of all steps in which devices communicated; None where there was no step."""
    devices = run.devices[run.devices["pool"].notna()]
    busy_s = float(devices["communication_busy_s"].sum())
    stepping_s = busy_s + float(devices["communication_idle_compute_s"].sum())
    return busy_s / stepping_s if stepping_s else None


def link_rows(run: Run, most: int = FULLEST_LINKS) -> Rows:
    """The links that carried the largest part of what they could have carried."""
    used = run.links[run.links["bytes"] > 0]
    fullest = used.nlargest(most, "utilization_share")
    columns = ["link", "kind", "capacity_bytes_per_s", "utilization_share", "busy_share"]
    return [dict(row) for _, row in fullest[[*columns, "full_share", "contended_s"]].iterrows()]


def imbalance_rows(run: Run) -> Rows:
    """How uneven the experts' devices were in each step, by replica; none without experts.

    1 is even: the tokens of a layer's fullest device over the mean of its devices.
    """
    if run.experts.empty:
        return []
    by_layer = run.experts.groupby(["pool", "replica", "layer"])["step_imbalance"].first()
    of_replicas = by_layer.groupby(["pool", "replica"])
    return [
        {"pool": pool, "replica": int(replica), "mean": float(mean), "worst_layer": float(worst)}
        for (pool, replica), mean, worst in zip(
            of_replicas.mean().index, of_replicas.mean(), of_replicas.max(), strict=True
        )
    ]
