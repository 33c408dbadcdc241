"""What routing does on average: how likely a token is to pick an expert, a group, a box.

Made at load, and anew when popularity drifts or experts move. Layers whose weights and placement
are alike share one computation. Where experts have copies or move, what groups and boxes share of a
token comes from tokens that are routed one by one (`sample.py`).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from sim.experts.copies import Copies
from sim.experts.estimate import sample_tokens, sampled_picks, touches
from sim.experts.placement import IntArray, Places, members
from sim.experts.popularity import FloatArray
from sim.experts.routing import Choice
from sim.experts.sample import Sample, alike
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
    """(layers, copies): the group of devices that holds the copy; of one of each, the expert."""
    members: IntArray
    """(layers, groups, copies of a group): the inverse."""
    box_of_group: IntArray
    """(groups,)."""
    groups: Reach
    boxes: Reach
    slots: Slots
    sampled_tokens: int | None
    """Tokens of the sample behind each layer's probabilities; None where they are exact."""
    copies: Copies | None = None
    """Where there is more than one of some expert."""
    sample: Sample | None = None
    """Where experts have copies or move."""

    @property
    def expert_of(self) -> IntArray:
        """(layers, copies): of which expert each is."""
        if self.copies is not None:
            return self.copies.expert_of
        return np.broadcast_to(np.arange(self.group_of.shape[1]), self.group_of.shape)

    @property
    def of_copies(self) -> FloatArray:
        """(layers, copies): the probability that a token goes to the copy."""
        return self.inclusion if self.copies is None else self.copies.each(self.inclusion)

    @property
    def touch_group(self) -> FloatArray:
        """(layers, groups): the probability that a token goes to the group at all."""
        return self.groups.touch

    @property
    def touch_box(self) -> FloatArray:
        """(layers, boxes): the probability that a token goes to the box at all."""
        return self.boxes.touch

    @property
    def places(self) -> Places:
        """Where experts lie."""
        return Places(self.group_of, self.expert_of)

    def by_expert(self, of_copies: IntArray) -> IntArray:
        """The sums (layers, experts) of whole numbers (layers, copies)."""
        if self.copies is None:
            return of_copies
        total = np.zeros(self.inclusion.shape, dtype=np.int64)
        np.add.at(total, (np.arange(len(total))[:, None], self.copies.expert_of), of_copies)
        return total

    def moved(self, places: Places) -> "RoutingLaw":
        """The same of experts that lie elsewhere."""
        assert self.sample is not None
        copies = Copies.of(places.expert_of, self.inclusion.shape[1])
        box_of = self.box_of_group[places.group_of]
        of_copies = self.inclusion if copies is None else copies.each(self.inclusion)
        groups, boxes = self.sample.touches(copies, [places.group_of, box_of])
        return replace(
            self,
            group_of=places.group_of,
            members=members(places.group_of, len(self.box_of_group)),
            groups=_reach(of_copies, places.group_of, groups, self.experts_per_token),
            boxes=_reach(of_copies, box_of, boxes, self.experts_per_token),
            copies=copies,
        )

    def by_group(self, of_copies: npt.NDArray[Any]) -> FloatArray:
        """The sums (layers, groups) of numbers (layers, copies)."""
        layers, groups, size = self.members.shape
        ordered = np.take_along_axis(of_copies, self.members.reshape(layers, -1), axis=1)
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
    sample: Sample | None = None,
) -> RoutingLaw:
    """The law for weights (layers, experts), groups of experts, and the box of each group.

    Groups hold equally many experts; groups and boxes are numbered from 0 without gaps. A sample of
    these weights is made use of where there is one.
    """
    chosen = choice.experts_per_token
    box_of = box_of_group[group_of]
    inclusion, touch, tokens = _estimates(weights, choice, [group_of, box_of], seed, sample)
    return RoutingLaw(
        experts_per_token=chosen,
        inclusion=inclusion,
        group_of=group_of,
        members=members(group_of, len(box_of_group)),
        box_of_group=box_of_group,
        groups=_reach(inclusion, group_of, touch[0], chosen),
        boxes=_reach(inclusion, box_of, touch[1], chosen),
        slots=deal(inclusion, chosen, stream(seed, "expert slots")),
        sampled_tokens=tokens if choice.is_limited else None,
    )


def movable_law(
    weights: FloatArray,
    choice: Choice,
    places: Callable[[FloatArray], Places],
    box_of_group: IntArray,
    seed: int,
) -> RoutingLaw:
    """The same for experts that may have copies, and that `RoutingLaw.moved` can move.

    `places` says where they lie, from the probabilities (layers, experts) that a token picks each.
    """
    one_group = np.zeros(weights.shape, dtype=np.int64)
    sample = Sample.of(weights, choice, seed)
    law = routing_law(weights, choice, one_group, np.zeros(1, dtype=np.int64), seed, sample)
    law = replace(law, box_of_group=box_of_group, sample=sample, sampled_tokens=sample.tokens)
    return law.moved(places(law.inclusion))


def _estimates(
    weights: FloatArray,
    choice: Choice,
    partitions: Sequence[IntArray],
    seed: int,
    sample: Sample | None,
) -> tuple[FloatArray, list[FloatArray], int]:
    """Inclusion (layers, experts), touches (layers, parts) by partition, and tokens sampled.

    Partitions give the part (layers, experts) of each expert; the further ones follow from the
    first one.
    """
    layers, experts = weights.shape
    popularities, popularity_of = alike(weights)
    tokens = sample_tokens(len(popularities))
    inclusion = np.empty((layers, experts))
    touch = [np.empty((layers, int(part_of.max()) + 1)) for part_of in partitions]
    for number, popularity in enumerate(popularities):
        sharing = np.flatnonzero(popularity_of == number)
        placements, placement_of = alike(partitions[0][sharing])
        firsts = [sharing[placement_of == place][0] for place in range(len(placements))]
        flat = [part_of[first] for part_of in partitions for first in firsts]
        generator = stream(seed, "routing sample", number)
        picks = sampled_picks(popularity, choice, tokens, generator)
        picked, *found = touches(
            popularity,
            choice,
            [np.arange(experts), *flat],
            picks if sample is None else [sample.picks[number].astype(np.int64)],
        )
        inclusion[sharing] = _calibrated(picked, choice.experts_per_token)
        for place, of_partition in enumerate(touch):
            start = place * len(firsts)
            of_partition[sharing] = np.array(found[start : start + len(firsts)])[placement_of]
    return inclusion, touch, tokens


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
