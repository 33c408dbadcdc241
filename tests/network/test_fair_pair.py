"""The search for two against the general filling, and against its law."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from sim.network.fair_pair import speeds_of_two
from sim.network.fairshare import _speeds
from sim.network.loads import FloatArray

ROUNDING = 1e-9


@st.composite
def pairs(draw: st.DrawFn) -> tuple[FloatArray, FloatArray]:
    """Needs and streams of two on a few links, on one of which each needs everything."""
    links = draw(st.integers(1, 8))
    shares = st.sampled_from([0.0, 0.001, 0.25, 0.5, 0.7, 0.999999, 1.0]) | st.floats(0.0, 1.0)
    needs = draw(arrays.arrays(np.float64, (2, links), elements=shares.filter(_is_normal)))
    for row in needs:
        row[draw(st.integers(0, links - 1))] = 1.0
    counts = st.sampled_from([1.0, 2.0, 7.0, 50.0])
    streams = draw(arrays.arrays(np.float64, (2, links), elements=counts))
    return needs, np.where(needs > 0, streams, 0.0)


def _is_normal(share: float) -> bool:
    return share == 0 or share > 1e-6


def is_held(one: int, speeds: FloatArray, needs: FloatArray, streams: FloatArray) -> bool:
    """Whether some full link gives it as much per stream as the other."""
    full = speeds @ needs >= 1 - ROUNDING
    per_stream = needs * speeds[:, None] / np.maximum(streams, 1.0)
    largest = per_stream[one] >= per_stream[1 - one] * (1 - ROUNDING)
    return bool((full & largest & (needs[one] > 0)).any())


def check(needs: FloatArray, streams: FloatArray) -> None:
    speeds = speeds_of_two(needs, streams)

    assert (speeds > 0).all()
    assert (speeds @ needs).max() <= 1 + ROUNDING
    assert is_held(0, speeds, needs, streams)
    assert is_held(1, speeds, needs, streams)


@given(pairs())
@settings(max_examples=100, deadline=None)
def test_both_are_held_back_by_a_full_link_of_their_own(
    pair: tuple[FloatArray, FloatArray],
) -> None:
    check(*pair)


@pytest.mark.slow
@given(pairs())
@settings(max_examples=20_000, deadline=None)
def test_both_are_held_back_in_many_cases(pair: tuple[FloatArray, FloatArray]) -> None:
    check(*pair)


def test_two_on_links_of_equal_streams_are_the_general_filling() -> None:
    # With as many streams everywhere the answer is unique.
    generator = np.random.default_rng(1)
    for _ in range(300):
        needs = generator.random((2, 6))
        needs /= needs.max(axis=1, keepdims=True)
        streams = np.ones((2, 6))
        np.testing.assert_allclose(
            speeds_of_two(needs, streams), _speeds(needs, streams), rtol=1e-9
        )


def test_by_hand() -> None:
    # The first fills link 0, the second link 1; on link 2 they need 0.8 and 0.9, one stream each:
    # half of it for both is 0.5 / 0.8 and 0.5 / 0.9, and links 0 and 1 are not full.
    needs = np.array([[1.0, 0.0, 0.8], [0.0, 1.0, 0.9]])

    assert speeds_of_two(needs, np.ones((2, 3))).tolist() == pytest.approx([0.625, 0.5 / 0.9])


def test_at_a_corner_each_has_its_own_link() -> None:
    # Both links are full at speeds of 2/3; the first has the larger share of link 0.
    needs = np.array([[1.0, 0.5], [0.5, 1.0]])

    assert speeds_of_two(needs, np.ones((2, 2))).tolist() == pytest.approx([2 / 3, 2 / 3])
