"""When requests arrive, drawn from a process that starts at 0 and waits for nobody."""

import numpy as np

from sim.spec.workload import Arrivals


def arrivals_s(
    arrivals: Arrivals, requests: int, generator: np.random.Generator
) -> list[float] | None:
    """The instants of so many arrivals, in order; None in a closed loop, which has no instants.

    A random process is under way at 0, so its first arrival comes a gap later. Gaps are used as
    drawn; vLLM stretches them so that the last arrival is at exactly requests / rate.
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
        case "closed-loop":
            return None
    listed: list[float] = instants_s.tolist()
    return listed
