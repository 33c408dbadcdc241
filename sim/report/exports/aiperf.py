"""A run as aiperf 0.13 leaves one: a summary, and a line for each request.

The tags, units and definitions are aiperf's. Beware of its `inter_token_latency`, which is one
number a request, (latency - time to first token) / (tokens - 1), that is vLLM's TPOT; the gaps
between tokens are its `inter_chunk_latency`. Requests that did not finish are lines with an error,
and in no statistic. Each request is a conversation of one turn. An open loop has no concurrency;
aiperf labels such a run 1.
"""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from sim.report.exports.answers import Answer, answers
from sim.simulation import Run
from sim.spec.arrivals import ClosedLoop

Values = Mapping[str, Any]

START = datetime(2000, 1, 1, tzinfo=UTC)
"""The simulated clock starts here, so that equal runs give equal bytes."""

SCHEMA_VERSION = "1.4"
PERCENTILES = (1, 5, 10, 25, 50, 75, 90, 95, 99)
UNITS: Mapping[str, str] = {
    "request_throughput": "requests/sec",
    "request_count": "requests",
    "error_request_count": "requests",
    "request_latency": "ms",
    "time_to_first_token": "ms",
    "time_to_second_token": "ms",
    "inter_token_latency": "ms",
    "inter_chunk_latency": "ms",
    "output_token_throughput": "tokens/sec",
    "output_token_throughput_per_user": "tokens/sec/user",
    "output_token_throughput_per_gpu": "tokens/sec/gpu",
    "total_token_throughput": "tokens/sec",
    "output_sequence_length": "tokens",
    "input_sequence_length": "tokens",
    "error_isl": "tokens",
    "benchmark_duration": "sec",
}
"""By tag."""

_NS_PER_S = 1_000_000_000
_START_NS = int(START.timestamp()) * _NS_PER_S
_MS_PER_S = 1000.0


def write_aiperf(run: Run, path: Path) -> None:
    """A folder that `aiperf plot` takes for one of its own."""
    found = answers(run)
    path.mkdir()
    _write_lines(path / "profile_export_aiperf.json", [summary(run, found)], indent=2)
    _write_lines(path / "profile_export.jsonl", [record(one) for one in found])


def _write_lines(path: Path, values: Sequence[Values], indent: int | None = None) -> None:
    texts = [
        json.dumps(one, indent=indent, allow_nan=False, ensure_ascii=False) + "\n" for one in values
    ]
    path.write_text("".join(texts), encoding="utf-8", newline="\n")


def record(one: Answer) -> dict[str, Any]:
    """The line of one request."""
    name = f"request-{one.request}"
    start_ns, end_ns = _clock_ns(one.arrival_s), _clock_ns(one.end_s)
    metrics = {"error_isl": one.input_tokens} if one.problem else request_metrics(one)
    return {
        "metadata": {
            "session_num": one.request,
            "x_request_id": name,
            "x_correlation_id": name,
            "conversation_id": name,
            "turn_index": 0,
            "credit_issued_ns": start_ns,
            "request_start_ns": start_ns,
            "request_ack_ns": None,
            "request_end_ns": end_ns,
            "worker_id": "moesim",
            "record_processor_id": "moesim",
            "benchmark_phase": "profiling",
            "was_cancelled": one.problem == "unfinished",
        },
        "metrics": {tag: {"value": value, "unit": UNITS[tag]} for tag, value in metrics.items()},
        "error": _error(one.problem) if one.problem else None,
    }


def request_metrics(one: Answer) -> dict[str, Any]:
    """By tag, in its unit; those of later tokens only where there are such."""
    assert one.ttft_s is not None
    metrics: dict[str, Any] = {
        "request_latency": one.latency_s * _MS_PER_S,
        "time_to_first_token": one.ttft_s * _MS_PER_S,
        "output_sequence_length": len(one.token_at_s),
        "input_sequence_length": one.input_tokens,
    }
    gaps_s = one.gaps_s
    if gaps_s:
        gap_s = (one.latency_s - one.ttft_s) / len(gaps_s)
        metrics |= {
            "time_to_second_token": gaps_s[0] * _MS_PER_S,
            "inter_token_latency": gap_s * _MS_PER_S,
            "inter_chunk_latency": [one_gap_s * _MS_PER_S for one_gap_s in gaps_s],
            "output_token_throughput_per_user": 1 / gap_s,
        }
    return metrics


def summary(run: Run, found: Sequence[Answer]) -> dict[str, Any]:
    """The statistics of the finished requests, and what was run."""
    finished = [one for one in found if not one.problem]
    of_requests = [request_metrics(one) for one in finished]
    problems = Counter(one.problem for one in found if one.problem)
    return {
        "schema_version": SCHEMA_VERSION,
        "aiperf_version": f"moesim {version('moesim')}",
        "benchmark_id": f"moesim-{run.scenario.model.name}-{run.scenario.seed}",
        **_rates(run, finished, errors=problems.total()),
        **_distributions(of_requests),
        "input_config": _input_config(run),
        "was_cancelled": "unfinished" in problems,
        "error_summary": [
            {"error_details": _error(problem), "count": count}
            for problem, count in sorted(problems.items())
        ],
        "start_time": START.isoformat(),
        "end_time": (START + timedelta(seconds=run.recorder.elapsed_s)).isoformat(),
    }


def _rates(run: Run, finished: Sequence[Answer], errors: int) -> Values:
    """One number each; its duration is from the first request to the last answer."""
    values: dict[str, float] = {"request_count": len(finished), "error_request_count": errors}
    if finished:
        duration_s = max(one.end_s for one in finished) - min(one.arrival_s for one in finished)
        outputs = sum(len(one.token_at_s) for one in finished)
        tokens = outputs + sum(one.input_tokens for one in finished)
        values |= {
            "benchmark_duration": duration_s,
            "request_throughput": len(finished) / duration_s,
            "output_token_throughput": outputs / duration_s,
            "output_token_throughput_per_gpu": outputs / duration_s / run.summary()["sim_devices"],
            "total_token_throughput": tokens / duration_s,
        }
    return {tag: {"unit": UNITS[tag], "avg": float(value)} for tag, value in values.items()}


def _distributions(of_requests: Sequence[Mapping[str, Any]]) -> Values:
    tags = dict.fromkeys(tag for metrics in of_requests for tag in metrics)
    return {
        tag: {"unit": UNITS[tag]} | statistics([one[tag] for one in of_requests if tag in one])
        for tag in tags
    }


def statistics(values: Sequence[Any]) -> dict[str, float]:
    """Of numbers, or of lists of them, pooled; the deviation is of the population."""
    pooled = np.hstack(values)
    percentiles = np.percentile(pooled, PERCENTILES).tolist()
    return {
        "avg": float(pooled.mean()),
        "min": float(pooled.min()),
        "max": float(pooled.max()),
        "std": float(pooled.std()),
        "count": len(pooled),
        "sum": float(pooled.sum()),
        **{f"p{rank}": value for rank, value in zip(PERCENTILES, percentiles, strict=True)},
    }


def _input_config(run: Run) -> Values:
    arrivals = run.scenario.workload.arrivals
    concurrency = arrivals.concurrency if isinstance(arrivals, ClosedLoop) else None
    phase = {"name": "profiling", "concurrency": concurrency, "requests": len(run.requests)}
    return {"models": {"items": [{"name": run.scenario.model.name}]}, "phases": [phase]}


def _error(problem: str) -> Values:
    return {"type": "moesim", "message": problem}


def _clock_ns(at_s: float) -> int:
    return _START_NS + round(at_s * _NS_PER_S)
