from collections import Counter

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from sim.errors import ScenarioError
from sim.network.choice import Choice
from sim.network.collectives import all_gather, all_reduce, reduce_scatter, sends
from sim.network.patterns import Pattern
from sim.network.routes import Network

from .clusters import networks, rails, sockets, star
from .conservation import imbalance, on_links

STAR = Network.of(star(4))


def test_a_ring_all_reduce_moves_every_part_of_the_buffer_almost_twice_round() -> None:
    loads = all_reduce(STAR, [[0, 1, 2, 3]], "ring").loads(100.0)

    # 2 * 3 / 4 of 100 bytes on each of 8 directions; 6 rounds of two hops of 1/8 s; 100 B/s.
    assert loads.bytes.tolist() == [150.0] * 8
    assert loads.latency_s == 1.5
    assert loads.alone_s(STAR.capacity_bytes_per_s) == 3.0


def only(choice: Choice) -> Pattern:
    (pattern,) = choice.patterns
    return pattern


def counted(choice: Choice | Pattern) -> tuple[int, int]:
    pattern = only(choice) if isinstance(choice, Choice) else choice
    return pattern.steps, pattern.messages


def test_collectives_count_the_messages_that_wait_for_one_another() -> None:
    network = Network.of(star(8, reduces=True))

    # A ring of eight passes seven parts on to sum them, and seven sums to spread them.
    assert counted(all_reduce(network, [range(8)], "ring")) == (14, 14)
    assert counted(all_gather(network, [range(8)], "ring")) == (7, 7)
    assert counted(reduce_scatter(network, [range(4), [4, 5, 6, 7]], "ring")) == (3, 3)
    assert counted(all_reduce(network, [range(8)], "in-switch")) == (2, 2)
    assert counted(sends(network, [[(0, 3)]])) == (1, 1)
    assert counted(all_gather(network, [[5]], "ring")) == (0, 0)


def test_rings_that_turn_at_once_are_messages_but_not_steps() -> None:
    # Sixteen devices in four boxes: a ring for each of four places, 2 * 15 passes each.
    assert counted(all_reduce(Network.of(rails(4, 4)), [range(16)], "ring")) == (30, 120)


@pytest.mark.parametrize("collective", [all_gather, reduce_scatter])
def test_a_gather_or_scatter_is_half_an_all_reduce(collective: object) -> None:
    assert callable(collective)
    loads = collective(STAR, [[0, 1, 2, 3]], "ring").loads(100.0)

    assert loads.bytes.tolist() == [75.0] * 8
    assert loads.latency_s == 0.75


def test_a_switch_that_sums_carries_each_buffer_once_and_each_part_once_more() -> None:
    network = Network.of(star(4, reduces=True))

    loads = all_reduce(network, [[0, 1, 2, 3]], "in-switch").loads(100.0)

    # Up: 100 bytes to be summed, and 25 sums to be copied. Down: 25 sums of the own part, and all
    # 100. Two messages of two hops of 1/8 s.
    assert loads.bytes.tolist() == [125.0] * 8
    assert loads.latency_s == 0.5
    assert loads.alone_s(network.capacity_bytes_per_s) == 1.75


@pytest.mark.parametrize("devices", [2, 3, 8])
def test_the_larger_the_group_the_nearer_a_summing_switch_gets_to_each_byte_once(
    devices: int,
) -> None:
    network = Network.of(star(devices, reduces=True))

    loads = all_reduce(network, [range(devices)], "in-switch").loads(100.0)

    assert loads.bytes == pytest.approx([100.0 * (1 + 1 / devices)] * 2 * devices)


def test_all_that_goes_up_counts_against_the_cap_of_a_summing_switch() -> None:
    network = Network.of(star(4, reduces=True, through=200.0))

    loads = all_reduce(network, [[0, 1, 2]], "in-switch").loads(90.0)

    # Three times 90 bytes to be summed and 30 to be copied.
    assert on_links(network, loads)["through box0/switch0"] == pytest.approx(360.0)


def test_summing_in_a_switch_that_cannot_is_refused() -> None:
    with pytest.raises(ScenarioError, match=r"box0/gpus0, box0/gpus1 do not all hang on one"):
        all_reduce(STAR, [[0, 1]], "in-switch")


