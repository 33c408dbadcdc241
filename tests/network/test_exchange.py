from collections import defaultdict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.network.exchange import all_to_all_v, combine, dispatch
from sim.network.loads import FloatArray
from sim.network.routes import Network
from sim.network.stages import Protocol

from .clusters import networks, pods, rails, sockets, star, torus
from .conservation import imbalance, on_links

PROTOCOLS: list[Protocol] = ["per-expert", "per-device", "per-node"]


def sent_straight(shares: FloatArray, tokens: FloatArray) -> FloatArray:
    """Bytes from each place to each, one by one; what stays at home is not sent."""
    sent = np.zeros((len(shares), len(shares)))
    for source, share in enumerate(shares.tolist()):
        for target in range(len(shares)):
            if source != target:
                sent[source, target] = share * tokens[target]
    return sent


def sent_over_boxes(boxes: list[int], shares: FloatArray, tokens: FloatArray) -> FloatArray:
    """Bytes from each place to each, where each box is entered once by a token."""
    order = list(dict.fromkeys(boxes))
    members = {box: [place for place, other in enumerate(boxes) if other == box] for box in order}
    sent = np.zeros((len(shares), len(shares)))
    for source, share in enumerate(shares.tolist()):
        for number, box in enumerate(order):
            place = members[boxes[source]].index(source)
            entry = members[box][place % len(members[box])]
            if box == boxes[source]:
                entry = source
            else:
                sent[source, entry] += share * tokens[len(shares) + number]
            for target in members[box]:
                if target != entry:
                    sent[entry, target] += share * tokens[target]
    return sent


@st.composite
def exchanges(draw: st.DrawFn) -> tuple[Network, list[int], Protocol]:
    network = draw(networks)
    devices = draw(st.permutations(range(network.devices)))
    return network, devices[: draw(st.integers(1, len(devices)))], draw(st.sampled_from(PROTOCOLS))


def drawn(
    network: Network, devices: list[int], protocol: Protocol, seed: int
) -> tuple[FloatArray, FloatArray]:
    """Shares and weights, a third of which are zero."""
    generator = np.random.default_rng(seed)
    boxes = len({network.box_of[device] for device in devices}) if protocol == "per-node" else 0
    shares = generator.random(len(devices)) * (generator.random(len(devices)) > 0.33)
    weights = generator.random((4, len(devices) + boxes))
    return shares, weights * (generator.random(weights.shape) > 0.33)


@given(exchanges(), st.integers(0, 2**32), st.booleans())
def test_links_carry_what_an_explicit_matrix_puts_on_them(
    case: tuple[Network, list[int], Protocol], seed: int, is_back: bool
) -> None:
    network, devices, protocol = case
    shares, weights = drawn(*case, seed)
    exchange = (combine if is_back else dispatch)(network, devices, protocol)

    loads = exchange.loads(shares, weights, 3.0)

    boxes = [network.box_of[device] for device in devices]
    for layer, tokens in enumerate(weights):
        sent = (
            sent_over_boxes(boxes, shares, tokens)
            if protocol == "per-node"
            else sent_straight(shares, tokens)
        )
        twin = all_to_all_v(network, devices, 3.0 * (sent.T if is_back else sent))
        carried = {name: load for name, load in on_links(network, loads.at(layer)).items() if load}
        assert carried == pytest.approx(on_links(network, twin))


@settings(max_examples=40)
@given(networks, st.integers(0, 2**32))
def test_an_explicit_matrix_is_the_sum_of_its_sends(network: Network, seed: int) -> None:
    sent = np.random.default_rng(seed).random((network.devices, network.devices))

    loads = all_to_all_v(network, range(network.devices), sent)

    expected: defaultdict[str, float] = defaultdict(float)
    for source, target in np.ndindex(sent.shape):
        for link, share in network.spread(source, target, at_devices=False):
            expected[network.link_names[link]] += share * sent[source, target].item()
    assert on_links(network, loads) == pytest.approx(expected)


@given(exchanges(), st.integers(0, 2**32))
def test_every_device_gets_its_tokens_and_nothing_is_lost_on_the_way(
    case: tuple[Network, list[int], Protocol], seed: int
) -> None:
    network, devices, protocol = case
    if protocol == "per-node":
        protocol = "per-device"
    shares, weights = drawn(network, devices, protocol, seed)

    loads = dispatch(network, devices, protocol).loads(shares, weights[0], 1.0)

    sent = sent_straight(shares, weights[0])
    expected = dict.fromkeys(network.vertex_names, 0.0)
    for place, device in enumerate(devices):
        expected[network.device_names[device]] = sent[:, place].sum() - sent[place].sum()
    assert imbalance(network, loads) == pytest.approx(expected, abs=1e-12)


@given(exchanges(), st.integers(0, 2**32))
def test_the_way_back_is_the_way_there_turned_round_at_the_devices(
    case: tuple[Network, list[int], Protocol], seed: int
) -> None:
    shares, weights = drawn(*case, seed)
    network = case[0]

    there = imbalance(network, dispatch(*case).loads(shares, weights[0], 1.0))
    back = imbalance(network, combine(*case).loads(shares, weights[0], 1.0))

    assert {name: -surplus for name, surplus in back.items()} == pytest.approx(there, abs=1e-12)


