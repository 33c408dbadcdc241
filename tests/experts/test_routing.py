import numpy as np
import pytest

from sim.experts.routing import Choice, route
from sim.spec.model import RoutedExperts

WEIGHTS = np.array([8.0, 4.0, 2.0, 1.0, 1.0, 0.5, 0.25, 3.0])


def shares(picks: np.ndarray[tuple[int, ...], np.dtype[np.int64]]) -> list[float]:
    return [float(share) for share in np.bincount(picks.ravel(), minlength=8) / len(picks)]


@pytest.mark.parametrize("choice", [Choice(3), Choice(8), Choice(3, 4, 2), Choice(2, 8, 3)])
def test_a_token_never_picks_an_expert_twice(choice: Choice) -> None:
    picks = route(WEIGHTS, choice, 500, np.random.default_rng(1))

    assert picks.shape == (500, choice.experts_per_token)
    assert all(len(set(picked)) == len(picked) for picked in picks.tolist())


def test_one_pick_goes_by_the_weights() -> None:
    tokens = 40_000

    found = shares(route(WEIGHTS, Choice(1), tokens, np.random.default_rng(1)))

    for share, expected in zip(found, WEIGHTS / WEIGHTS.sum(), strict=True):
        assert share == pytest.approx(expected, abs=4 * np.sqrt(expected / tokens))


def test_picks_follow_one_another_in_proportion_to_the_weights_that_are_left() -> None:
    tokens = 10_000
    generator = np.random.default_rng(2)
    # numpy's choice without replacement is this very law, drawn another way.
    one_by_one = [generator.choice(8, 3, False, WEIGHTS / WEIGHTS.sum()) for _ in range(tokens)]

    found = shares(route(WEIGHTS, Choice(3), tokens, np.random.default_rng(1)))

    for share, expected in zip(found, shares(np.array(one_by_one)), strict=True):
        assert share == pytest.approx(expected, abs=4 * np.sqrt(2 * 0.25 / tokens))


def test_picks_lie_in_as_many_runs_as_a_token_may_reach() -> None:
    picks = route(WEIGHTS, Choice(4, 4, 2), 300, np.random.default_rng(1))

    # Four experts out of two runs of two: exactly two runs, each of them whole.
    for picked in picks.tolist():
        runs = sorted(expert // 2 for expert in picked)
        assert runs[0] == runs[1] < runs[2] == runs[3]


UNEVEN = np.array([100.0, 0.1, 0.1, 0.1, 2.0, 2.0, 2.0, 2.0])
"""A run with one star, and one of equals: which is better depends on how runs are scored."""


def picked_as_published(generator: np.random.Generator) -> list[int]:
    """Top-3 out of the better of two runs of four experts, the way DeepSeek-V3's code says it."""
    scores = [float(np.log(w) - np.log(-np.log(generator.random()))) for w in UNEVEN]
    runs = [scores[0:4], scores[4:8]]
    run_scores = [sum(sorted(run)[-2:]) for run in runs]
    best = run_scores.index(max(run_scores))
    reachable = [(scores[e], e) for e in range(4 * best, 4 * best + 4)]
    return [expert for _, expert in sorted(reachable)[-3:]]


def test_group_limited_routing_does_as_the_published_code() -> None:
    tokens = 6_000
    generator = np.random.default_rng(3)
    expected = shares(np.array([picked_as_published(generator) for _ in range(tokens)]))

    found = shares(route(UNEVEN, Choice(3, 2, 1), tokens, np.random.default_rng(1)))

    assert 0.2 < expected[0] < 0.8
    for share, wanted in zip(found, expected, strict=True):
        assert share == pytest.approx(wanted, abs=4 * np.sqrt(2 * 0.25 / tokens))


def test_a_run_of_one_expert_scores_as_that_expert() -> None:
    tokens = 20_000

    # Which three runs of one expert are best is then the plain top-3.
    limited = shares(route(WEIGHTS, Choice(3, 8, 3), tokens, np.random.default_rng(1)))
    plain = shares(route(WEIGHTS, Choice(3), tokens, np.random.default_rng(2)))

    assert limited == pytest.approx(plain, abs=4 * np.sqrt(2 * 0.25 / tokens))


def test_the_choice_is_read_from_the_model() -> None:
    deepseek = RoutedExperts(
        experts=256,
        experts_per_token=8,
        intermediate_size=2048,
        expert_groups=8,
        groups_per_token=4,
    )

    assert Choice.of(deepseek) == Choice(8, 8, 4)
    assert Choice.of(deepseek).is_limited
