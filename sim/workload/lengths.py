"""How long prompts and answers are, drawn one by one and independently of everything else."""

import math

import numpy as np

from sim.spec.lengths import EmpiricalLength, Length, LognormalLength


def lengths_tokens(length: Length, requests: int, generator: np.random.Generator) -> list[int]:
    """So many lengths, each at least one token."""
    match length.kind:
        case "fixed":
            return [length.tokens] * requests
        case "uniform":
            drawn = generator.integers(length.low, length.high, requests, endpoint=True)
        case "lognormal":
            drawn = _lognormal(length, generator.standard_normal(requests))
        case "empirical":
            drawn = _empirical(length, generator.random(requests))
    listed: list[int] = drawn.tolist()
    return listed


def _lognormal(length: LognormalLength, normal: np.ndarray) -> np.ndarray:
    """Rounding up adds about half a token to the mean, and the cut takes away what is above it."""
    sigma = math.sqrt(math.log1p(length.cv**2))
    tokens = length.mean * np.exp(sigma * normal - sigma**2 / 2)
    # Cut before it is made whole, since a float can be too large for a whole number.
    whole: np.ndarray = np.ceil(tokens).clip(1, length.most).astype(np.int64)
    return whole


def _empirical(length: EmpiricalLength, uniform: np.ndarray) -> np.ndarray:
    weights = np.array(length.weights or [1.0] * len(length.tokens))
    reached = np.add.accumulate(weights)
    chosen = np.searchsorted(reached, uniform * reached[-1], side="right")
    # A product rounded up to the whole would otherwise point behind the last.
    tokens: np.ndarray = np.array(length.tokens)[np.minimum(chosen, len(weights) - 1)]
    return tokens
