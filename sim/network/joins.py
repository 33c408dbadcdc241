"""Which member of a group a pattern joins with which, in the order of adding."""

from collections.abc import Iterator
from itertools import combinations, pairwise, product
from typing import TypeVar

import numpy as np

from sim.spec.topology import Join

Pair = tuple[str, str]
_Part = TypeVar("_Part")


def matched(join: Join, runs: int, ones: list[str], others: list[str]) -> Iterator[Pair]:
    """The pairs of an entry's pattern, whose groups are cut into so many runs."""
    match join.pattern:
        case "all":
            return product(ones, others)
        case "index":
            return zip(ones, others, strict=True)
        case "blocks":
            return _in_blocks(cut(ones, runs), cut(others, runs))
        case "stripes":
            return _in_stripes(ones, others, runs)
    return _within(join, runs, ones)


def _within(join: Join, runs: int, ones: list[str]) -> Iterator[Pair]:
    """The pairs of one group."""
    match join.pattern:
        case "mesh":
            return (pair for run in cut(ones, runs) for pair in combinations(run, 2))
        case "dragonfly":
            return _between_runs(cut(ones, runs))
        case "torus":
            return _on_torus(join.shape or (), ones)
    return pairwise(ones)


def cut(members: list[_Part], runs: int) -> list[list[_Part]]:
    """Equal runs of neighbours."""
    length = len(members) // runs
    return [members[start : start + length] for start in range(0, len(members), length)]


def _in_stripes(ones: list[str], others: list[str], runs: int) -> Iterator[Pair]:
    """Those whose numbers have the same remainder."""
    for number in range(runs):
        yield from product(ones[number::runs], others[number::runs])


def _in_blocks(ones: list[list[str]], others: list[list[str]]) -> Iterator[Pair]:
    # The shorter runs first in each pair: so a part has its links in the order of the larger group.
    for run, other in zip(*sorted((ones, others), key=lambda runs: len(runs[0])), strict=True):
        yield from product(run, other)


def _between_runs(runs: list[list[str]]) -> Iterator[Pair]:
    """A link between every two runs; those of one run go round its members in turn."""
    for (here, one), (there, other) in combinations(enumerate(runs), 2):
        to_there, to_here = (there - here - 1, here - there - 1 + len(runs))
        yield one[to_there % len(one)], other[to_here % len(other)]


def _on_torus(shape: tuple[int, ...], ones: list[str]) -> Iterator[Pair]:
    """Each with its next in every direction of the grid, and the last with the first."""
    places = np.arange(len(ones)).reshape(shape)
    for axis, side in enumerate(shape):
        # In a side of two the way round would be the same link once more.
        starts = range(side if side > 2 else side - 1)
        here, following = (grid.take(starts, axis) for grid in (places, np.roll(places, -1, axis)))
        yield from ((ones[i], ones[j]) for i, j in zip(here.flat, following.flat, strict=True))
