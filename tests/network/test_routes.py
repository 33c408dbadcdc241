import networkx as nx
import pytest
from hypothesis import given, settings

from sim.errors import ScenarioError
from sim.network.graph import build
from sim.network.routes import Network
from sim.spec.topology import TopologySpec

from .clusters import (
    group,
    join,
    pods,
    rails,
    sockets,
    star,
    topologies,
    topology,
    torus,
)


def names(network: Network, source: int, target: int) -> list[str]:
    return [network.link_names[link] for link in network.route(source, target)]


def test_a_change_of_rail_happens_in_the_box_of_the_source() -> None:
    network = Network.of(rails(2, 4))

    assert names(network, 0, 7) == [
        "box0/gpus0>box0/nvswitch0",
        "box0/nvswitch0>box0/gpus3",
        "box0/gpus3>box0/nics3",
        "box0/nics3>leaves3",
        "leaves3>box1/nics3",
        "box1/nics3>box1/gpus3",
    ]
    assert names(network, 7, 0)[:2] == ["box1/gpus3>box1/nvswitch0", "box1/nvswitch0>box1/gpus0"]


def test_every_change_of_rail_is_made_before_the_network_card() -> None:
    network = Network.of(rails(2, 4))

    for source, target in [(s, t) for s in range(4) for t in range(4, 8) if t != s + 4]:
        assert names(network, source, target)[0] == f"box0/gpus{source}>box0/nvswitch0"


def test_the_same_rail_needs_no_switch_in_the_box() -> None:
    network = Network.of(rails(2, 4))

    assert names(network, 1, 5) == [
        "box0/gpus1>box0/nics1",
        "box0/nics1>leaves1",
        "leaves1>box1/nics1",
        "box1/nics1>box1/gpus1",
    ]
    assert network.latency_s(1, 5) == 4.0


def test_a_device_reaches_itself_over_nothing() -> None:
    network = Network.of(star(2))

    assert network.route(1, 1) == ()
    assert network.latency_s(1, 1) == 0.0


def two_ways(first_latency_s: float, second_latency_s: float) -> Network:
    """From one device to the other over one switch, or over two."""
    groups = {
        "one": group("device", 1),
        "other": group("device", 1),
        "short": group("switch", 1),
        "left": group("switch", 1),
        "right": group("switch", 1),
    }
    links = [
        join("one", "short", "all", 1.0, first_latency_s),
        join("short", "other", "all", 1.0, first_latency_s),
        join("one", "left", "all", 9.0, second_latency_s),
        join("left", "right", "all", 9.0, second_latency_s),
        join("right", "other", "all", 9.0, second_latency_s),
    ]
    return Network.of(topology(1, groups, links))


def test_the_least_latency_wins_over_the_fewest_hops() -> None:
    assert len(two_ways(1.0, 0.5).route(0, 1)) == 3


def test_equal_latencies_are_decided_by_hops_however_their_sums_round() -> None:
    # 0.3 is more than 0.1 + 0.1 + 0.1 rounded up; to a femtosecond they are equal.
    assert len(two_ways(0.15, 0.1).route(0, 1)) == 2


def test_an_unreachable_device_is_named_with_the_one_that_asks() -> None:
    network = Network.of(topology(2, {"gpus": group("device", 1)}, []))

    with pytest.raises(ScenarioError, match="no way from box0/gpus0 to box1/gpus0"):
        network.route(0, 1)


def test_a_capped_part_is_a_link_of_what_passes_but_not_of_what_ends_there() -> None:
    groups = {"gpus": group("device", 3, through_bytes_per_s=7.0)}
    network = Network.of(topology(1, groups, [join("gpus", "gpus", "chain", 9.0, 1.0)]))

    assert names(network, 0, 2) == [
        "box0/gpus0>box0/gpus1",
        "through box0/gpus1",
        "box0/gpus1>box0/gpus2",
    ]
    assert names(network, 0, 1) == ["box0/gpus0>box0/gpus1"]
    assert network.capacity_bytes_per_s[network.route(0, 2)[1]] == 7.0
    assert network.link_kinds[network.route(0, 2)[1]] == "through"


def test_a_way_between_sockets_passes_both_caps() -> None:
    network = Network.of(sockets())

    assert names(network, 1, 2) == [
        "box0/gpus1>box0/cpus0",
        "through box0/cpus0",
        "box0/cpus0>box0/cpus1",
        "through box0/cpus1",
        "box0/cpus1>box0/gpus2",
    ]


@pytest.mark.parametrize("spines", [1, 2, 3, 6])
def test_single_transfers_are_hashed_over_equal_ways(spines: int) -> None:
    network = Network.of(pods(12, leaves=2, spines=spines))

    uplinks = [
        name
        for source in range(12)
        for target in range(12, 24)
        for name in names(network, source, target)
        if "leaves0>spines" in name
    ]

    # Four standard errors of 144 throws.
    error = (144 * (1 / spines) * (1 - 1 / spines)) ** 0.5
    assert len(set(uplinks)) == spines
    assert all(abs(uplinks.count(name) - 144 / spines) <= 4 * error for name in uplinks)


