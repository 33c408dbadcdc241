import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.errors import ScenarioError
from sim.experts.placement import Placement, group_of, members


def test_contiguous_groups_hold_neighbours() -> None:
    assert group_of("contiguous", 1, 6, 3, 1).tolist() == [[0, 0, 1, 1, 2, 2]]


def test_strided_groups_are_dealt_out_one_by_one() -> None:
    assert group_of("strided", 2, 6, 3, 1).tolist() == [[0, 1, 2, 0, 1, 2]] * 2


def test_random_placement_differs_from_layer_to_layer() -> None:
    first, second = group_of("random", 2, 64, 8, 1)

    assert (first != second).any()


@given(
    placement=st.sampled_from(["contiguous", "strided", "random"]),
    layers=st.integers(1, 3),
    groups=st.integers(1, 5),
    size=st.integers(1, 4),
)
def test_every_group_holds_the_same_number_of_experts(
    placement: Placement, layers: int, groups: int, size: int
) -> None:
    where = group_of(placement, layers, groups * size, groups, 7)

    for layer in where:
        assert np.bincount(layer, minlength=groups).tolist() == [size] * groups


def test_the_members_of_a_group_are_the_experts_that_lie_there() -> None:
    where = group_of("random", 2, 12, 4, 3)

    for layer, groups in enumerate(members(where, 4).tolist()):
        for group, experts in enumerate(groups):
            assert experts == [e for e in range(12) if where[layer, e] == group]


def test_groups_that_do_not_divide_the_experts_are_refused() -> None:
    with pytest.raises(ScenarioError, match="ep = 3 must divide the model's 8 experts"):
        group_of("strided", 1, 8, 3, 1)
