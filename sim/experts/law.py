"""What routing does on average: how likely a token is to pick an expert, a group, a box.

Made once at load. Layers whose weights and placement are alike share one computation.
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from sim.experts.estimate import sample_tokens, touches
from sim.experts.placement import IntArray, members
from sim.experts.popularity import FloatArray
from sim.experts.routing import Choice
from sim.experts.slots import Slots, deal
from sim.rng import stream


class Reach(NamedTuple):
    """How tokens reach parts of the experts (groups of devices, boxes), arrays (layers, parts)."""

    copies: FloatArray
    """Experts of the part that a token picks, on average."""
    touch: FloatArray
    """The probability that a token picks any of them."""
    slope: FloatArray
    """Distinct tokens that come with one more copy: the regression of the one on the other."""
    most_copies: FloatArray
    """Copies of one token that the part can take: (parts,)."""
    shares: FloatArray
    """Of all copies; by their own sum, as rounding must not make a single one more than 1."""


@dataclass(frozen=True, slots=True)
class RoutingLaw:
    """The probabilities of every layer of experts, and how the fast draw uses them."""

    experts_per_token: int
    inclusion: FloatArray
    """(layers, experts): that a token picks this expert; adds up to `experts_per_token`."""
    group_of: IntArray
    """(layers, experts): the group of devices that holds the expert."""
    members: IntArray
    """(layers, groups, experts of a group): the inverse."""
    box_of_group: IntArray
    """(groups,)."""
    groups: Reach
    boxes: Reach
    slots: Slots
    sampled_tokens: int | None
    """Tokens of the sample behind each layer's probabilities; None where they are exact."""

    @property
    def touch_group(self) -> FloatArray:
        """(layers, groups): the probability that a token goes to the group at all."""
        return self.groups.touch

    @property
    def touch_box(self) -> FloatArray:
        """(layers, boxes): the probability that a token goes to the box at all."""
        return self.boxes.touch

    def by_group(self, of_experts: npt.NDArray[Any]) -> FloatArray:
        """The sums (layers, groups) of numbers (layers, experts)."""
        layers, groups, size = self.members.shape
        ordered = np.take_along_axis(of_experts, self.members.reshape(layers, -1), axis=1)
        sums: FloatArray = ordered.reshape(layers, groups, size).sum(axis=2, dtype=np.float64)
        return sums

    def by_box(self, of_groups: FloatArray) -> FloatArray:
        """The sums (layers, boxes) of numbers (layers, groups)."""
        return _sums(of_groups, np.broadcast_to(self.box_of_group, of_groups.shape))


def routing_law(
    weights: FloatArray,
    choice: Choice,
    group_of: IntArray,
    box_of_group: IntArray,
    seed: int,
) -> RoutingLaw:
    """The law for weights (layers, experts), groups of experts, and the box of each group.

    Groups hold equally many experts; groups and boxes are numbered from 0 without gaps.
    """
    chosen = choice.experts_per_token
    box_of = box_of_group[group_of]
    inclusion, touch_group, touch_box, tokens = _estimates(weights, choice, group_of, box_of, seed)
    return RoutingLaw(
        experts_per_token=chosen,
        inclusion=inclusion,
        group_of=group_of,
        members=members(group_of, len(box_of_group)),
        box_of_group=box_of_group,
        groups=_reach(inclusion, group_of, touch_group, chosen),
        boxes=_reach(inclusion, box_of, touch_box, chosen),
        slots=deal(inclusion, chosen, stream(seed, "expert slots")),
        sampled_tokens=tokens if choice.is_limited else None,
    )


def _estimates(
    weights: FloatArray, choice: Choice, group_of: IntArray, box_of: IntArray, seed: int
) -> tuple[FloatArray, FloatArray, FloatArray, int]:
    """Inclusion (layers, experts), touch of groups and boxes (layers, …), tokens sampled."""
    layers, experts = weights.shape
    popularities, popularity_of = _alike(weights)
    tokens = sample_tokens(len(popularities))
    inclusion = np.empty((layers, experts))
    touch_group = np.empty((layers, int(group_of.max()) + 1))
    touch_box = np.empty((layers, int(box_of.max()) + 1))
    for number, popularity in enumerate(popularities):
        sharing = np.flatnonzero(popularity_of == number)
        placements, placement_of = _alike(group_of[sharing])
        firsts = [sharing[placement_of == place][0] for place in range(len(placements))]
        partitions = [np.arange(experts), *group_of[firsts], *box_of[firsts]]
        generator = stream(seed, "routing sample", number)
        picked, *touch = touches(popularity, choice, partitions, tokens, generator)
        inclusion[sharing] = _calibrated(picked, choice.experts_per_token)
        touch_group[sharing] = np.array(touch[: len(firsts)])[placement_of]
        touch_box[sharing] = np.array(touch[len(firsts) :])[placement_of]
    return inclusion, touch_group, touch_box, tokens


def _alike(rows: npt.NDArray[Any]) -> tuple[npt.NDArray[Any], IntArray]:
    """The different rows in the order in which they appear, and for each row which it is."""
    _, first, number = np.unique(rows, axis=0, return_index=True, return_inverse=True)
    order = np.argsort(first)
    return rows[first[order]], np.argsort(order)[number.ravel()]


def _calibrated(inclusion: FloatArray, chosen: int) -> FloatArray:
    """Probabilities that add up to `chosen` but for rounding, none above one."""
    # In proportion to p (1 - p), so that what is certain or impossible stays so.
    free = inclusion * (1 - inclusion)
    if not free.any():
        return inclusion
    calibrated: FloatArray = inclusion + free * ((chosen - inclusion.sum()) / free.sum())
    return calibrated


def _reach(inclusion: FloatArray, part_of: IntArray, touch: FloatArray, chosen: int) -> Reach:
    copies = _sums(inclusion, part_of)
    # Covariances of a fixed number of picks as Hajek (1964) has them: with d = p (1 - p), the
    # variance of a part's copies is (sum of d) times (1 - its share of the sum over all).
    free = _sums(inclusion * (1 - inclusion), part_of)
    total = free.sum(axis=1, keepdims=True)
    variance = free * (1 - np.divide(free, total, out=np.ones_like(free), where=total > 0))
    covariance = copies * (1 - touch)
    slope = np.divide(covariance, variance, out=np.ones_like(free), where=variance > 0)
    sizes = np.bincount(part_of[0])
    return Reach(
        copies,
        touch,
        slope.clip(0.0, 1.0),
        np.minimum(sizes, chosen).astype(np.float64),
        copies / copies.sum(axis=1, keepdims=True),
    )


def _sums(numbers: FloatArray, part_of: IntArray) -> FloatArray:
    """Sums (layers, parts) of numbers (layers, n) by their parts (layers, n)."""
    layers, parts = len(numbers), int(part_of.max()) + 1
    flat = np.arange(layers)[:, None] * parts + part_of
    sums = np.bincount(flat.ravel(), numbers.ravel(), layers * parts).astype(np.float64)
    return sums.reshape(layers, parts)
