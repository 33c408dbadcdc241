"""How many tokens the busiest rank of a group of experts gets, for the laws of kernel benchmarks.

Benchmarks of expert kernels draw the tokens of each expert from a law and time the busiest rank.
Here the draw is replaced by the law's quantiles and the busiest rank by its expectation, so that
equal parameters give equal times. What a serving run uses is routing, not this.
"""

from math import ceil, hypot, sqrt
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

_NORMAL = NormalDist()


def busiest_rank(
    tokens: float, experts: int, top_k: int, ranks: int, distribution: str
) -> tuple[float, float]:
    """Copies of tokens that the busiest rank computes, and how many of its experts get any."""
    of_rank = experts // ranks
    if distribution == "balanced":
        copies = max(tokens * top_k / ranks, 1.0)
        return copies, float(min(of_rank, ceil(copies)))
    loads = power_law_loads(tokens, experts, top_k, float(distribution.rsplit("_", 1)[1]))
    most = tokens * min(top_k, of_rank)
    copies = min(_largest_sum(loads, ranks), most)
    touched_share = np.count_nonzero(loads >= 0.5) / experts
    return copies, float(min(max(of_rank * touched_share, 1.0), ceil(copies)))


def power_law_loads(
    tokens: float, experts: int, top_k: int, exponent: float
) -> NDArray[np.float64]:
    """Tokens of each expert, falling: quantiles of a power law scaled to tokens * top_k.

    The density is x ** -exponent between 1 and 0.8 tokens (0.01 and 2 where there are fewer copies
    than experts), as in the collector of aiconfigurator (helper `power_law_logits_v3`).
    """
    low, high = (1.0, 0.8 * tokens) if tokens * top_k > experts else (0.01, 2.0)
    power = 1.0 - exponent
    shares = (experts - 0.5 - np.arange(experts)) / experts
    drawn = ((high**power - low**power) * shares + low**power) ** (1 / power)
    return np.asarray(drawn / drawn.sum() * tokens * top_k, dtype=np.float64)


def _largest_sum(loads: NDArray[np.float64], ranks: int) -> float:
    """The expected load of the busiest rank when experts lie at random.

    Either the rank of the most popular expert or the largest of the others, both taken as normal:
    the largest of n by Blom's quantile (Statistical Estimates and Transformed Beta-Variables,
    1958), and the larger of two by Clark (Operations Research 9(2), 1961).
    """
    of_rank = len(loads) // ranks
    if ranks == 1:
        return float(loads.sum())
    rest = loads[1:]
    mean, deviation = float(rest.mean()), float(rest.std())
    first = float(loads[0]) + (of_rank - 1) * mean
    first_deviation = deviation * _spread(of_rank - 1, len(rest))
    other_deviation = deviation * _spread(of_rank, len(rest))
    quantile = _NORMAL.inv_cdf((ranks - 1 - 0.375) / (ranks - 1 + 0.25))
    other = of_rank * mean + quantile * other_deviation
    return _larger(first, other, hypot(first_deviation, other_deviation))


def _spread(drawn: int, of: int) -> float:
    """Deviation of a sum of `drawn` values without replacement, in deviations of one."""
    return sqrt(drawn * (of - drawn) / max(of - 1, 1))


def _larger(one: float, other: float, deviation: float) -> float:
    """The expected larger of two normal values, whose difference has this deviation."""
    if deviation == 0:
        return max(one, other)
    ahead = (one - other) / deviation
    share = _NORMAL.cdf(ahead)
    return one * share + other * (1 - share) + deviation * _NORMAL.pdf(ahead)
