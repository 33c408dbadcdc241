"""Experts of which there are several copies: each choice goes to one of them, all equally likely.

The copy is drawn for each token, whichever device the token comes from: nearer copies are not
preferred, as they would take more than their share where sources are uneven.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from sim.experts.placement import IntArray
from sim.experts.popularity import FloatArray


@dataclass(frozen=True, slots=True)
class Copies:
    """Which copies there are of each expert of each layer, the first ones first."""

    expert_of: IntArray
    """(layers, copies)."""
    counts: IntArray
    """(layers, experts): how many copies of each."""
    copy_of: IntArray
    """(layers, experts, most copies of one): their numbers; the first once more where no more."""
    _several: tuple[npt.NDArray[np.intp], ...]
    """Layers and experts of those with more than one ..."""
    _shares: FloatArray
    """... and (those, most copies) how likely a choice goes to each."""

    @classmethod
    def of(cls, expert_of: IntArray, experts: int) -> "Copies | None":
        """None where there is one of each."""
        layers, copies = expert_of.shape
        if copies == experts:
            return None
        counts = np.zeros((layers, experts), dtype=np.int64)
        np.add.at(counts, (np.arange(layers)[:, None], expert_of), 1)
        copy_of = np.repeat(np.tile(np.arange(experts), (layers, 1))[:, :, None], counts.max(), 2)
        filled = np.ones_like(counts)
        every = np.arange(layers)
        for copy in range(experts, copies):
            expert = expert_of[:, copy]
            copy_of[every, expert, filled[every, expert]] = copy
            filled[every, expert] += 1
        several = np.nonzero(counts > 1)
        # Shares in descending places: what rounding leaves goes to the last, a copy there is.
        share = np.arange(counts.max())[::-1] < counts[several][:, None]
        return cls(expert_of, counts, copy_of, several, share / counts[several][:, None])

    def each(self, of_experts: FloatArray) -> FloatArray:
        """Numbers (layers, experts) split evenly over copies (layers, copies)."""
        shared: FloatArray = np.take_along_axis(of_experts / self.counts, self.expert_of, axis=1)
        return shared

    def drawn(self, tokens: IntArray, generator: np.random.Generator) -> IntArray:
        """Tokens of experts (layers, experts), dealt to their copies (layers, copies)."""
        found = np.take_along_axis(tokens, self.expert_of, axis=1)
        dealt = generator.multinomial(tokens[self._several], self._shares)[:, ::-1]
        copies = self.copy_of[self._several]
        # Places beyond an expert's own copies name its first one, and get nothing.
        is_own = self._shares[:, ::-1] > 0
        layers = np.broadcast_to(self._several[0][:, None], copies.shape)
        found[layers[is_own], copies[is_own]] = dealt[is_own]
        return found

    def picked(
        self, layer: int, experts: npt.NDArray[Any], generator: np.random.Generator
    ) -> IntArray:
        """The copies that tokens use which pick such experts (tokens, k) of a layer."""
        which = (generator.random(experts.shape) * self.counts[layer][experts]).astype(np.int64)
        copies: IntArray = self.copy_of[layer][experts, which]
        return copies
