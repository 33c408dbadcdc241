"""What a summary says of what was asked: the model, and how requests came."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from sim.record.distributions import ratio
from sim.spec.arrivals import VllmArrivals
from sim.spec.workload import Workload

Values = Mapping[str, Any]


def workload_keys(model_id: str, workload: Workload, requests: pd.DataFrame) -> Values:
    """The first keys of a summary."""
    rate_per_s, burstiness, concurrency = _load(workload, requests)
    return {
        "endpoint_type": "moesim",
        "backend": "moesim",
        "label": workload.name or None,
        "model_id": model_id,
        "tokenizer_id": None,
        "num_prompts": len(requests),
        "request_rate": rate_per_s,
        "burstiness": burstiness,
        "max_concurrency": concurrency,
        **_ramp_up(workload),
    }


def _ramp_up(workload: Workload) -> Values:
    """Keys that vLLM has only where there is a ramp."""
    arrivals = workload.arrivals
    if not isinstance(arrivals, VllmArrivals) or arrivals.ramp_up_strategy is None:
        return {}
    return {
        name: getattr(arrivals, name)
        for name in ("ramp_up_strategy", "ramp_up_start_rps", "ramp_up_end_rps")
    }


def _load(
    workload: Workload, requests: pd.DataFrame
) -> tuple[float | str | None, float | None, int | None]:
    """Rate, burstiness and concurrency; a trace's rate is the one at which its requests came."""
    arrivals = workload.arrivals
    if arrivals is None:
        arrival_s = requests["arrival_s"]
        return ratio(len(requests) - 1, arrival_s.max() - arrival_s.min()), None, None
    match arrivals.kind:
        case "poisson":
            return arrivals.rate_per_s, 1.0, None
        case "gamma":
            return arrivals.rate_per_s, arrivals.burstiness, None
        case "fixed":
            return arrivals.rate_per_s, None, None
        case "at-once":
            return "inf", 1.0, None
        case "closed-loop":
            return "inf", 1.0, arrivals.concurrency
        case "vllm":
            rate_per_s = arrivals.request_rate_per_s
            return rate_per_s or "inf", arrivals.burstiness, arrivals.max_concurrency
