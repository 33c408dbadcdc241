"""Several ways to do the same collective: each buffer goes by the one that is fastest for it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from sim.network.loads import FloatArray, IntArray, Loads, mask_of
from sim.network.patterns import Pattern

Priced = Callable[[Pattern, Loads], Loads]
"""The loads of a pattern with what the engine makes of them: launches, steps, efficiency."""


def _as_they_are(_: Pattern, loads: Loads) -> Loads:
    return loads


@dataclass(frozen=True, slots=True, eq=False)
class Choice:
    """Patterns that do the same; the first wins where several take as long."""

    patterns: tuple[Pattern, ...]
    mask: int
    """Of the links of all."""
    _links: IntArray
    _places: tuple[IntArray, ...]
    """Of each pattern: where its links stand among all."""
    _capacity_bytes_per_s: FloatArray

    @classmethod
    def of(cls, patterns: Sequence[Pattern], capacity_bytes_per_s: FloatArray) -> "Choice":
        """At least one; capacity is of all links."""
        links = np.unique(np.concatenate([pattern.links for pattern in patterns]))
        places = tuple(np.searchsorted(links, pattern.links) for pattern in patterns)
        return cls(tuple(patterns), mask_of(links), links, places, capacity_bytes_per_s)

    def among(self, patterns: Sequence[Pattern]) -> "Choice":
        """One of these alone."""
        return self.of(patterns, self._capacity_bytes_per_s)

    @property
    def used_links(self) -> frozenset[int]:
        """Numbers of the links that it may put bytes on."""
        return frozenset(self._links.tolist())

    def loads(self, bytes_: ArrayLike, priced: Priced = _as_they_are) -> Loads:
        """The loads for bytes (..., groups), by the pattern that is the fastest when priced so."""
        each = [priced(pattern, pattern.loads(bytes_)) for pattern in self.patterns]
        return each[0] if len(each) == 1 else self._merged(each, self._fastest(each))

    def single_loads(
        self, bytes_: ArrayLike, priced: Priced, among: Sequence[int] | None = None
    ) -> Loads:
        """The same for the bytes (groups) of one collective; of some patterns, by their numbers."""
        numbers = range(len(self.patterns)) if among is None else among
        patterns = [self.patterns[number] for number in numbers]
        each = [priced(pattern, pattern.loads(bytes_)) for pattern in patterns]
        chosen = 0 if len(each) == 1 else int(self._fastest(each))
        return self._on_all_links(each[chosen], self._places[numbers[chosen]])

    def _on_all_links(self, one: Loads, places: IntArray) -> Loads:
        if len(self.patterns) == 1:
            return one
        amounts, streams = np.zeros((2, len(self._links)))
        amounts[places], streams[places] = one.amounts, one.streams
        return replace(one, links=self._links, amounts=amounts, streams=streams, mask=self.mask)

    def alone_s(self, bytes_: ArrayLike, priced: Priced = _as_they_are) -> Any:
        """(...) How long these loads take when nobody else is there, without making them."""
        each = (priced(pattern, pattern.loads(bytes_)) for pattern in self.patterns)
        return reduce(np.minimum, (one.alone_s(self._capacity_bytes_per_s) for one in each))

    def chosen(self, bytes_: ArrayLike, priced: Priced = _as_they_are) -> list[str] | str:
        """The names of the algorithms by which buffers of these bytes (..., groups) go."""
        each = [priced(pattern, pattern.loads(bytes_)) for pattern in self.patterns]
        names = np.array([pattern.algorithm for pattern in self.patterns])
        found: list[str] | str = names[self._fastest(each)].tolist()
        return found

    def _fastest(self, each: list[Loads]) -> IntArray:
        taken_s = np.stack([one.alone_s(self._capacity_bytes_per_s) for one in each])
        fastest: IntArray = taken_s.argmin(axis=0)
        return fastest

    def _merged(self, each: list[Loads], chosen: IntArray) -> Loads:
        """(...) of the chosen ones, on the links of all: who shares links does not depend on it."""
        amounts = np.zeros((*chosen.shape, len(self._links)))
        streams = np.zeros_like(amounts)
        for number, (one, at) in enumerate(zip(each, self._places, strict=True)):
            is_chosen = (chosen == number)[..., None]
            amounts[..., at] += one.amounts * is_chosen
            streams[..., at] += one.streams * is_chosen
        latency_s = np.array([one.latency_s for one in each])[chosen]
        least_drain_s = np.choose(chosen, [one.least_drain_s for one in each])[()]
        return replace(
            each[0],
            links=self._links,
            amounts=amounts,
            streams=streams,
            latency_s=latency_s,
            mask=self.mask,
            least_drain_s=least_drain_s,
        )
