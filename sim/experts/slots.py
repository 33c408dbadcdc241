"""Inclusion probabilities dealt into k slots, so that counts of experts are drawn fast and well.

A multinomial of k T draws gives every count the right mean, but lets one token pick an expert
twice: a popular expert's count varies too much and may exceed the T tokens. Here the experts are
dealt into k slots whose probabilities add up to one, and each slot draws T times. An expert that
lies in one slot then has exactly the count it should have, binomial(T, p), never above T. The
price is the same. Experts of one slot exclude each other and those of two slots do not know of
each other; as the deal is random, layer by layer, the two even out in sums over experts.

What fits no slot whole is cut (at most k - 1 experts a layer, the least popular ones): a cut
expert's count has the right mean, and exceeds T only if nearly every token picks it twice.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sim.experts.placement import IntArray
from sim.experts.popularity import FloatArray

_ROUNDING = 1e-12


@dataclass(frozen=True, slots=True)
class Slots:
    """What each slot draws from; rows are filled up in front with probabilities of zero."""

    shares: FloatArray
    """(layers, slots, entries), adding up to one in each slot."""
    flat_experts: npt.NDArray[np.intp]
    """(layers * slots * entries,): layer * experts + expert of each entry."""
    experts: int

    def counts(self, tokens: int, generator: np.random.Generator) -> IntArray:
        """The tokens (layers, experts) that each expert gets."""
        drawn = generator.multinomial(tokens, self.shares)
        # Counts are far below 2**53, so adding them up as floats is exact.
        size = len(self.shares) * self.experts
        total = np.bincount(self.flat_experts, drawn.ravel(), minlength=size)
        return total.astype(np.int64).reshape(-1, self.experts)


def deal(inclusion: FloatArray, slots: int, generator: np.random.Generator) -> Slots:
    """The slots for inclusion probabilities (layers, experts) that add up to `slots`."""
    layers, experts = inclusion.shape
    shares = _dealt(inclusion, slots, generator)
    entries = int((shares > 0).sum(axis=2).max())
    # Ascending shares: the zeros come first, the largest share last, where the remainder goes.
    order = np.argsort(shares, axis=2, kind="stable")[:, :, -entries:]
    kept = np.take_along_axis(shares, order, axis=2)
    flat = np.arange(layers)[:, None, None] * experts + order
    return Slots(kept / kept.sum(axis=2, keepdims=True), flat.ravel(), experts)


def _dealt(inclusion: FloatArray, slots: int, generator: np.random.Generator) -> FloatArray:
    """Shares (layers, slots, experts): the most popular first, to a random slot with room."""
    layers, experts = inclusion.shape
    shares = np.zeros((layers, slots, experts))
    room = np.ones((layers, slots))
    every = np.arange(layers)
    for expert in np.argsort(-inclusion, axis=1, kind="stable").T:
        share = inclusion[every, expert]
        fits = room >= share[:, None] - _ROUNDING
        slot = (generator.random((layers, slots)) * fits).argmax(axis=1)
        whole = fits[every, slot]
        shares[every[whole], slot[whole], expert[whole]] = share[whole]
        room[every[whole], slot[whole]] -= share[whole]
        for layer in every[~whole]:
            _cut(shares[layer, :, expert[layer]], room[layer], float(share[layer]))
    return shares


def _cut(shares: FloatArray, room: FloatArray, share: float) -> None:
    """Spread a share over the roomiest slots; both arrays (slots,) are changed in place."""
    for slot in np.argsort(-room, kind="stable"):
        part = min(share, float(room[slot]))
        shares[slot] += part
        room[slot] -= part
        share -= part
