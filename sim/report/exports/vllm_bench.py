"""A run as vLLM's `bench serve --save-result --save-detailed` writes one.

Keys, units and definitions are vLLM's, and what it does not know begins with `sim_`. As there, a
request that failed has an error, 0 output tokens, and 0.0 for what it never reached. Nobody waits
in the client here, so `queue_times` are 0.0; `server_queue_times` have the wait for the first step.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sim.report.exports.answers import Answer, answers
from sim.simulation import Run

Values = Mapping[str, Any]

DATE = "20000101-000000"
"""The simulated clock starts here, so that equal runs give equal bytes."""


def write_vllm_bench(run: Run, path: Path) -> None:
    """The flat file of one run, with its lists by request."""
    _write(path, vllm_bench(run))


def write_vllm_sweep(run: Run, path: Path) -> None:
    """A folder for `vllm bench sweep plot` and `plot_pareto`, which read lists of flat results.

    They gather every `summary.json` below a folder: exports side by side are a sweep.
    """
    path.mkdir()
    _write(path / "summary.json", [_flat(run)])


def vllm_bench(run: Run) -> dict[str, Any]:
    """The flat result and its lists, ready for strict JSON."""
    return {**_flat(run), **_lists(answers(run))}


def _flat(run: Run) -> dict[str, Any]:
    return {"date": DATE, **run.summary(), **_parallel_sizes(run)}


def _parallel_sizes(run: Run) -> Values:
    """Their product is the number of devices that serve.

    Replicas count as data parallelism. Pools that differ have no tensor parallelism in common, and
    count as 1.
    """
    layouts = [one.layout for one in run.deployed.replicas]
    devices = sum(len(layout.devices) for layout in layouts)
    sizes = {layout.pool.attention.tp for layout in layouts}
    tensor = sizes.pop() if len(sizes) == 1 else 1
    return {
        "tensor_parallel_size": tensor,
        "pipeline_parallel_size": 1,
        "data_parallel_size": devices // tensor,
    }


def _lists(found: Sequence[Answer]) -> Values:
    return {
        "input_lens": [one.input_tokens for one in found],
        "output_lens": [0 if one.problem else len(one.token_at_s) for one in found],
        "ttfts": [one.ttft_s or 0.0 for one in found],
        "itls": [one.gaps_s for one in found],
        "latencies": [0.0 if one.problem else one.latency_s for one in found],
        "start_times": [one.arrival_s for one in found],
        "queue_times": [0.0] * len(found),
        "server_queue_times": [one.wait_s for one in found],
        "generated_texts": [""] * len(found),
        "errors": [one.problem for one in found],
    }


def _write(path: Path, values: Any) -> None:
    text = json.dumps(values, allow_nan=False, ensure_ascii=False)
    path.write_text(text + "\n", encoding="utf-8", newline="\n")
