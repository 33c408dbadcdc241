import pytest

from sim.errors import ScenarioError
from sim.network.graph import build
from sim.network.routes import Network

from .clusters import group, join, pods, rails, sockets, star, topology, torus


def test_parts_are_named_by_box_group_and_index_in_declared_order() -> None:
    graph = build(rails(2, 2))

    assert list(graph.nodes) == [
        *("box0/gpus0", "box0/gpus1", "box0/nics0", "box0/nics1", "box0/nvswitch0"),
        *("box1/gpus0", "box1/gpus1", "box1/nics0", "box1/nics1", "box1/nvswitch0"),
        *("leaves0", "leaves1"),
    ]


def test_devices_are_numbered_box_by_box_and_group_by_group() -> None:
    groups = {"big": group("device", 1), "hub": group("switch", 1), "small": group("device", 2)}
    graph = build(topology(2, groups, []))

    numbered = {name: number for name, number in graph.nodes(data="device") if number is not None}

    assert list(numbered.items()) == [
        ("box0/big0", 0),
        ("box0/small0", 1),
        ("box0/small1", 2),
        ("box1/big0", 3),
        ("box1/small0", 4),
        ("box1/small1", 5),
    ]


def test_a_part_knows_its_box_its_cap_and_whether_it_reduces() -> None:
    capped = build(sockets()).nodes["box1/cpus0"]
    reducing = build(rails(1, 1)).nodes["box0/nvswitch0"]
    shared = build(rails(1, 1)).nodes["leaves0"]

    assert (capped["kind"], capped["box"], capped["through_bytes_per_s"]) == ("cpu", 1, 75.0)
    assert (reducing["reduces"], shared["box"]) == (True, None)


def test_every_link_has_both_directions_with_the_same_speed() -> None:
    graph = build(rails(2, 4, spines=2))

    for tail, head, link in graph.edges(data=True):
        assert graph.edges[head, tail] == link


@pytest.mark.parametrize(
    ("pattern", "pairs"),
    [
        ("all", {(0, 0), (0, 1), (0, 2), (0, 3), (1, 0), (1, 1), (1, 2), (1, 3)}),
        ("blocks", {(0, 0), (0, 1), (1, 2), (1, 3)}),
    ],
)
def test_patterns_join_two_groups_within_each_box(
    pattern: str, pairs: set[tuple[int, int]]
) -> None:
    groups = {"cpus": group("cpu", 2), "gpus": group("device", 4)}

    graph = build(topology(2, groups, [join("cpus", "gpus", pattern, 1.0, 0.0)]))

    expected = {(f"box{b}/cpus{i}", f"box{b}/gpus{j}") for b in (0, 1) for i, j in pairs}
    assert {(one, other) for one, other in graph.edges if "cpus" in one} == expected


def test_index_joins_each_member_of_every_box_with_its_like() -> None:
    graph = build(rails(2, 2))

    into_leaves = {(tail, head) for tail, head in graph.edges if head.startswith("leaves")}

    assert into_leaves == {
        ("box0/nics0", "leaves0"),
        ("box0/nics1", "leaves1"),
        ("box1/nics0", "leaves0"),
        ("box1/nics1", "leaves1"),
    }


def test_blocks_put_runs_of_boxes_under_each_shared_part() -> None:
    graph = build(pods(4, leaves=2, spines=1))

    boxes_of_second = {tail[:4] for tail, head in graph.edges if head == "leaves1"} - {"spin"}

    assert boxes_of_second == {"box2", "box3"}


@pytest.mark.parametrize(("pattern", "links"), [("mesh", 4 * 3), ("chain", 2 * 3)])
def test_a_group_is_joined_with_itself_inside_each_box(pattern: str, links: int) -> None:
    groups = {"gpus": group("device", 4)}

    graph = build(topology(3, groups, [join("gpus", "gpus", pattern, 1.0, 0.0)]))

    assert graph.number_of_edges() == 3 * links
    assert all(tail[:4] == head[:4] for tail, head in graph.edges)


@pytest.mark.parametrize(
    ("shape", "pairs"),
    [
        ((4,), {(0, 1), (1, 2), (2, 3), (0, 3)}),
        # Rows 0 1 2 and 3 4 5: a ring along each, and one link between the two of a column.
        ((2, 3), {(0, 1), (1, 2), (0, 2), (3, 4), (4, 5), (3, 5), (0, 3), (1, 4), (2, 5)}),
        ((1, 3), {(0, 1), (1, 2), (0, 2)}),
        ((2, 2), {(0, 1), (2, 3), (0, 2), (1, 3)}),
    ],
)
def test_a_torus_closes_in_every_direction(
    shape: tuple[int, ...], pairs: set[tuple[int, int]]
) -> None:
    spec = torus(shape)

    graph = build(spec)

    both = pairs | {(other, one) for one, other in pairs}
    assert set(graph.edges) == {(f"box0/chip{one}", f"box0/chip{other}") for one, other in both}
    assert spec.pairs(spec.links[0]) == len(pairs)


def test_a_torus_of_three_sides_reaches_the_farthest_in_half_of_each_side() -> None:
    network = Network.of(torus((4, 4, 8)))

    # From (0, 0, 0): by 2, 2 and 4 to (2, 2, 4), which is 2 x 32 + 2 x 8 + 4; to (0, 0, 7) by 1.
    assert len(network.route(0, 84)) == 2 + 2 + 4
    assert len(network.route(0, 7)) == 1
    assert max(len(network.route(0, other)) for other in range(128)) == 8


def test_two_shared_groups_are_joined_once() -> None:
    graph = build(pods(4, leaves=2, spines=3))

    assert sum(tail.startswith("leaves") and "spines" in head for tail, head in graph.edges) == 6


def test_a_link_given_twice_is_refused() -> None:
    twice = star(2).model_copy(update={"links": star(2).links * 2})

    with pytest.raises(ScenarioError, match="box0/gpus0 and box0/switch0 are joined twice"):
        build(twice)
