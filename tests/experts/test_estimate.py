from collections.abc import Iterator

import numpy as np
import pytest

from sim.experts.estimate import sample_tokens, sampled_picks, touched, touches
from sim.experts.placement import IntArray
from sim.experts.popularity import FloatArray
from sim.experts.routing import Choice

LIMITED = Choice(3, 4, 2)


def picks(weights: FloatArray, choice: Choice, tokens: int) -> Iterator[IntArray]:
    return sampled_picks(weights, choice, tokens, np.random.default_rng(1))


def test_uniform_routing_has_no_noise_even_where_it_is_sampled() -> None:
    for choice in (Choice(8), Choice(8, 8, 4)):
        groups = np.arange(256) // 8
        inclusion, touch = touches(
            np.ones(256), choice, [np.arange(256), groups], picks(np.ones(256), choice, 4096)
        )

        assert (inclusion == 8 / 256).all()
        assert np.ptp(touch) < 1e-15


def test_uniform_parts_that_overlap_the_runs_differently_are_told_apart() -> None:
    # Runs are {0..3} and {4..7}; a token picks two experts of one run. A part inside a run is
    # missed with 1/2 (the other run) + 1/2 * 1/6 (the other pair of six); a part with a member in
    # each run is missed by the 3 pairs of six that leave that member out.
    inside, across = np.array([0, 0, 2, 2, 1, 1, 2, 2]), np.array([0, 2, 2, 1, 0, 2, 2, 1])
    tokens = 40_000

    limited = Choice(2, 2, 1)
    first, second = touches(
        np.ones(8), limited, [inside, across], picks(np.ones(8), limited, tokens)
    )

    error = np.sqrt(0.25 / tokens)
    assert first[:2] == pytest.approx([1 - 7 / 12] * 2, abs=4 * error)
    assert second[:2] == pytest.approx([1 / 2] * 2, abs=4 * error)
    assert first[0] == first[1]


def test_a_sample_agrees_with_the_exact_law_where_runs_do_not_matter() -> None:
    weights = np.arange(1.0, 17.0)
    partitions = [np.arange(16), np.arange(16) % 4]
    tokens = 20_000

    exact = touches(weights, Choice(3), partitions, [])
    # Each run is one expert, so that the limit is the choice itself.
    limited = Choice(3, 16, 3)
    sampled = touches(weights, limited, partitions, picks(weights, limited, tokens))

    for wanted, found in zip(exact, sampled, strict=True):
        error = np.sqrt(wanted * (1 - wanted) / tokens)
        assert (np.abs(found - wanted) < 4 * error).all()


def test_the_sample_shrinks_with_the_layers_that_need_their_own() -> None:
    assert sample_tokens(1) == 2**17
    assert sample_tokens(58) == 2**13
    assert sample_tokens(1000) == 2**12


def test_sampled_inclusion_adds_up_to_the_picks() -> None:
    (inclusion,) = touches(
        np.arange(1.0, 17.0), LIMITED, [np.arange(16)], picks(np.arange(1.0, 17.0), LIMITED, 5000)
    )

    assert inclusion.sum() == pytest.approx(3, abs=1e-12)


def test_touched_marks_the_parts_of_a_token_once() -> None:
    hit = touched(np.array([[0, 0, 2], [1, 1, 1]]), 3)

    assert hit.tolist() == [[True, False, True], [False, True, False]]
