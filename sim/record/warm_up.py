"""How long a run warms up: the rule MSER-5 on a series of observations.

White (1997), "An effective truncation heuristic for bias reduction in simulation output", and
Franklin and White (2008), "Stationarity tests and MSER-5": cut the first d batches of five such
that the standard error of the mean of the rest is least. The last five cuts are not looked at, as
the spread of so few batches is small by chance (Hoad, Robinson and Davies 2010).
"""

import numpy as np

BATCH = 5
_FEWEST_LEFT = 5
"""Batches that remain after the latest cut that is looked at."""
FEWEST = 50
"""Observations; half of fewer would be fewer than what must be left."""


def mser5(series: np.ndarray) -> int | None:
    """How many of the first observations to leave out; None where no steady state is seen.

    That is so where the best cut leaves out half of the series or more, and in a series of fewer
    than `FEWEST`. Those behind the last whole batch have no say.
    """
    batches = len(series) // BATCH
    if len(series) < FEWEST:
        return None
    means = series[: batches * BATCH].reshape(batches, BATCH).mean(axis=1)
    best = _least_error(means.tolist())
    return best * BATCH if 2 * best < batches else None


def _least_error(means: list[float]) -> int:
    """The cut with the least marginal standard error, the earliest of several.

    From the end on, by Welford's recursion: sums of squares of what is left would cancel where
    the part before it is much larger.
    """
    best, least = 0, float("inf")
    mean = squares = 0.0
    for left, one in enumerate(reversed(means), start=1):
        from_mean = one - mean
        mean += from_mean / left
        squares += from_mean * (one - mean)
        error = squares / left**2
        if left >= _FEWEST_LEFT and error <= least:
            best, least = len(means) - left, error
    return best
