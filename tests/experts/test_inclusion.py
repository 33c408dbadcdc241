from itertools import permutations
from math import comb

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.experts.inclusion import touch_probabilities, uniform_touch

FloatArray = npt.NDArray[np.float64]


def enumerated(
    weights: list[float], chosen: int, part_of: list[int]
) -> tuple[list[float], list[float]]:
    """Inclusion and touch probabilities by adding up every ordered choice."""
    inclusion, touch = [0.0] * len(weights), [0.0] * (max(part_of) + 1)
    for picked in permutations(range(len(weights)), chosen):
        probability, left = 1.0, list(weights)
        for expert in picked:
            probability *= weights[expert] / sum(left)
            left[expert] = 0.0
        for expert in picked:
            inclusion[expert] += probability
        for part in {part_of[expert] for expert in picked}:
            touch[part] += probability
    return inclusion, touch


@settings(max_examples=40, deadline=None)
@given(
    weights=st.lists(st.floats(1e-3, 1e3), min_size=6, max_size=6),
    chosen=st.integers(1, 5),
    part_of=st.permutations([0, 0, 0, 1, 1, 2]),
)
def test_probabilities_are_those_of_every_ordered_choice(
    weights: list[float], chosen: int, part_of: list[int]
) -> None:
    partitions = [np.arange(6), np.array(part_of)]

    inclusion, touch = touch_probabilities(np.array(weights), chosen, partitions)

    expected = enumerated(weights, chosen, part_of)
    assert inclusion == pytest.approx(expected[0], abs=1e-10)
    assert touch == pytest.approx(expected[1], abs=1e-10)


def test_weights_over_fourteen_orders_of_magnitude_are_still_exact() -> None:
    weights = [1e6, 1e3, 5.0, 1.0, 1e-4, 1e-8]

    (inclusion,) = touch_probabilities(np.array(weights), 3, [np.arange(6)])

    assert inclusion == pytest.approx(enumerated(weights, 3, [0] * 6)[0], abs=1e-10)


@pytest.mark.parametrize("size", [1, 8, 64, 250])
def test_equal_weights_give_the_hypergeometric_law(size: int) -> None:
    part_of = (np.arange(256) >= size).astype(np.int64)
    missed = comb(256 - size, 8) / comb(256, 8)

    (touch,) = touch_probabilities(np.ones(256), 8, [part_of])

    assert touch[0] == pytest.approx(1 - missed, abs=1e-10)
    assert uniform_touch(256, 8, np.array([size]))[0] == pytest.approx(1 - missed, abs=1e-14)


@settings(max_examples=20, deadline=None)
@given(sigma=st.floats(0, 2.5), chosen=st.integers(1, 12), seed=st.integers(0, 1000))
def test_inclusion_adds_up_to_the_picks(sigma: float, chosen: int, seed: int) -> None:
    weights = np.exp(sigma * np.random.default_rng(seed).standard_normal(60))

    (inclusion,) = touch_probabilities(weights, chosen, [np.arange(60)])

    assert inclusion.sum() == pytest.approx(chosen, abs=1e-8)
    assert inclusion.max() <= 1


def test_a_token_that_picks_everything_touches_everything() -> None:
    partitions = [np.arange(4), np.array([0, 0, 1, 1])]

    inclusion, touch = touch_probabilities(np.array([1.0, 2.0, 3.0, 4.0]), 4, partitions)

    assert inclusion == pytest.approx([1.0] * 4, abs=1e-10)
    assert touch == pytest.approx([1.0] * 2, abs=1e-10)


def test_parts_may_be_of_any_size_and_order() -> None:
    weights = np.array([5.0, 1.0, 2.0, 1.0, 1.0])

    inclusion, whole = touch_probabilities(
        weights, 2, [np.array([4, 3, 2, 1, 0]), np.zeros(5, int)]
    )

    assert inclusion[::-1] == pytest.approx(enumerated(list(weights), 2, [0] * 5)[0], abs=1e-10)
    assert whole == pytest.approx([1.0], abs=1e-10)
