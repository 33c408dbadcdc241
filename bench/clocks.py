"""What a piece of work takes, and how fast raw SimPy is in the same process."""

import gc
import resource
import statistics
import sys
import time
from collections.abc import Callable, Generator
from typing import NamedTuple, TypeVar

import simpy

_Result = TypeVar("_Result")

_TIMEOUTS = 100_000
_TIMES = 3


class Spent(NamedTuple):
    """Time of a piece of work."""

    wall_s: float
    cpu_s: float
    """Of all threads, user and system."""


def spent(work: Callable[[], _Result]) -> tuple[_Result, Spent]:
    """What the work returns, and its time; what lay about before is not cleared away in it."""
    gc.collect()
    wall_s, cpu_s = time.perf_counter(), time.process_time()
    result = work()
    return result, Spent(time.perf_counter() - wall_s, time.process_time() - cpu_s)


def peak_bytes() -> int:
    """The most memory that this process has had so far."""
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most * 1024


def timeouts_per_s() -> float:
    """Timeouts of one process, one after another, in a second of CPU: a median of a few."""
    return statistics.median(_TIMEOUTS / spent(_wait_often)[1].cpu_s for _ in range(_TIMES))


def _wait_often() -> None:
    env = simpy.Environment()
    env.process(_waiting(env))
    env.run()


def _waiting(env: simpy.Environment) -> Generator[simpy.Event, None, None]:
    for _ in range(_TIMEOUTS):
        yield env.timeout(1.0)