@settings(max_examples=40)
@given(exchanges(), st.integers(0, 2**32))
def test_a_layer_is_priced_to_the_bit_as_in_a_batch(
    case: tuple[Network, list[int], Protocol], seed: int
) -> None:
    shares, weights = drawn(*case, seed)
    exchange = dispatch(*case)

    together = exchange.loads(shares, weights, 7.0).bytes

    for row, of_row in zip(weights, together, strict=True):
        assert (exchange.loads(shares, row, 7.0).bytes == of_row).all()


def test_even_tokens_between_four_devices_by_hand() -> None:
    network = Network.of(star(4))

    loads = dispatch(network, range(4), "per-expert").loads([0.25] * 4, [80.0] * 4, 10.0)

    # Each device sends a quarter of 80 tokens of 10 bytes to each of three others.
    assert loads.bytes.tolist() == [600.0] * 8
    assert loads.streams.tolist() == [3.0] * 8
    assert loads.latency_s == 0.25


def test_a_token_enters_another_box_once_and_is_forwarded_there() -> None:
    network = Network.of(rails(2, 2))
    # All tokens start at device 0; 5 go to the other box, and both of its devices want all five.
    shares, weights = [1.0, 0.0, 0.0, 0.0], [0.0, 0.0, 5.0, 5.0, 0.0, 5.0]

    loads = dispatch(network, range(4), "per-node").loads(shares, weights, 1.0)

    carried = {name: load for name, load in on_links(network, loads).items() if load}
    assert carried == {
        "box0/gpus0>box0/nics0": 5.0,
        "box0/nics0>leaves0": 5.0,
        "leaves0>box1/nics0": 5.0,
        "box1/nics0>box1/gpus0": 5.0,
        "box1/gpus0>box1/nvswitch0": 5.0,
        "box1/nvswitch0>box1/gpus1": 5.0,
    }


def test_exchanges_count_their_steps_and_the_messages_of_one_device() -> None:
    network = Network.of(rails(4, 4))

    def counted(protocol: Protocol, devices: range) -> tuple[int, int]:
        ways = [make(network, devices, protocol) for make in (dispatch, combine)]
        assert ways[0].steps == ways[1].steps
        assert ways[0].messages == ways[1].messages
        return ways[0].steps, ways[0].messages

    # Straight to each of 15 peers; or along the rail to 3 boxes, then to 3 devices in the own one.
    assert counted("per-expert", range(16)) == counted("per-device", range(16)) == (1, 15)
    assert counted("per-node", range(16)) == (2, 6)
    assert counted("per-node", range(4)) == (1, 3)
    assert counted("per-expert", range(1)) == (0, 0)


def test_two_stages_add_up_their_latencies() -> None:
    network = Network.of(rails(2, 2))

    # Four hops on a rail, then two over the switch; straight it is one way of six.
    assert dispatch(network, range(4), "per-node").latency_s == 4.0 + 2.0
    assert dispatch(network, [0, 1], "per-node").latency_s == 2.0
    assert dispatch(network, range(4), "per-device").latency_s == 6.0


def test_tokens_of_one_device_stay_at_home() -> None:
    network = Network.of(star(4))
    exchange = dispatch(network, [2], "per-expert")

    loads = exchange.loads([1.0], [[80.0]], 10.0)

    assert exchange.used_links == frozenset()
    assert loads.alone_s(network.capacity_bytes_per_s).tolist() == [0.0]


def test_replicas_in_different_boxes_share_no_link_and_in_one_box_they_may() -> None:
    network = Network.of(sockets())

    first, second = (dispatch(network, ones, "per-expert") for ones in ([0, 2], [1, 3]))
    elsewhere = dispatch(network, [4, 6], "per-expert")

    shared = {network.link_names[link] for link in first.used_links & second.used_links}
    assert "box0/cpus0>box0/cpus1" in shared
    assert first.used_links.isdisjoint(elsewhere.used_links)
    assert bool(first.mask & second.mask)
    assert not first.mask & elsewhere.mask


def test_an_even_exchange_on_a_torus_makes_as_many_hops_however_its_flows_turn() -> None:
    # 4 x 4 devices: 32 hops from each to the others; a byte for each pair.
    network = Network.of(torus((4, 4)))

    loads = dispatch(network, range(16), "per-expert").loads([1 / 16] * 16, [16.0] * 16, 1.0)

    assert loads.bytes.sum() == pytest.approx(16 * 32)


def test_an_exchange_between_leaves_loads_every_spine_alike() -> None:
    network = Network.of(pods(4, leaves=2, spines=3))

    loads = dispatch(network, range(8), "per-device").loads([1 / 8] * 8, [8.0] * 8, 1.0)

    # 4 devices send a byte to each of 4 on the other leaf, over three spines.
    spines = [load for name, load in on_links(network, loads).items() if "spines" in name]
    assert spines == pytest.approx([16 / 3] * 12)
