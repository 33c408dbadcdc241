"""When requests arrive, drawn from a process that starts at 0 and waits for nobody."""

import numpy as np

from sim.spec.arrivals import Arrivals, VllmArrivals


def arrivals_s(
    arrivals: Arrivals, requests: int, generator: np.random.Generator
) -> list[float] | None:
    """The instants of so many arrivals, in order; None in a closed loop, which has no instants.

    A random process is under way at 0, so its first arrival comes a gap later. Gaps are used as
    drawn, but by `vllm`.
    """
    match arrivals.kind:
        case "poisson":
            gaps_s = generator.exponential(1 / arrivals.rate_per_s, requests)
            instants_s = np.add.accumulate(gaps_s)
        case "gamma":
            scale_s = 1 / (arrivals.rate_per_s * arrivals.burstiness)
            gaps_s = generator.gamma(arrivals.burstiness, scale_s, requests)
            instants_s = np.add.accumulate(gaps_s)
        case "fixed":
            instants_s = np.arange(requests) / arrivals.rate_per_s
        case "at-once":
            instants_s = np.zeros(requests)
        case "vllm":
            instants_s = _vllm_s(arrivals, requests, generator)
        case "closed-loop":
            return None
    listed: list[float] = instants_s.tolist()
    return listed


def _vllm_s(arrivals: VllmArrivals, requests: int, generator: np.random.Generator) -> np.ndarray:
    """Gamma gaps, stretched so that the last arrival is at requests / rate.

    A ramp goes by the number of the request, not by time, and is not stretched.
    """
    rate_per_s = arrivals.request_rate_per_s
    if arrivals.ramp_up_strategy is not None:
        rates_per_s = _ramp_per_s(arrivals, requests)
    elif rate_per_s is None:
        return np.zeros(requests)
    else:
        rates_per_s = np.full(requests, rate_per_s)
    gaps_s = generator.gamma(arrivals.burstiness, 1 / (rates_per_s * arrivals.burstiness))
    instants_s = np.add.accumulate(gaps_s)
    if rate_per_s is not None and instants_s[-1] > 0:
        instants_s *= requests / rate_per_s / instants_s[-1]
    return instants_s


def _ramp_per_s(arrivals: VllmArrivals, requests: int) -> np.ndarray:
    """The rate of each request's gap."""
    start, end = arrivals.ramp_up_start_rps, arrivals.ramp_up_end_rps
    assert start is not None
    assert end is not None
    if arrivals.ramp_up_strategy == "linear":
        return np.linspace(start, end, requests)
    return np.geomspace(start, end, requests)
