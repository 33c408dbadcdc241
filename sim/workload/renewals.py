"""When one client sends: gaps of a given shape, at a rate that may change from window to window.

Time is stretched so that the rate is 1: a gap is drawn with mean 1 by the law of the window in
which it begins, and lasts as long as its windows' rates say. So an idle client does not start anew
with every window. The first arrival is that of a process that has been under way for ever, which
makes the expected number of arrivals exactly rate times time, however bursty the gaps.
"""

from collections.abc import Iterator, Sequence
from math import gamma
from typing import Literal, NamedTuple

import numpy as np


class Gaps(NamedTuple):
    """The law of the gaps, whose mean is 1; shape 1 is exponential, less is burstier."""

    kind: Literal["gamma", "weibull"]
    shape: float


class Window(NamedTuple):
    """A time with one rate and one law."""

    start_s: float
    end_s: float
    rate_per_s: float
    gaps: Gaps


def instants_s(windows: Sequence[Window], generator: np.random.Generator) -> np.ndarray:
    """All arrivals of one client in its windows, which are in order and do not overlap."""
    parts = list(_parts_s([one for one in windows if one.rate_per_s > 0], generator))
    return np.concatenate(parts) if parts else np.zeros(0)


def _parts_s(windows: Sequence[Window], generator: np.random.Generator) -> Iterator[np.ndarray]:
    """The arrivals of each window; of the stretched time of the next arrival, what is left."""
    left = _first_gap(windows[0].gaps, generator) if windows else 0.0
    for window in windows:
        length = (window.end_s - window.start_s) * window.rate_per_s
        at, left = _until(length, left, window.gaps, generator)
        yield np.minimum(window.start_s + at / window.rate_per_s, window.end_s)


def _until(
    length: float, first: float, gaps: Gaps, generator: np.random.Generator
) -> tuple[np.ndarray, float]:
    """Arrivals before this length, and how far behind it the next one is."""
    at = np.array([first])
    while at[-1] < length:
        drawn = _gaps(gaps, int((length - at[-1]) * 1.1) + 10, generator)
        at = np.concatenate((at, at[-1] + np.add.accumulate(drawn)))
    inside = int(np.searchsorted(at, length))
    return at[:inside], float(at[inside]) - length


def _gaps(law: Gaps, count: int, generator: np.random.Generator) -> np.ndarray:
    if law.kind == "gamma":
        return generator.gamma(law.shape, 1 / law.shape, count)
    return generator.weibull(law.shape, count) / gamma(1 + 1 / law.shape)


def _first_gap(law: Gaps, generator: np.random.Generator) -> float:
    """What is left of the gap that lies over an instant: a uniform part of a gap.

    Long gaps lie over it in proportion to their length. A gamma gap so chosen is gamma with one
    more of shape; a Weibull gap is, to the power of its shape, gamma of shape 1 + 1 / shape.
    """
    part = generator.random()
    if law.kind == "gamma":
        return part * generator.gamma(law.shape + 1, 1 / law.shape)
    power = generator.gamma(1 + 1 / law.shape)
    return part * float(power ** (1 / law.shape)) / gamma(1 + 1 / law.shape)
