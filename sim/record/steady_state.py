"""The figures of a run without its first requests: what it does when it has warmed up.

Latencies are of the answered requests that are left. Throughputs are of the answers that ended
between the arrival of the first of these and the last arrival of all, so that neither the filling
nor the draining of the system is in them. Communication, energy and the gaps between tokens are
not recorded by request; they are known for whole runs only.
"""

from typing import Any

import pandas as pd

from sim.record.distributions import statistics_ms
from sim.record.metrics import good_requests
from sim.spec.scenario import Slo

LATENCIES = {"ttft": "ttft_s", "tpot": "tpot_s", "e2el": "e2e_s"}
"""Names in a summary, by columns of the requests."""


def answered_in_order(requests: pd.DataFrame) -> pd.DataFrame:
    """The requests that were answered, in the order in which they arrived."""
    finished = requests[requests["status"] == "finished"]
    return finished.sort_values("arrival_s", kind="stable", ignore_index=True)


def steady_figures(requests: pd.DataFrame, slo: Slo, cut: int) -> dict[str, Any]:
    """What the summary says under these names, without the first `cut` answered requests."""
    answered = answered_in_order(requests)
    kept = answered.iloc[cut:]
    figures = _rates(answered, slo, kept["arrival_s"].min(), requests["arrival_s"].max())
    for name, column in LATENCIES.items():
        figures |= statistics_ms(name, kept[column].dropna().to_numpy())
    good = good_requests(kept, slo)
    share = None if good is None or kept.empty else good / len(kept)
    return figures | {"sim_slo_attainment_share": share}


def _rates(answered: pd.DataFrame, slo: Slo, start_s: float, end_s: float) -> dict[str, Any]:
    """Of the answers that ended in (start_s, end_s]; None where that is no time at all."""
    ended = answered[(answered["finish_s"] > start_s) & (answered["finish_s"] <= end_s)]
    inputs, outputs = int(ended["prompt_tokens"].sum()), int(ended["output_tokens"].sum())
    counts = {
        "request_throughput": len(ended),
        "request_goodput": good_requests(ended, slo),
        "output_throughput": outputs,
        "total_token_throughput": inputs + outputs,
    }
    return {
        name: None if count is None or not end_s > start_s else count / (end_s - start_s)
        for name, count in counts.items()
    }
