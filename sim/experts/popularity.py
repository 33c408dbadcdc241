"""How popular experts are: a Plackett-Luce weight for each expert of each layer.

A token picks experts one after another, each time in proportion to the weights of those that
are left. Weights hold for a whole run, or drift: then some experts of each layer swap theirs every
so many steps, so that how uneven popularity is stays, and who is popular changes.
"""

import numpy as np
import numpy.typing as npt

from sim.errors import ScenarioError
from sim.experts.recorded import recorded_weights
from sim.rng import stream
from sim.spec.popularity import (
    DirichletPopularity,
    Drift,
    LognormalPopularity,
    Popularity,
    TablePopularity,
    TracePopularity,
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
            return np.exp(_by_layer(sigma, layers) * generator.standard_normal(shape))
        case DirichletPopularity(concentration=concentration):
            # Only ratios count, so the gamma variables need not be divided by their sum.
            return generator.standard_gamma(concentration, shape) + np.finfo(np.float64).tiny
        case TablePopularity():
            return _table(popularity, layers, experts)
        case TracePopularity(file=file):
            return recorded_weights(file, layers, experts)
    return np.ones(shape)


def drifted(weights: FloatArray, drift: Drift, change: int, seed: int) -> FloatArray:
    """Weights (layers, experts) after one more change, of this number."""
    generator = stream(seed, "expert drift", change)
    layers, experts = weights.shape
    swapping = max(2, round(drift.swapped_share * experts))
    order = generator.permuted(np.tile(np.arange(experts), (layers, 1)), axis=1)
    places = order[:, :swapping]
    changed = weights.copy()
    dealt = generator.permuted(np.take_along_axis(weights, places, axis=1), axis=1)
    np.put_along_axis(changed, places, dealt, axis=1)
    return changed


def _by_layer(sigma: float | tuple[float, ...], layers: int) -> FloatArray:
    """(layers, 1): given for points that are spread evenly over the layers."""
    points = np.atleast_1d(np.asarray(sigma, dtype=np.float64))
    places = np.linspace(0.0, len(points) - 1.0, layers)
    return np.interp(places, np.arange(len(points)), points)[:, None]


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
