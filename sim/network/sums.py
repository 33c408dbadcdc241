"""Sums over many fixed sets of an array's last axis, the same to the bit in any batch.

They are gathered and added; a matrix product would round by shape. A set that holds whole rows or
columns of a grid laid over the axis takes their sums in place of their members, so that
'all but one' stays short.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sim.network.loads import FloatArray, IntArray

Members = Sequence[int]


@dataclass(frozen=True, slots=True, eq=False)
class SetSums:
    """The sets, none of which is empty, as terms: members first, then rows, then columns."""

    _blocks: "Gather"
    _sets: "Gather"

    @classmethod
    def over(cls, size: int, width: int, sets: Sequence[Members]) -> "SetSums":
        """Sets of indices below `size`, over a grid of this width."""
        rows = [list(range(first, min(first + width, size))) for first in range(0, size, width)]
        columns = [list(range(first, size, width)) for first in range(min(width, size))]
        first_column = size + len(rows)
        return cls(
            Gather.of(rows + columns),
            Gather.of(
                [
                    min(_cover(one, rows, size), _cover(one, columns, first_column), key=len)
                    for one in map(frozenset, sets)
                ]
            ),
        )

    @property
    def terms(self) -> int:
        """How many numbers are added, beside those of the rows and columns."""
        return self._sets.indices.size

    def of(self, values: FloatArray) -> FloatArray:
        """(..., sets) from (..., size)."""
        # Along the first axis numpy adds whole rows; along the last it would go number by number.
        rows = np.moveaxis(values, -1, 0)
        blocks = self._blocks.sums(rows)
        return np.moveaxis(self._sets.sums(np.concatenate([rows, blocks])), 0, -1)


@dataclass(frozen=True, slots=True, eq=False)
class Gather:
    """Plain sums of the members of sets, one member after the other."""

    indices: IntArray
    """All first members, then all second ones of the sets that have them, and so on."""
    counts: tuple[int, ...]
    """How many sets have a first member, a second one, ..."""
    places: IntArray
    """Where each set stands, when those with the most members come first."""

    @classmethod
    def of(cls, sets: Sequence[Members]) -> "Gather":
        """None of the sets may be empty."""
        assert all(sets)
        order = sorted(range(len(sets)), key=lambda number: -len(sets[number]))
        longest_first = [sets[number] for number in order]
        rounds = [
            [members[number] for members in longest_first if len(members) > number]
            for number in range(max(map(len, sets), default=0))
        ]
        return cls(
            np.array([index for one in rounds for index in one], dtype=np.int64),
            tuple(map(len, rounds)),
            np.argsort(np.array(order, dtype=np.int64)),
        )

    def sums(self, values: FloatArray) -> FloatArray:
        """(sets, ...) from (size, ...)."""
        first = 0
        total = np.zeros((0, *values.shape[1:]))
        for count in self.counts:
            members = values.take(self.indices[first : first + count], axis=0)
            if first:
                total[:count] += members
            else:
                total = members
            first += count
        return total.take(self.places, axis=0)


def sums_of_runs(terms: FloatArray, starts: IntArray) -> FloatArray:
    """(..., runs) from (..., terms), each run from its start to the next one's."""
    if not starts.size:
        return np.zeros((*terms.shape[:-1], 0))
    return np.add.reduceat(terms, starts, axis=-1)


def _cover(members: frozenset[int], blocks: Sequence[Members], first: int) -> list[int]:
    """The members, with whole blocks (numbered from `first`) in the place of theirs."""
    whole = [number for number, block in enumerate(blocks) if members.issuperset(block)]
    covered = members.difference(*(blocks[number] for number in whole))
    return sorted(covered) + [first + number for number in whole]
