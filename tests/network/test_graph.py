from itertools import combinations

import pytest

from sim.errors import ScenarioError
from sim.network.graph import build
from sim.network.routes import Network
from sim.spec.topology import TopologySpec
from tests.catalog.cuts import cut_bytes_per_s

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


def runs(
    ones: int, others: int, pattern: str, count: int, per: str = "cluster", boxes: int = 1
) -> set[tuple[str, str]]:
    """The links, one direction each, that a pattern with runs makes of groups a and b."""
    groups = {
        "gpu": group("device", 1),
        "a": group("switch", ones, per),
        "b": group("switch", others, "cluster"),
    }
    other = "a" if pattern in ("mesh", "dragonfly") else "b"
    link = join("a", other, pattern, 1.0, 0.0).model_copy(update={"runs": count})
    spec = topology(boxes, groups, [link])
    graph = build(TopologySpec.model_validate(spec.model_dump()))
    assert graph.number_of_edges() == 2 * spec.pairs(link)
    place = list(graph).index
    return {(one, other) for one, other in graph.edges if place(one) < place(other)}


def test_blocks_with_runs_join_each_with_each_of_a_pod() -> None:
    pods_of_two = {(f"a{i}", f"b{j}") for i in range(4) for j in range(6) if i // 2 == j // 3}

    assert runs(4, 6, "blocks", 2) == pods_of_two


def test_stripes_join_those_of_the_same_remainder() -> None:
    expected = {(f"a{i}", f"b{j}") for i in range(4) for j in range(6) if i % 2 == j % 2}

    assert runs(4, 6, "stripes", 2) == expected


def test_a_mesh_with_runs_stays_within_them() -> None:
    assert runs(6, 1, "mesh", 2) == {
        *(("a0", "a1"), ("a0", "a2"), ("a1", "a2")),
        *(("a3", "a4"), ("a3", "a5"), ("a4", "a5")),
    }


def test_index_with_runs_gives_each_run_of_boxes_rails_of_its_own() -> None:
    rails = runs(2, 4, "index", 2, per="box", boxes=4)

    # Boxes 0 and 1 on b0 and b1, boxes 2 and 3 on b2 and b3.
    assert rails == {(f"box{b}/a{i}", f"b{b // 2 * 2 + i}") for b in range(4) for i in range(2)}


@pytest.mark.parametrize(("groups", "routers"), [(5, 2), (9, 4), (4, 3), (2, 1)])
def test_a_dragonfly_has_one_link_between_every_two_groups_spread_evenly(
    groups: int, routers: int
) -> None:
    links = runs(groups * routers, 1, "dragonfly", groups)

    between = sorted((int(one[1:]) // routers, int(other[1:]) // routers) for one, other in links)
    ports = [sum(f"a{i}" in link for link in links) for i in range(groups * routers)]
    assert between == list(combinations(range(groups), 2))
    assert max(ports) - min(ports) <= 1


@pytest.mark.parametrize("k", [2, 4, 6])
def test_a_fat_tree_of_switches_with_k_ports_has_its_textbook_counts(k: int) -> None:
    # Al-Fares et al., SIGCOMM 2008: k pods, k^3/4 hosts, k^2/4 cores, 5 k^2/4 switches.
    half = k // 2
    groups = {
        "host": group("device", k**3 // 4),
        "edge": group("switch", k * half, "cluster"),
        "aggregation": group("switch", k * half, "cluster"),
        "core": group("switch", half**2, "cluster"),
    }
    links = [
        join("host", "edge", "blocks", 1.0, 1.0),
        join("edge", "aggregation", "blocks", 1.0, 1.0).model_copy(update={"runs": k}),
        join("aggregation", "core", "stripes", 1.0, 1.0).model_copy(update={"runs": half}),
    ]

    graph = build(topology(1, groups, links))

    switches = [name for name in graph if "host" not in name]
    assert (len(switches), len(graph)) == (5 * k**2 // 4, 5 * k**2 // 4 + k**3 // 4)
    assert {graph.out_degree(name) for name in switches} == {k}
    hosts = [name for name in graph if "host" in name]
    assert cut_bytes_per_s(graph, hosts[: len(hosts) // 2]) == k**3 / 8


def test_parallel_links_are_one_with_their_speeds_added() -> None:
    spec = star(2)
    many = spec.model_copy(update={"links": (spec.links[0].model_copy(update={"count": 18}),)})

    link = build(many).edges["box0/gpus0", "box0/switch0"]

    assert link["bytes_per_s"] == 18 * 100.0
    assert (link["count"], link["each_bytes_per_s"]) == (18, 100.0)
    assert Network.of(many).capacity_bytes_per_s.tolist() == [1800.0] * 4
