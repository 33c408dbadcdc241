"""A run's summary as tables: what came out, and what held it back."""

from collections.abc import Iterator
from typing import Any

from rich.console import RenderableType

from sim.report.limits import imbalance_rows, link_rows, step_rows
from sim.report.tables import figures, table
from sim.simulation import Run

_OUTCOMES = {
    "completed": "completed",
    "failed": "failed",
    "sim_rejected": "of_these,_prompts_larger_than_the_cache",
    "sim_unfinished": "unfinished",
    "sim_preemptions": "preemptions",
    "duration": "duration_s",
    "request_throughput": "requests_per_s",
    "output_throughput": "output_tokens_per_s",
    "sim_output_throughput_per_device": "output_tokens_of_a_device_per_s",
    "max_concurrent_requests": "requests_at_a_time_(most)",
    "sim_slo_attainment_share": "within_the_SLO_share",
    "sim_compute_busy_share": "devices_computing_share",
    "sim_communication_busy_share": "devices_communicating_share",
    "sim_measured_share": "priced_by_measurements_share",
    "sim_energy_j_per_output_token": "energy_of_an_output_token_j",
}
"""Keys of the summary that are shown, by the names under which they are."""

_WORTH_A_ROW = 0.01
_LATENCIES = ("ttft", "tpot", "itl", "e2el")
_STATISTICS = ("mean", "p50", "p90", "p99")


def run_tables(run: Run) -> Iterator[RenderableType]:
    """What `moesim run` shows."""
    summary = run.summary()
    scenario = run.scenario
    title = f"{scenario.model.name} on {scenario.topology.name}"
    yield figures(title, {name: summary[key] for key, name in _OUTCOMES.items()})
    yield table("Latency", [_latency(summary, name) for name in _LATENCIES])
    unmeasured = [
        {"not_measured": kind, "time_share": share}
        for kind, share in summary["sim_unmeasured_shares"].items()
        if share >= _WORTH_A_ROW
    ]
    if summary["sim_measured_share"]:
        yield table("Priced by constants, or beyond the sizes that were measured", unmeasured)
    limits = {
        "Where steps spend their time": step_rows(run),
        "Fullest links (utilization: of what they could have carried in the whole run)": link_rows(
            run
        ),
        "Movements beside serving": _movement_rows(run),
        "Imbalance of experts (fullest device over mean, of each step)": imbalance_rows(run),
    }
    for title, rows in limits.items():
        if rows:
            yield table(title, rows)


def _latency(summary: dict[str, Any], name: str) -> dict[str, Any]:
    return {"latency": name} | {
        f"{statistic}_ms": summary[f"{statistic}_{name}_ms"] for statistic in _STATISTICS
    }


def _movement_rows(run: Run) -> list[dict[str, Any]]:
    """By name: how often it began and ended, and the means of how long it took and takes alone."""
    return [
        {
            "movement": name,
            "began": len(rows),
            "ended": int(rows["end_s"].count()),
            "each_s": (rows["end_s"] - rows["start_s"]).mean(),
            "alone_s": rows["alone_s"].mean(),
        }
        for name, rows in run.movements.groupby("name", sort=False)
    ]
