"""The shipped clusters against what is known of the machines: counts, degrees, cuts."""

from itertools import product

import pytest

from sim.catalog.load import load_topology
from sim.catalog.names import names
from sim.network.graph import build
from sim.network.routes import Network

from .cuts import cut_bytes_per_s

DGX = {
    "a100": (300e9, 25e9),
    "h100": (450e9, 50e9),
    "h200": (450e9, 50e9),
    "b200": (900e9, 50e9),
    "b300": (900e9, 100e9),
}
BOXES = {"": 1, "-x2": 2, "-x4": 4, "-x8": 8}


@pytest.mark.parametrize("name", names("topologies"))
def test_links_are_symmetric_and_as_many_as_the_file_says(name: str) -> None:
    topology = load_topology(name)
    graph = build(topology)

    assert graph.number_of_edges() == 2 * sum(topology.pairs(link) for link in topology.links)
    assert all(graph.edges[head, tail] == link for tail, head, link in graph.edges(data=True))
    assert graph.number_of_nodes() == sum(topology.members(group) for group in topology.groups)


@pytest.mark.parametrize("name", names("topologies"))
def test_every_device_has_a_way_to_every_other(name: str) -> None:
    network = Network.of(load_topology(name))
    # Of a big cluster a sample; the step is odd, so that it comes by every column of a torus.
    devices = range(0, network.devices, network.devices // 16 | 1)

    for one, other in product(devices, devices):
        assert (len(network.route(one, other)) > 0) == (one != other)
        assert network.latency_s(one, other) == pytest.approx(network.latency_s(other, one))


@pytest.mark.parametrize(("kind", "boxes"), [*product(DGX, BOXES)])
def test_a_dgx_has_eight_devices_on_nvswitch_and_on_a_rail_each(kind: str, boxes: str) -> None:
    topology = load_topology(f"dgx-{kind}{boxes}")
    graph = build(topology)
    count = BOXES[boxes]

    # A box: 8 devices, 8 cards, one NVSwitch; 8 leaves for all.
    assert len(topology.devices) == 8 * count
    assert graph.number_of_nodes() == 17 * count + 8
    assert graph.number_of_edges() == 2 * 24 * count
    assert {graph.out_degree(f"box{box}/gpu{n}") for box in range(count) for n in range(8)} == {2}
    assert {graph.out_degree(f"leaf{n}") for n in range(8)} == {count}
    for box, n in product(range(count), range(8)):
        assert graph.has_edge(f"box{box}/nic{n}", f"leaf{n}")


@pytest.mark.parametrize("kind", DGX)
def test_half_a_dgx_reaches_the_other_half_through_four_nvlinks(kind: str) -> None:
    # Without the cards: four devices' links into a switch that does not block.
    nvlink, _ = DGX[kind]
    graph = build(load_topology(f"dgx-{kind}"))
    inside = graph.subgraph(
        [n for n in graph if graph.nodes[n]["kind"] != "nic" and "leaf" not in n]
    )

    assert cut_bytes_per_s(inside, [f"box0/gpu{n}" for n in range(4)]) == 4 * nvlink


@pytest.mark.parametrize("kind", DGX)
def test_a_box_reaches_the_others_through_its_eight_cards(kind: str) -> None:
    _, card = DGX[kind]
    graph = build(load_topology(f"dgx-{kind}-x4"))

    box = [f"box0/gpu{n}" for n in range(8)]

    assert cut_bytes_per_s(graph, box) == 8 * card


def test_a_switched_group_has_a_link_for_each_of_its_devices() -> None:
    graph = build(load_topology("switched-32"))

    half = [f"box0/gpu{n}" for n in range(16)]

    assert graph.number_of_edges() == 2 * 32
    assert cut_bytes_per_s(graph, half) == 16 * 900e9


# Over the uplinks of a socket's two switches, or over the link between the sockets.
@pytest.mark.parametrize(
    ("name", "bytes_per_s"), [("pcie-gen5-8", 2 * 63e9), ("pcie-gen5-8-h200", 64e9)]
)
def test_half_of_a_pcie_box_reaches_the_other_through_the_sockets(
    name: str, bytes_per_s: float
) -> None:
    graph = build(load_topology(name))

    halves = [f"box0/gpu{n}" for n in range(4)]

    # Seven pairs: 8 devices and 4 switches upwards, and the link between the sockets.
    assert graph.number_of_edges() == 2 * (8 + 4 + 1)
    assert cut_bytes_per_s(graph, halves) == bytes_per_s
    assert cut_bytes_per_s(graph, halves[:2]) == 63e9


def test_pairs_of_a_pcie_box_meet_in_their_switch() -> None:
    network = Network.of(load_topology("pcie-gen5-8"))

    hops = [len(network.route(0, other)) for other in range(1, 8)]

    # Under one switch; under one socket; over both sockets.
    assert hops == [2, 4, 4, 5, 5, 5, 5]


@pytest.mark.parametrize("name", [name for name in names("topologies") if name.startswith("dgx")])
def test_only_nvswitches_of_hopper_and_later_reduce(name: str) -> None:
    graph = build(load_topology(name))

    reducing = {vertex for vertex, reduces in graph.nodes(data="reduces") if reduces}

    before = {"dgx-2", "dgx-a100-40gb", *(f"dgx-a100{more}" for more in BOXES)}
    expected = {vertex for vertex in graph if "nvswitch" in vertex and name not in before}
    assert reducing == expected


def test_more_boxes_are_the_same_boxes() -> None:
    one, two = load_topology("dgx-h100"), load_topology("dgx-h100-x2")

    same = {"name": "", "description": "", "boxes": 1}
    assert one.model_copy(update=same) == two.model_copy(update=same)
