import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.network.sums import SetSums, sums_of_runs

sizes = st.integers(1, 30)


@st.composite
def sets_over_a_grid(draw: st.DrawFn) -> tuple[int, int, list[list[int]]]:
    size = draw(sizes)
    index = st.integers(0, size - 1)
    most = st.sets(index, max_size=2).map(lambda out: sorted(set(range(size)) - out))
    sets = st.one_of(st.sets(index, min_size=1).map(sorted), most.filter(bool))
    return size, draw(sizes), draw(st.lists(sets, max_size=6))


@given(sets_over_a_grid(), st.integers(0, 2**32))
def test_each_sum_is_that_of_the_sets_members(
    grid: tuple[int, int, list[list[int]]], seed: int
) -> None:
    size, width, sets = grid
    values = np.random.default_rng(seed).random((2, 3, size))

    sums = SetSums.over(size, width, sets).of(values)

    assert sums.shape == (2, 3, len(sets))
    for place in np.ndindex(2, 3):
        expected = [math.fsum(values[place][index] for index in members) for members in sets]
        assert sums[place].tolist() == pytest.approx(expected)


@given(sets_over_a_grid(), st.integers(0, 2**32))
def test_a_sum_is_the_same_to_the_bit_in_any_batch(
    grid: tuple[int, int, list[list[int]]], seed: int
) -> None:
    size, width, sets = grid
    values = np.random.default_rng(seed).random((7, size))
    sums = SetSums.over(size, width, sets)

    together = sums.of(values)

    assert all((sums.of(row) == of_row).all() for row, of_row in zip(values, together, strict=True))


def test_all_but_one_of_many_are_few_terms() -> None:
    sums = SetSums.over(64, 8, [[other for other in range(64) if other != 20]])

    # Seven whole rows, and seven in the row of the one left out.
    assert sums.terms == 14


def test_no_runs_have_no_sums() -> None:
    assert sums_of_runs(np.ones((3, 0)), np.zeros(0, dtype=np.int64)).shape == (3, 0)
