"""A run with every way for a request to end: finished, too long for the cache, cut off."""

from functools import cache

from sim.simulation import Run, simulate
from tests.laws.scenarios import MIXTURE, engine, pool, scenario, with_cache, work


@cache
def run(until_s: float | None = None, concurrency: int | None = None) -> Run:
    """Two replicas of two ranks, crowded enough for preemptions."""
    closed = {"kind": "closed-loop", "concurrency": concurrency}
    asked = scenario(
        MIXTURE,
        pool(1, 2, replicas=2),
        engine=engine(max_sequences=6),
        workload=work(
            30,
            arrivals={"kind": "poisson", "rate_per_s": 20000.0} if concurrency is None else closed,
            prompt=(1, 60),
            output=(1, 20),
        ),
        until_s=until_s,
    )
    return simulate(with_cache(asked, blocks=12))


def cut_run() -> Run:
    """The same, ended when half of the time is over."""
    return run(until_s=run().recorder.elapsed_s / 2)
