"""Tokens routed one by one, kept to see what experts share of them wherever they lie.

A probability p has a standard error of sqrt(p (1 - p) / n) in each layer: of n = 8,192 tokens for
58 layers, 2 % for a group of 32.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from sim.experts.copies import Copies
from sim.experts.estimate import sample_tokens, sampled_picks, touched
from sim.experts.placement import IntArray
from sim.experts.popularity import FloatArray
from sim.experts.routing import Choice
from sim.rng import stream


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """The picks of as many tokens for each popularity."""

    picks: tuple[npt.NDArray[np.int16], ...]
    """Of each popularity, (tokens, k)."""
    popularity_of: IntArray
    """(layers,)"""
    seed: int

    @classmethod
    def of(cls, weights: FloatArray, choice: Choice, seed: int) -> "Sample":
        """For weights (layers, experts)."""
        popularities, popularity_of = alike(weights)
        tokens = sample_tokens(len(popularities))
        picks = []
        for number, popularity in enumerate(popularities):
            generator = stream(seed, "routing sample", number)
            batches = sampled_picks(popularity, choice, tokens, generator)
            picks.append(np.concatenate([batch.astype(np.int16) for batch in batches]))
        return cls(tuple(picks), popularity_of, seed)

    @property
    def tokens(self) -> int:
        """Of each layer."""
        return min(len(self.picks[0]), sample_tokens(len(self.popularity_of)))

    def touches(self, copies: Copies | None, partitions: Sequence[IntArray]) -> list[FloatArray]:
        """By partition, the probability (layers, parts) that a token touches each part.

        A partition gives the part (layers, copies) of each copy; the further ones follow from the
        first one.
        """
        layers = len(self.popularity_of)
        found = [np.empty((layers, int(part_of.max()) + 1)) for part_of in partitions]
        kinds = [self.popularity_of[:, None], partitions[0]]
        kinds += [] if copies is None else [copies.expert_of]
        _, kind_of = alike(np.concatenate(kinds, axis=1))
        for kind in range(int(kind_of.max()) + 1):
            sharing = np.flatnonzero(kind_of == kind)
            picked = self._picked(int(sharing[0]), copies)
            for touch, part_of in zip(found, partitions, strict=True):
                hit = touched(part_of[sharing[0]][picked], touch.shape[1])
                touch[sharing] = hit.mean(axis=0)
        return found

    def _picked(self, layer: int, copies: Copies | None) -> npt.NDArray[Any]:
        picks: npt.NDArray[Any] = self.picks[self.popularity_of[layer]][: self.tokens]
        if copies is None:
            return picks
        return copies.picked(layer, picks, stream(self.seed, "copy sample", layer))


def alike(rows: npt.NDArray[Any]) -> tuple[npt.NDArray[Any], IntArray]:
    """The different rows in the order in which they appear, and for each row which it is."""
    _, first, number = np.unique(rows, axis=0, return_index=True, return_inverse=True)
    order = np.argsort(first)
    return rows[first[order]], np.argsort(order)[number.ravel()]
