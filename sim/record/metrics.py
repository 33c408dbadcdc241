"""The summary of a run, in the words of vLLM's `bench serve`.

Names and definitions are those of its result file, so that a simulated run can be laid beside a
measured one; what vLLM does not know begins with `sim_`. Differences, all on purpose: what is
undefined is None and not 0; there is no date, so that equal runs give equal bytes; and the
distribution of gaps between tokens (itl) is kept for all requests together, those that failed or
were cut off included.
"""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np
import pandas as pd

from sim.record.distributions import ratio, statistics_ms
from sim.record.recorder import Recorder
from sim.record.workload_keys import workload_keys
from sim.spec.scenario import Slo
from sim.spec.workload import Workload

Values = Mapping[str, Any]


def summary(
    recorder: Recorder,
    requests: pd.DataFrame,
    links: pd.DataFrame,
    devices: pd.DataFrame,
    *,
    model_id: str,
    workload: Workload,
    slo: Slo,
    measured: tuple[float, Mapping[str, float]] | None = None,
    detailed: bool = False,
) -> dict[str, Any]:
    """All that is said of a run in one flat dict, ready for strict JSON.

    Lists with a value for each request are added if `detailed`. `measured` is the share of the
    devices' time that was priced by measured kernels, and the other shares by what priced them.
    """
    finished = requests[requests["status"] == "finished"]
    duration_s = _duration_s(recorder, requests)
    ended = {
        "duration": duration_s,
        "completed": len(finished),
        "failed": int(requests["status"].isin(["rejected", "failed: kv"]).sum()),
    }
    good = good_requests(finished, slo)
    tokens = _tokens(finished, duration_s, good)
    return {
        **workload_keys(model_id, workload, requests),
        **ended,
        **tokens,
        **_peaks(recorder, finished),
        "rtfx": 0.0,
        **_latencies(recorder, finished),
        **_outcomes(requests, good),
        "sim_skipped_lines": recorder.skipped_lines,
        **_device_use(recorder, devices, tokens),
        **_fullest_link(links),
        **_measured(measured),
        "sim_stops": _stops(recorder),
        **(_lists(recorder, requests) if detailed else {}),
    }


def _duration_s(recorder: Recorder, requests: pd.DataFrame) -> float:
    """From the start to the last answer; to the end of the run where an answer is missing."""
    last_s = requests["finish_s"].max(skipna=False)
    return recorder.elapsed_s if pd.isna(last_s) else float(last_s)


def good_requests(finished: pd.DataFrame, slo: Slo) -> int | None:
    """How many met every limit that is set; None where none is."""
    limits = {"ttft_s": slo.ttft_s, "tpot_s": slo.tpot_s, "e2e_s": slo.e2el_s}
    # An answer of one token has no time per later token, and so cannot miss a limit on it.
    kept = [finished[name].fillna(0) <= most for name, most in limits.items() if most is not None]
    return int(np.logical_and.reduce(kept).sum()) if kept else None


def _tokens(finished: pd.DataFrame, duration_s: float, good: int | None) -> Values:
    inputs = int(finished["prompt_tokens"].sum())
    outputs = int(finished["output_tokens"].sum())
    return {
        "total_input_tokens": inputs,
        "total_output_tokens": outputs,
        "request_throughput": ratio(len(finished), duration_s),
        "request_goodput": None if good is None else ratio(good, duration_s),
        "output_throughput": ratio(outputs, duration_s),
        "total_token_throughput": ratio(inputs + outputs, duration_s),
    }


def _peaks(recorder: Recorder, finished: pd.DataFrame) -> Values:
    """The fullest of the seconds that are counted from the first arrival.

    A request is counted in every second that it touches. Unlike vLLM, which knows of tokens only
    by their answers, this counts tokens of requests that failed or were cut off too.
    """
    if finished.empty:
        return {"max_output_tokens_per_s": 0.0, "max_concurrent_requests": 0}
    start_s, end_s = finished["arrival_s"].min(), finished["finish_s"].max()
    at_s = np.array(recorder.output_at_s)
    is_inside = (at_s >= start_s) & (at_s <= end_s)
    # Only seconds in which something happens are counted: a run may be long and nearly idle.
    _, second = np.unique(np.floor(at_s[is_inside] - start_s), return_inverse=True)
    tokens = np.bincount(second, np.array(recorder.output_tokens)[is_inside])
    first = np.sort(np.floor(finished["arrival_s"].to_numpy() - start_s))
    last = np.sort(np.floor(finished["finish_s"].to_numpy() - start_s))
    # The most at a time are there in a second in which somebody comes.
    came = np.searchsorted(first, first, side="right")
    left = np.searchsorted(last, first, side="left")
    return {
        "max_output_tokens_per_s": float(tokens.max(initial=0)),
        "max_concurrent_requests": int((came - left).max()),
    }


