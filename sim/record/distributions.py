"""Mean, median, deviation and percentiles of samples that are there several times each.

Percentiles are numpy's, with linear interpolation, of the list in which every sample is repeated
as often as its weight says; that list is never made. The deviation is of the population.
"""

from collections.abc import Mapping

import numpy as np

PERCENTILES = (50, 90, 95, 99)
_MS_PER_S = 1000.0


def statistics_ms(
    name: str, samples_s: np.ndarray, weights: np.ndarray | None = None
) -> Mapping[str, float | None]:
    """`mean_NAME_ms`, `median_NAME_ms`, `std_NAME_ms`, `p50_NAME_ms` ...; None without samples."""
    counts = np.ones(len(samples_s), dtype=np.int64) if weights is None else weights
    found_s: list[float | None] = [None] * (2 + len(PERCENTILES))
    if counts.sum() > 0:
        mean_s = weighted_mean(samples_s, counts)
        deviation_s = weighted_mean((samples_s - mean_s) ** 2, counts) ** 0.5
        found_s = [mean_s, deviation_s, *weighted_percentiles(samples_s, counts, PERCENTILES)]
    mean, std, *percentiles = [None if s is None else s * _MS_PER_S for s in found_s]
    ranked = {f"p{percent}_{name}_ms": percentiles[i] for i, percent in enumerate(PERCENTILES)}
    middle = ranked[f"p50_{name}_ms"]
    return {f"mean_{name}_ms": mean, f"median_{name}_ms": middle, f"std_{name}_ms": std} | ranked


def weighted_mean(samples: np.ndarray, weights: np.ndarray) -> float:
    """The mean of the repeated samples."""
    return float((samples * weights).sum() / weights.sum())


def weighted_percentiles(
    samples: np.ndarray, weights: np.ndarray, percents: tuple[float, ...]
) -> list[float]:
    """`numpy.percentile(numpy.repeat(samples, weights), percents)`."""
    order = np.argsort(samples, kind="stable")
    ordered, reached = samples[order], np.add.accumulate(weights[order])
    # Where the percentile stands in the repeated list, counted from 0, mostly between two of it.
    place = np.asarray(percents) / 100 * (reached[-1] - 1)
    below = np.floor(place)
    above = np.minimum(below + 1, reached[-1] - 1)
    low = ordered[np.searchsorted(reached, below, side="right")]
    high = ordered[np.searchsorted(reached, above, side="right")]
    between: list[float] = _between(low, high, place - below).tolist()
    return between


def _between(low: np.ndarray, high: np.ndarray, share: np.ndarray) -> np.ndarray:
    """From the nearer end, as numpy does, so that the result never leaves [low, high]."""
    step = high - low
    between: np.ndarray = np.where(share < 0.5, low + step * share, high - step * (1 - share))
    return between


def ratio(part: float | None, whole: float) -> float | None:
    """One over the other; None where there is nothing to divide, or nothing to divide by."""
    return None if part is None or not whole > 0 else float(part / whole)
