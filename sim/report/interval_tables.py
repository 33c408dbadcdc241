"""Confidence intervals as a table: a line a figure."""

from collections.abc import Mapping

from rich.console import RenderableType

from sim.record.intervals import CONFIDENCE, Interval
from sim.report.tables import turned
from sim.report.texts import NOTHING, text

_SHOWN_AS = {
    "request_throughput": "requests_per_s",
    "request_goodput": "requests_within_the_SLO_per_s",
    "output_throughput": "output_tokens_per_s",
    "total_token_throughput": "tokens_in_and_out_per_s",
    "sim_slo_attainment_share": "within_the_SLO_share",
    "sim_communication_share": "communication_share",
    "sim_compute_busy_share": "devices_computing_share",
    "sim_energy_j_per_output_token": "energy_of_an_output_token_j",
    "sim_fullest_link_share": "fullest_link_share",
}
"""Names of the summary that say less to a person."""

_COLUMNS = {"mean": "mean", "low": f"{CONFIDENCE:.0%} from".replace("%", " %"), "high": "to"}


def interval_table(title: str, intervals: Mapping[str, Interval | None]) -> RenderableType:
    """Mean, ends, and half of the width relative to the mean, of each figure that has them."""
    columns: list[dict[str, object]] = [{"": label} for label in [*_COLUMNS.values(), "±"]]
    for name, one in intervals.items():
        if one is None:
            continue
        shown = _SHOWN_AS.get(name, name)
        for column, part in zip(columns, _COLUMNS, strict=False):
            column[shown] = getattr(one, part)
        share = one.half_width_share
        columns[-1][shown] = NOTHING if share is None else text("_share", share)
    return turned(title, columns)


def bounds_table(title: str, of_runs: Mapping[str, Mapping[str, float | None]]) -> RenderableType:
    """The same figures of several runs, a column a run."""
    columns: list[dict[str, object]] = [
        {"": name.replace("_", " ")}
        | {_SHOWN_AS.get(key, key): value for key, value in figures.items()}
        for name, figures in of_runs.items()
    ]
    return turned(title, columns)
