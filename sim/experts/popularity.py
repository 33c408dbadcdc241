"""How popular experts are: a Plackett-Luce weight for each expert of each layer.

A token picks experts one after another, each time in proportion to the weights of those that
are left. Weights hold for a whole run; drift within a run is not modelled.
"""

import numpy as np
import numpy.typing as npt

from sim.errors import ScenarioError
from sim.rng import stream
from sim.spec.popularity import (
    DirichletPopularity,
    LognormalPopularity,
    Popularity,
    TablePopularity,
    ZipfPopularity,
)

FloatArray = npt.NDArray[np.float64]

_LEAST_SHARE = 1e-30
"""Of the largest weight: a Dirichlet draw may underflow to zero, which could never be picked."""


def weights(popularity: Popularity, layers: int, experts: int, seed: int) -> FloatArray:
    """The weights (layers, experts), each layer scaled to a largest weight of 1."""
    given = _unscaled(popularity, layers, experts, seed)
    scaled: FloatArray = given / given.max(axis=1, keepdims=True)
    return np.maximum(scaled, _LEAST_SHARE)


def _unscaled(popularity: Popularity, layers: int, experts: int, seed: int) -> FloatArray:
    shape = (layers, experts)
    generator = stream(seed, "expert popularity")
    match popularity:
        case ZipfPopularity(exponent=exponent):
            ranks = np.arange(1, experts + 1, dtype=np.float64)
            return np.tile(ranks**-exponent, (layers, 1))
        case LognormalPopularity(sigma=sigma):
            return np.exp(sigma * generator.standard_normal(shape))
        case DirichletPopularity(concentration=concentration):
            # Only ratios count, so the gamma variables need not be divided by their sum.
            return generator.standard_gamma(concentration, shape) + np.finfo(np.float64).tiny
        case TablePopularity():
            return _table(popularity, layers, experts)
    return np.ones(shape)


def _table(popularity: TablePopularity, layers: int, experts: int) -> FloatArray:
    rows = popularity.weights
    if len(rows) not in (1, layers):
        raise ScenarioError(
            f"experts: popularity: weights has {len(rows)} rows; give one row for all layers, or "
            f"{layers}, one for each layer of experts"
        )
    for number, row in enumerate(rows):
        if len(row) != experts:
            raise ScenarioError(
                f"experts: popularity: weights: row {number} has {len(row)} numbers; give "
                f"{experts}, one for each expert of the model"
            )
    return np.array(np.broadcast_to(np.array(rows, dtype=np.float64), (layers, experts)))
