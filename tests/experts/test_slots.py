import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.experts.inclusion import touch_probabilities
from sim.experts.slots import deal

FloatArray = npt.NDArray[np.float64]


def inclusion(sigma: float, experts: int, chosen: int) -> FloatArray:
    weights = np.exp(sigma * np.random.default_rng(5).standard_normal(experts))
    (probabilities,) = touch_probabilities(weights, chosen, [np.arange(experts)])
    calibrated: FloatArray = probabilities * chosen / probabilities.sum()
    return calibrated


@settings(max_examples=30, deadline=None)
@given(sigma=st.floats(0, 2), chosen=st.integers(1, 8), experts=st.integers(9, 40))
def test_the_slots_hold_every_expert_s_probability(sigma: float, chosen: int, experts: int) -> None:
    probabilities = inclusion(sigma, experts, chosen)

    slots = deal(np.array([probabilities] * 2), chosen, np.random.default_rng(1))

    held = np.bincount(slots.flat_experts, slots.shares.ravel(), 2 * experts)
    assert held == pytest.approx(np.tile(probabilities, 2), abs=1e-9)
    assert slots.shares.sum(axis=2) == pytest.approx(np.ones((2, chosen)), abs=1e-12)


def test_fewer_experts_are_cut_than_there_are_slots() -> None:
    probabilities = inclusion(1.05, 256, 8)

    slots = deal(probabilities[None], 8, np.random.default_rng(1))

    entries = np.bincount(slots.flat_experts[slots.shares.ravel() > 0], minlength=256)
    # Each cut closes a slot.
    assert (entries > 1).sum() < 8
    assert probabilities[entries > 1].max() < 0.005


@settings(max_examples=30, deadline=None)
@given(tokens=st.integers(0, 300), chosen=st.integers(1, 8))
def test_counts_add_up_to_k_for_each_token(tokens: int, chosen: int) -> None:
    slots = deal(np.array([inclusion(1.0, 20, chosen)] * 3), chosen, np.random.default_rng(1))

    counts = slots.counts(tokens, np.random.default_rng(2))

    assert counts.sum(axis=1).tolist() == [chosen * tokens] * 3


def test_an_expert_that_fits_a_slot_never_gets_more_than_the_tokens() -> None:
    # Halves and quarters fit two slots whole.
    slots = deal(np.array([[0.5, 0.25, 0.25, 0.5, 0.5]]), 2, np.random.default_rng(1))

    counts = np.array([slots.counts(1, np.random.default_rng(seed)) for seed in range(300)])

    assert counts.max() == 1


def test_what_every_token_picks_gets_every_token() -> None:
    slots = deal(np.ones((2, 4)), 4, np.random.default_rng(1))

    assert (slots.counts(7, np.random.default_rng(1)) == 7).all()


def test_a_popular_expert_s_count_is_binomial() -> None:
    probabilities = inclusion(1.4, 64, 8)
    hot = int(probabilities.argmax())
    slots = deal(probabilities[None], 8, np.random.default_rng(1))

    counts = [int(slots.counts(50, np.random.default_rng(s))[0, hot]) for s in range(3000)]

    # Variance T p (1 - p); a multinomial of k T would have T p (1 - p / k), several times more.
    p = probabilities[hot]
    assert p > 0.7
    # Relative standard error of a variance over n draws: sqrt(2 / n) = 2.6 %.
    assert np.var(counts) == pytest.approx(50 * p * (1 - p), rel=4 * 0.026)
    assert np.mean(counts) == pytest.approx(50 * p, abs=4 * np.sqrt(50 * p * (1 - p) / 3000))
