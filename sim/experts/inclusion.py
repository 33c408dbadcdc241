"""Exact probabilities of a Plackett-Luce choice of k experts without replacement.

Give expert e an exponential clock of rate w_e; the k that ring first are chosen. A set S of
experts is touched when at most k - 1 others rang before the first of S, which rings at rate W_S,
the sum of its weights. With N(t) the number of others that rang by t,

    P(S is touched) = integral over t of W_S exp(-W_S t) P(N(t) <= k - 1).

A single expert as S gives its inclusion probability. N(t) is a sum of independent zero-one
variables, so its law is a product of polynomials q_e + p_e z, cut off at degree k - 1; a tree of
products gives that of the others for all S at once, by additions and products of positive
numbers only. The integral runs over log t, by Gauss-Legendre panels, between the times at which
fewer than k have rung and at which k have rung, each almost surely; what comes before is added
in closed form. Errors are below 1e-10 (tested against enumeration and the hypergeometric law).
"""

from collections.abc import Sequence

import numpy as np

from sim.experts.placement import IntArray
from sim.experts.popularity import FloatArray

_TAIL = 1e-12
"""Probability that is left out at either end of the integral."""
_PANEL = 0.75
"""Width of a panel in log t; the integrand varies over 1 and more."""
_NODES = 10
"""Of each panel."""


def touch_probabilities(
    weights: FloatArray, chosen: int, partitions: Sequence[IntArray]
) -> list[FloatArray]:
    """For each partition of the experts, the probability (parts,) that a token touches a part.

    `weights` is (experts,); a partition gives the part (experts,) of each expert.
    """
    weights = weights / weights.sum()
    t, dt = _nodes(*_span(weights, chosen))
    rang = _rang(weights, t, chosen)
    return [
        _touch(weights, _by_part(weights, rang, part_of), part_of, t, dt) for part_of in partitions
    ]


def uniform_touch(experts: int, chosen: int, sizes: IntArray) -> FloatArray:
    """The touch probabilities of sets of such sizes where weights are equal (hypergeometric)."""
    drawn = np.arange(chosen)
    missed = (experts - sizes[:, None] - drawn) / (experts - drawn)
    touch: FloatArray = 1 - np.maximum(missed, 0.0).prod(axis=1)
    return touch


def _touch(
    weights: FloatArray, parts: FloatArray, part_of: IntArray, t: FloatArray, dt: FloatArray
) -> FloatArray:
    """`parts` are the polynomials (degrees, parts, times) of what rang in each part."""
    rate = np.bincount(part_of, weights)
    others_leave_room = _of_the_others(parts).sum(axis=0)
    density = rate[:, None] * np.exp(-rate[:, None] * t) * dt
    early = -np.expm1(-rate * t[0])
    touch: FloatArray = early + (density * others_leave_room).sum(axis=1)
    return np.minimum(touch, 1.0)


def _span(weights: FloatArray, chosen: int) -> tuple[float, float]:
    """Times between which the k-th clock rings, all but `_TAIL` on either side."""
    # By the last time all clocks have rung: the slowest is late with chance exp(-40).
    log_t = np.linspace(np.log(_TAIL / 10), np.log(40 / weights.min()), 96)
    rang = _rang(weights, np.exp(log_t), chosen)
    leaves_room = _product(rang).sum(axis=0)
    before = np.flatnonzero(leaves_room > 1 - _TAIL)[-1]
    after = np.flatnonzero(leaves_room < _TAIL)[0]
    return float(log_t[before]), float(log_t[after])


def _nodes(start: float, end: float) -> tuple[FloatArray, FloatArray]:
    """Times and their widths; the first is the start, of no width."""
    panels = int(np.ceil((end - start) / _PANEL))
    edges = np.linspace(start, end, panels + 1)
    points, shares = np.polynomial.legendre.leggauss(_NODES)
    half = (edges[1] - edges[0]) / 2
    log_t = (edges[:-1, None] + half * (1 + points)).ravel()
    t = np.exp(np.concatenate([[start], log_t]))
    return t, t * np.concatenate([[0.0], np.tile(half * shares, panels)])


def _rang(weights: FloatArray, t: FloatArray, chosen: int) -> FloatArray:
    """The polynomials (degrees, experts, times) of one expert each: has it rung by then?"""
    rang = np.zeros((chosen, len(weights), len(t)))
    rang[0] = np.exp(-weights[:, None] * t)
    if chosen > 1:
        rang[1] = -np.expm1(-weights[:, None] * t)
    return rang


def _by_part(weights: FloatArray, rang: FloatArray, part_of: IntArray) -> FloatArray:
    sizes = np.bincount(part_of)
    if sizes.max() == 1:
        return rang[:, np.argsort(part_of)]
    order = np.argsort(part_of, kind="stable")
    starts = np.cumsum(sizes) - sizes
    products = [
        _product(rang[:, order[start : start + size]])
        for start, size in zip(starts, sizes, strict=True)
    ]
    return np.stack(products, axis=1)


def _product(polynomials: FloatArray) -> FloatArray:
    """The product (degrees, times) of polynomials (degrees, factors, times)."""
    while polynomials.shape[1] > 1:
        polynomials = _halved(polynomials)
    return polynomials[:, 0]


def _of_the_others(polynomials: FloatArray) -> FloatArray:
    """For each factor, the product of all others."""
    factors = polynomials.shape[1]
    if factors == 1:
        return _ones(polynomials, 1)
    others = _of_the_others(_halved(polynomials))
    padded = _padded(polynomials)
    siblings = padded.reshape(*_pairs(padded))[:, :, ::-1]
    products = _times(others[:, :, None], siblings)
    return products.reshape(padded.shape)[:, :factors]


def _halved(polynomials: FloatArray) -> FloatArray:
    padded = _padded(polynomials)
    pairs = padded.reshape(*_pairs(padded))
    return _times(pairs[:, :, 0], pairs[:, :, 1])


def _pairs(polynomials: FloatArray) -> tuple[int, int, int, int]:
    degrees, factors, times = polynomials.shape
    return degrees, factors // 2, 2, times


def _padded(polynomials: FloatArray) -> FloatArray:
    if polynomials.shape[1] % 2 == 0:
        return polynomials
    return np.concatenate([polynomials, _ones(polynomials, 1)], axis=1)


def _ones(polynomials: FloatArray, factors: int) -> FloatArray:
    degrees, _, times = polynomials.shape
    ones = np.zeros((degrees, factors, times))
    ones[0] = 1.0
    return ones


def _times(left: FloatArray, right: FloatArray) -> FloatArray:
    """The products, cut off at the same degree."""
    degrees = len(left)
    products = left[:1] * right
    for degree in range(1, degrees):
        products[degree:] += left[degree : degree + 1] * right[: degrees - degree]
    return products