def test_the_hash_depends_on_the_source_as_well() -> None:
    network = Network.of(pods(12, leaves=2, spines=6))

    assert len({network.route(source, 12)[1] for source in range(12)}) > 1
    # All that two devices send one another in one direction takes one way: packets keep order.
    assert network.route(0, 12) == Network.of(pods(12, leaves=2, spines=6)).route(0, 12)


@settings(max_examples=40)
@given(topologies)
def test_a_route_is_a_chain_of_links_with_the_least_latency(given_topology: TopologySpec) -> None:
    network, graph = Network.of(given_topology), build(given_topology)
    nearest = dict(nx.all_pairs_dijkstra_path_length(graph, weight="latency_s"))

    for source, start in enumerate(network.device_names):
        for target, end in enumerate(network.device_names):
            hops = [name for name in names(network, source, target) if ">" in name]
            visited = [start, *(name.split(">")[1] for name in hops)]
            assert [name.split(">")[0] for name in hops] == visited[:-1]
            assert visited[-1] == end
            assert network.latency_s(source, target) == pytest.approx(nearest[start][end])


def test_the_order_of_asking_changes_no_route() -> None:
    one, other = Network.of(pods(4, 2, 3)), Network.of(pods(4, 2, 3))
    pairs = [(source, target) for source in range(8) for target in range(8)]

    forwards = {pair: one.route(*pair) for pair in pairs}
    backwards = {pair: other.route(*pair) for pair in reversed(pairs)}

    assert forwards == backwards


def test_links_are_listed_with_names_kinds_capacities_and_ends() -> None:
    network = Network.of(star(2, through=7.0))

    into, out_of = network.links_of_vertex("box0/switch0")

    assert network.devices == 2
    assert network.links == 5 == len(network.link_kinds) == len(network.link_latency_s)
    assert [network.link_names[link] for link in into] == [
        "box0/gpus0>box0/switch0",
        "box0/gpus1>box0/switch0",
    ]
    assert [network.link_names[link] for link in out_of] == [
        "box0/switch0>box0/gpus0",
        "box0/switch0>box0/gpus1",
    ]
    assert network.through_link("box0/switch0") == 4
    assert network.capacity_bytes_per_s.tolist() == [100.0, 100.0, 100.0, 100.0, 7.0]


def test_devices_know_their_box() -> None:
    assert Network.of(rails(2, 3)).box_of == (0, 0, 0, 1, 1, 1)


@pytest.mark.parametrize("spines", [1, 2, 3, 6])
def test_a_spread_flow_uses_every_equal_way_alike(spines: int) -> None:
    network = Network.of(pods(4, leaves=2, spines=spines))

    shares = {network.link_names[link]: share for link, share in network.spread(0, 7)}

    assert shares.pop("box0/gpus0>leaves0") == 1.0
    assert shares.pop("leaves1>box3/gpus1") == 1.0
    assert len(shares) == 2 * spines
    assert list(shares.values()) == pytest.approx([1 / spines] * 2 * spines)


def test_a_flow_across_a_square_of_a_torus_takes_both_ways_round() -> None:
    # From the corner of a 4 x 4 grid to the next but one in both directions: 2 + 2 hops, and from
    # each part on the way as many ways as directions are left.
    network = Network.of(torus((4, 4)))

    shares = {network.link_names[link]: share for link, share in network.spread(0, 10)}

    # Four ways out of the first, four ways into the last.
    assert [s for name, s in shares.items() if name.startswith("box0/chip0>")] == [0.25] * 4
    assert [s for name, s in shares.items() if name.endswith(">box0/chip10")] == [0.25] * 4
    assert sum(shares.values()) == pytest.approx(4.0)


@settings(max_examples=40)
@given(topologies)
def test_what_is_spread_arrives_whole_over_no_more_hops(given_topology: TopologySpec) -> None:
    network = Network.of(given_topology)
    end_of = [name.split(">") for name in network.link_names if ">" in name]

    for source, start in enumerate(network.device_names):
        for target, end in enumerate(network.device_names):
            arrived = dict.fromkeys(network.vertex_names, 0.0)
            arrived[start] += 1.0
            hops = 0.0
            for link, share in network.spread(source, target):
                if link < len(end_of):
                    tail, head = end_of[link]
                    arrived[tail] -= share
                    arrived[head] += share
                    hops += share
            expected = dict.fromkeys(network.vertex_names, 0.0) | {end: 1.0}
            assert arrived == pytest.approx(expected, abs=1e-9)
            assert hops == pytest.approx(
                len([n for n in names(network, source, target) if ">" in n])
            )


def test_a_rail_is_kept_however_a_message_is_sent() -> None:
    network = Network.of(rails(2, 4))

    for source in range(4):
        for target in range(4, 8):
            shares = network.spread(source, target)
            assert [link for link, _ in shares] == list(network.route(source, target))
            assert {share for _, share in shares} == {1.0}
