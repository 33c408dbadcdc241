import pytest

from sim.network.trees import two_trees, way_up

SIZES = [2, 3, 4, 5, 8, 13, 16, 31]


@pytest.mark.parametrize("members", SIZES)
def test_every_member_reaches_the_root_in_a_few_edges(members: int) -> None:
    for parents in two_trees(range(100, 100 + members)):
        ways = [way_up(parents, member) for member in range(100, 100 + members)]

        roots = {way[-1][1] for way in ways if way}
        assert len(roots) == 1
        assert len(parents) == members - 1
        assert max(map(len, ways)) <= members.bit_length()


@pytest.mark.parametrize("members", SIZES)
def test_nobody_has_more_than_two_children_and_who_has_some_has_none_in_the_other(
    members: int,
) -> None:
    children = [
        [list(parents.values()).count(member) for member in range(members)]
        for parents in two_trees(range(members))
    ]

    assert max(max(one) for one in children) <= 2
    inner_in_both = sum(bool(one and other) for one, other in zip(*children, strict=True))
    assert inner_in_both == 0


def test_a_tree_of_seven_by_hand() -> None:
    upright, _ = two_trees(range(1, 8))

    assert upright == {1: 2, 3: 2, 5: 6, 7: 6, 2: 4, 6: 4}