def test_a_group_of_one_moves_nothing() -> None:
    choice = all_reduce(STAR, [[2]])

    assert choice.used_links == frozenset()
    assert choice.loads(100.0).alone_s(STAR.capacity_bytes_per_s) == 0.0


def test_several_groups_are_one_pattern_with_the_largest_latency() -> None:
    three = all_reduce(STAR, [[0, 1, 2]], "ring")
    one = all_reduce(STAR, [[3]], "ring")

    both = all_reduce(STAR, [[0, 1, 2], [3]], "ring")

    assert only(both).latency_s == only(three).latency_s > only(one).latency_s
    assert both.loads([30.0, 50.0]).bytes.tolist() == three.loads(30.0).bytes.tolist()


def test_groups_that_share_links_add_up_there() -> None:
    network = Network.of(sockets())
    groups = [[0, 2], [1, 3]]

    loads = all_reduce(network, groups, "ring").loads([10.0, 100.0])

    # Each ring of two carries its whole buffer over the link between the sockets, both ways.
    carried = on_links(network, loads)
    assert carried["box0/cpus0>box0/cpus1"] == carried["box0/cpus1>box0/cpus0"] == 110.0
    assert loads.streams[loads.links.tolist().index(network.link("box0/cpus0", "box0/cpus1"))] == 2


def test_rings_over_several_boxes_use_every_network_card_alike() -> None:
    network = Network.of(rails(4, 4))

    loads = all_reduce(network, [range(16)], "ring").loads(160.0)

    rail = [carried for name, carried in on_links(network, loads).items() if "leaves" in name]
    # Four rings of a quarter each: 2 * 15 / 16 * 160 / 4 bytes over each card in each direction.
    assert rail == [75.0] * 32


def test_rings_over_several_boxes_leave_and_enter_on_one_rail() -> None:
    network = Network.of(rails(4, 4))

    loads = all_reduce(network, [range(16)], "ring").loads(160.0)

    # In each of four boxes each of four rings makes three hops of 75 bytes, and no change of rail.
    carried = on_links(network, loads).items()
    assert sum(load for name, load in carried if ">" in name and "nvswitch0>" in name) == 48 * 75.0


def test_a_send_puts_its_bytes_on_its_route() -> None:
    network = Network.of(rails(2, 4))

    loads = sends(network, [[(0, 7)]]).loads(60.0)

    assert loads.links.tolist() == sorted(network.route(0, 7))
    assert loads.bytes.tolist() == [60.0] * 6
    assert loads.latency_s == 6.0


def ring_by_hand(network: Network, ring: list[int], parts: list[list[float]]) -> Counter[str]:
    """Sum parts[device][part] round by round in place; the parts carried by each link."""
    devices, carried = len(ring), Counter[str]()
    for step in range(2 * (devices - 1)):
        sent = [(place, (place - step) % devices) for place in range(devices)]
        values = [parts[place][part] for place, part in sent]
        for (place, part), value in zip(sent, values, strict=True):
            following = (place + 1) % devices
            is_summing = step < devices - 1
            parts[following][part] = value + parts[following][part] * is_summing
            for link in network.route(ring[place], ring[following]):
                carried[network.link_names[link]] += 1
    return carried


@pytest.mark.parametrize("devices", [2, 3, 8])
def test_a_ring_played_part_by_part_sums_and_loads_links_as_planned(devices: int) -> None:
    network = Network.of(star(devices))
    parts = [[float(place + 10 * part) for part in range(devices)] for place in range(devices)]
    sums = [sum(column) for column in zip(*parts, strict=True)]

    carried = ring_by_hand(network, list(range(devices)), parts)

    planned = all_reduce(network, [range(devices)], "ring").loads(float(devices))
    assert parts == [sums] * devices
    assert on_links(network, planned) == pytest.approx(dict(carried))


@settings(max_examples=40)
@given(networks, st.data())
def test_a_send_leaves_its_source_and_arrives_at_its_target(
    network: Network, data: st.DataObject
) -> None:
    devices = st.integers(0, network.devices - 1)
    source, target = data.draw(devices), data.draw(devices)
    assume(source != target)

    surplus = imbalance(network, sends(network, [[(source, target)]]).loads(5.0))

    expected = dict.fromkeys(network.vertex_names, 0.0)
    expected[network.device_names[source]] -= 5.0
    expected[network.device_names[target]] += 5.0
    assert surplus == pytest.approx(expected)
