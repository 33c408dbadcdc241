from functools import cache
from time import process_time

import numpy as np
import pytest

from sim.experts.law import RoutingLaw, routing_law
from sim.experts.placement import Placement, group_of
from sim.experts.popularity import weights
from sim.experts.routing import Choice
from sim.spec.popularity import (
    LognormalPopularity,
    Popularity,
    UniformPopularity,
    ZipfPopularity,
)

UNIFORM = UniformPopularity(kind="uniform")
ZIPF = ZipfPopularity(kind="zipf", exponent=0.8)
LOGNORMAL = LognormalPopularity(kind="lognormal", sigma=1.05)
TOP_8, LIMITED = Choice(8), Choice(8, 8, 4)


@cache
def law_of(
    popularity: Popularity,
    choice: Choice,
    groups: int,
    *,
    layers: int = 1,
    placement: Placement = "strided",
    boxes: int = 4,
) -> RoutingLaw:
    return routing_law(
        weights(popularity, layers, 256, 1),
        choice,
        group_of(placement, layers, 256, groups, 1),
        np.arange(groups) * boxes // groups,
        1,
    )


def imbalance(groups: int, placement: Placement, layers: int) -> float:
    """The busiest device's load over the mean with many tokens, averaged over layers."""
    law = law_of(ZIPF, TOP_8, groups, layers=layers, placement=placement)
    load = law.by_group(law.inclusion)
    return float((load.max(axis=1) / load.mean(axis=1)).mean())


@pytest.mark.parametrize(("placement", "layers"), [("strided", 1), ("random", 20)])
def test_the_papers_imbalance_grows_by_6_13_from_32_to_256_devices(
    placement: Placement, layers: int
) -> None:
    # arXiv 2507.15465, Zipf 0.8 over 256 experts, top-8.
    grown = imbalance(256, placement, layers) / imbalance(32, placement, layers)

    assert grown == pytest.approx(6.13, rel=0.08)


@pytest.mark.parametrize(
    ("popularity", "choice", "placement", "groups"),
    [
        (UNIFORM, TOP_8, "random", 64),
        (UNIFORM, LIMITED, "contiguous", 8),
        (ZIPF, Choice(1), "strided", 256),
        (ZIPF, LIMITED, "random", 32),
        (LOGNORMAL, TOP_8, "contiguous", 1),
        (LOGNORMAL, LIMITED, "strided", 64),
    ],
)
def test_probabilities_keep_their_bounds(
    popularity: Popularity, choice: Choice, placement: Placement, groups: int
) -> None:
    law = law_of(popularity, choice, groups, placement=placement, boxes=min(groups, 4))
    chosen = choice.experts_per_token

    assert law.inclusion.sum() == pytest.approx(chosen, abs=1e-12)
    assert (law.inclusion >= 0).all()
    assert (law.inclusion <= 1).all()
    for reach in (law.groups, law.boxes):
        assert (reach.touch <= np.minimum(reach.copies, 1) + 1e-9).all()
        assert (reach.touch >= reach.copies / reach.most_copies - 1e-9).all()
    assert (law.boxes.touch <= law.by_box(law.groups.touch) + 1e-9).all()


@pytest.mark.parametrize("choice", [TOP_8, LIMITED])
def test_uniform_inclusion_is_exactly_uniform(choice: Choice) -> None:
    assert (law_of(UNIFORM, choice, 32).inclusion == 8 / 256).all()


def test_inclusion_adds_up_to_the_picks_but_for_rounding() -> None:
    # Almost uniform weights, for which the quadrature alone is 4e-13 off.
    almost = 1 + 1e-9 * np.arange(256.0)

    law = routing_law(almost[None], TOP_8, np.arange(256)[None] // 8, np.arange(32) // 8, 1)

    assert law.inclusion.sum() == pytest.approx(8, abs=2e-14)


def test_layers_that_are_alike_have_the_same_probabilities() -> None:
    law = law_of(ZIPF, LIMITED, 32, layers=3)

    assert (law.inclusion == law.inclusion[0]).all()
    assert (law.touch_group == law.touch_group[0]).all()


def test_layers_keep_their_own_placement() -> None:
    law = law_of(ZIPF, TOP_8, 256, layers=3, placement="random")

    # With one expert a group, a group is touched as often as its expert is picked.
    for layer in range(3):
        touched = law.touch_group[layer, law.group_of[layer]]
        assert touched == pytest.approx(law.inclusion[layer], abs=1e-9)


def test_layers_keep_their_own_popularity() -> None:
    together = law_of(LOGNORMAL, TOP_8, 32, layers=3)

    for layer, popularity in enumerate(weights(LOGNORMAL, 3, 256, 1)):
        alone = routing_law(
            popularity[None],
            TOP_8,
            group_of("strided", 1, 256, 32, 1),
            np.arange(32) // 8,
            1,
        )
        assert (together.inclusion[layer] == alone.inclusion[0]).all()
        assert (together.touch_box[layer] == alone.touch_box[0]).all()


def test_boxes_may_be_numbered_in_any_order() -> None:
    popularity, where = weights(ZIPF, 1, 256, 1), group_of("contiguous", 1, 256, 4, 1)
    ordered = routing_law(popularity, TOP_8, where, np.array([0, 0, 1, 1]), 1)
    swapped = routing_law(popularity, TOP_8, where, np.array([1, 1, 0, 0]), 1)

    assert swapped.touch_box[0, ::-1] == pytest.approx(ordered.touch_box[0], abs=1e-12)


def test_the_law_says_whether_it_was_sampled() -> None:
    assert law_of(ZIPF, TOP_8, 32).sampled_tokens is None
    assert law_of(ZIPF, LIMITED, 32).sampled_tokens == 2**17


@pytest.mark.parametrize(("choice", "limit_s"), [(TOP_8, 0.5), (LIMITED, 2.0)])
def test_a_law_that_layers_share_is_made_in_well_under_a_second(
    choice: Choice, limit_s: float
) -> None:
    start_s = process_time()

    law_of(ZIPF, choice, 64, layers=58)

    # Measured: 0.03 s and 0.41 s; the limits leave room for a busy machine.
    assert process_time() - start_s < limit_s
