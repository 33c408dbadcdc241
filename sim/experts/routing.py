"""Routing token by token: which experts each token picks.

Top-k of log-weights perturbed by Gumbel noise is a Plackett-Luce draw without replacement. A
perturbed log-weight is minus the logarithm of an exponential clock that runs at the weight's
rate, so the k largest of the one are the k clocks that ring first, and no logarithm is taken.

Group-limited routing (DeepSeek-V3 report, arXiv 2412.19437, section 2.1.2 and the published
code): experts form equal runs; a run's score is the sum of its two best experts' scores, and a
token picks only from its best runs. Here scores are the perturbed log-weights, so that the sum
of two is the product of two clocks. What tokens have in common beyond popularity (consecutive
tokens pick alike, and layers follow from one another) is not modelled.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from sim.experts.placement import IntArray
from sim.experts.popularity import FloatArray
from sim.spec.model import RoutedExperts


@dataclass(frozen=True, slots=True)
class Choice:
    """How a token picks: `experts_per_token`, out of its best `runs_per_token` of `runs` runs."""

    experts_per_token: int
    runs: int = 1
    runs_per_token: int = 1

    @classmethod
    def of(cls, experts: RoutedExperts) -> "Choice":
        """The rule of a model."""
        return cls(experts.experts_per_token, experts.expert_groups, experts.groups_per_token)

    @property
    def is_limited(self) -> bool:
        """Whether some experts are out of a token's reach once its runs are picked."""
        return self.runs_per_token < self.runs


def route(
    weights: FloatArray, choice: Choice, tokens: int, generator: np.random.Generator
) -> IntArray:
    """The experts (tokens, experts_per_token) that each token picks, by weights (experts,)."""
    # Single precision tells clocks apart well enough, and halves the time.
    clocks = generator.standard_exponential((tokens, len(weights)), dtype=np.float32)
    clocks /= weights.astype(np.float32)
    if not choice.is_limited:
        return _first(clocks, choice.experts_per_token)
    runs = clocks.reshape(tokens, choice.runs, -1)
    best = _first(_two_best(runs), choice.runs_per_token)
    reachable = np.take_along_axis(runs, best[:, :, None], axis=1)
    picked = _first(reachable.reshape(tokens, -1), choice.experts_per_token)
    run, within = np.divmod(picked, runs.shape[2])
    return np.take_along_axis(best, run, axis=1) * runs.shape[2] + within


def _two_best(runs: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """The product (tokens, runs) of the two first clocks of each run; of one where it has one."""
    two = np.partition(runs, 1, axis=2)[:, :, :2] if runs.shape[2] > 1 else runs
    product: npt.NDArray[Any] = two.prod(axis=2, dtype=np.float64)
    return product


def _first(clocks: npt.NDArray[Any], count: int) -> IntArray:
    """The columns of the `count` smallest of each row, in no order."""
    if count == clocks.shape[1]:
        return np.tile(np.arange(count, dtype=np.int64), (len(clocks), 1))
    return np.argpartition(clocks, count - 1, axis=1)[:, :count].astype(np.int64)