def _latencies(recorder: Recorder, finished: pd.DataFrame) -> Values:
    gaps_s, weights = np.array(recorder.gap_s), np.array(recorder.gap_weights)
    return {
        **statistics_ms("ttft", finished["ttft_s"].to_numpy()),
        **statistics_ms("tpot", finished["tpot_s"].dropna().to_numpy()),
        **statistics_ms("itl", gaps_s, weights),
        **statistics_ms("e2el", finished["e2e_s"].to_numpy()),
    }


def _outcomes(requests: pd.DataFrame, good: int | None) -> Values:
    count = requests["status"].value_counts()
    ended = len(requests) - int(count.get("unfinished", 0))
    return {
        "sim_slo_attainment_share": None if good is None else ratio(good, ended),
        "sim_unfinished": int(count.get("unfinished", 0)),
        "sim_rejected": int(count.get("rejected", 0)),
        "sim_failed_kv": int(count.get("failed: kv", 0)),
        "sim_preemptions": int(requests["preemptions"].sum()),
    }


def _device_use(recorder: Recorder, devices: pd.DataFrame, tokens: Values) -> Values:
    """Of the devices that serve in a replica; energy is of all in the cluster.

    Produced are the tokens of all requests, also of those that a run's end cut off; vLLM's
    throughputs know those of finished requests only.
    """
    serving = devices[devices["pool"].notna()]
    energy_j = float(devices["energy_j"].sum())
    produced = sum(recorder.output_tokens)
    per_device = {
        f"sim_{name}_per_device": ratio(tokens[name], len(serving))
        for name in ("request_throughput", "output_throughput", "total_token_throughput")
    }
    return {
        "sim_elapsed_s": recorder.elapsed_s,
        "sim_devices": len(serving),
        **per_device,
        "sim_compute_busy_share": _finite(serving["busy_share"].mean()),
        "sim_communication_busy_share": _finite(serving["communication_busy_share"].mean()),
        "sim_produced_tokens": produced,
        "sim_produced_throughput": ratio(produced, recorder.elapsed_s),
        "sim_energy_j": energy_j,
        "sim_energy_j_per_output_token": ratio(energy_j, produced),
    }


def _fullest_link(links: pd.DataFrame) -> Values:
    """The link that carried the largest part of what it could have carried; None if none did."""
    shares = links["utilization_share"].to_numpy()
    if not links["bytes"].any():
        return {"sim_fullest_link": None, "sim_fullest_link_share": None}
    fullest = int(shares.argmax())
    return {
        "sim_fullest_link": str(links["link"].iloc[fullest]),
        "sim_fullest_link_share": _finite(shares[fullest]),
    }


def _measured(measured: tuple[float, Mapping[str, float]] | None) -> Values:
    """Of the time in which devices step: priced by measured kernels at measured sizes, and not."""
    inside, outside = (None, {}) if measured is None else measured
    return {"sim_measured_share": inside, "sim_unmeasured_shares": dict(outside)}


def _stops(recorder: Recorder) -> Values:
    """By replica: when it stood still, and why."""
    found: dict[str, list[Values]] = {}
    for stop in recorder.stops:
        values = asdict(stop)
        found.setdefault(f"{values.pop('pool')} {values.pop('replica')}", []).append(values)
    return found


def _lists(recorder: Recorder, requests: pd.DataFrame) -> Values:
    """By request, in seconds; gaps cannot be told apart by request and come with their weights."""
    waited_s = requests["first_scheduled_s"] - requests["arrival_s"]
    answered = requests["status"].eq("finished")
    return {
        "input_lens": requests["prompt_tokens"].tolist(),
        "output_lens": requests["output_tokens"].tolist(),
        "ttfts": _listed(requests["ttft_s"]),
        "latencies": _listed(requests["e2e_s"]),
        "start_times": _listed(requests["arrival_s"]),
        "queue_times": _listed(waited_s),
        "errors": requests["status"].mask(answered, "").tolist(),
        "sim_itls": recorder.gap_s.tolist(),
        "sim_itl_weights": recorder.gap_weights.tolist(),
    }


def _listed(column: "pd.Series[float]") -> list[float | None]:
    return [_finite(value) for value in column.tolist()]


def _finite(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
