"""Every shipped cluster against the closed forms of its family, every model on every device."""

import math
from itertools import product
from typing import NamedTuple

import pytest

from sim.catalog.load import load_device, load_model, load_profile, load_topology
from sim.catalog.names import names
from sim.network.graph import build
from sim.network.routes import Network
from sim.physics.memory import footprint, state_bytes_per_sequence
from sim.physics.parameters import parameters
from sim.spec.scenario import Engine, Precision

from .cuts import cut_bytes_per_s


class Form(NamedTuple):
    devices: int
    links: int
    """Both directions as one."""
    degree: int
    """Links of each device."""
    bisection_bytes_per_s: float
    """From the first half of the devices to the second, in one direction."""


def star(devices: int, bytes_per_s: float) -> Form:
    return Form(devices, devices, 1, devices / 2 * bytes_per_s)


def rails(boxes: int, nvlink_bytes_per_s: float, card_bytes_per_s: float) -> Form:
    # A box: 8 devices on the switch, 8 on cards, 8 cards on leaves. Between boxes: the cards.
    within, between = 4 * nvlink_bytes_per_s, boxes // 2 * 8 * card_bytes_per_s
    return Form(8 * boxes, 24 * boxes, 2, within if boxes == 1 else between)


def mesh_on_rails(bytes_per_s: float) -> Form:
    # 8 x 7 / 2 pairs, 8 cards, 8 leaves; 4 x 4 pairs between the halves.
    return Form(8, 28 + 8 + 8, 7 + 1, 16 * bytes_per_s)


def torus(shape: tuple[int, ...], bytes_per_s: float) -> Form:
    # Every side is above 2, so that each chip begins a link in each direction; a cut across the
    # first and longest side is passed twice by each of the rings along it.
    chips = math.prod(shape)
    return Form(chips, chips * len(shape), 2 * len(shape), 2 * chips // max(shape) * bytes_per_s)


def on_two_switches(devices: int, bytes_per_s: float) -> Form:
    return Form(devices, devices + 2, 1, bytes_per_s)


def on_two_sockets(devices: int, bytes_per_s: float) -> Form:
    # Two links of 32 GB/s between the sockets.
    return Form(devices, devices + 3, 1, min(bytes_per_s, 64e9))


DGX = {
    "a100": (300e9, 25e9),
    "h100": (450e9, 50e9),
    "h200": (450e9, 50e9),
    "b200": (900e9, 50e9),
    "b300": (900e9, 100e9),
}
PCIE = {"gen4": 31e9, "gen5": 63e9}
SHAPES = {
    "one-switch": star,
    "two-switches": on_two_switches,
    "two-sockets": on_two_sockets,
    "direct": star,
}
TORI = {
    "tpu-v5e-16x16": ((16, 16), 45e9),
    "tpu-v6e-16x16": ((16, 16), 90e9),
    "tpu-v5p-8x4x4": ((8, 4, 4), 90e9),
    "tpu-v7-4x4x4": ((4, 4, 4), 100e9),
}
FORMS = {
    "single": Form(1, 0, 0, 0.0),
    **{f"dgx-{kind}": rails(1, *speeds) for kind, speeds in DGX.items()},
    **{
        f"dgx-{kind}-x{boxes}": rails(boxes, *speeds)
        for (kind, speeds), boxes in product(DGX.items(), (2, 4, 8))
    },
    "dgx-a100-40gb": rails(1, 300e9, 25e9),
    "hgx-h20": rails(1, 450e9, 50e9),
    "hgx-h800": rails(1, 200e9, 50e9),
    "dgx-2": star(16, 150e9),
    "gb200-nvl72": star(72, 900e9),
    "gb300-nvl72": star(72, 900e9),
    "switched-32": star(32, 900e9),
    "switched-32-with-pim": star(64, 900e9),
    "mi300x-8": mesh_on_rails(64e9),
    "mi325x-8": mesh_on_rails(64e9),
    "mi355x-8": mesh_on_rails(76.5e9),
    # 28 pairs and 8 links to the switch, which the halves can use too: 4 x 4 and 4 links of 75.
    "gaudi-3-8": Form(8, 28 + 8, 8, (16 + 4) * 75e9),
    **{name: torus(*parameters) for name, parameters in TORI.items()},
    **{
        f"pcie-{generation}-{devices}-{shape}": form(devices, bytes_per_s)
        for (generation, bytes_per_s), devices, (shape, form) in product(
            PCIE.items(), (4, 8), SHAPES.items()
        )
    },
    "pcie-gen4-8-a100": on_two_sockets(8, 31e9),
    "pcie-gen5-8-h100": on_two_sockets(8, 63e9),
    "pcie-gen4-4-a10": star(4, 31e9),
    "pcie-gen4-4-rtx-4090": star(4, 31e9),
    # Half of a memory of 12 x 38.4 GB/s or of 8 x 25.6 GB/s, less than what four devices send.
    "pcie-gen5-8-no-p2p": Form(8, 8, 1, 12 * 38.4e9 / 2),
    "pcie-gen4-8-no-p2p": Form(8, 8, 1, 8 * 25.6e9 / 2),
    # Two switches on each of two sockets.
    "pcie-gen5-8": Form(8, 8 + 4 + 1, 1, 2 * 63e9),
    "pcie-gen5-8-h200": Form(8, 8 + 4 + 1, 1, 64e9),
    # Four cards more; the halves of one box can use two of them each beside the sockets' link.
    "pcie-gen5-8-nics": Form(8, 13 + 8, 1, 64e9 + 2 * 50e9),
    "pcie-gen5-8-nics-x2": Form(16, 2 * 21, 1, 4 * 50e9),
    "pcie-gen5-8-nics-x4": Form(32, 4 * 21, 1, 8 * 50e9),
    "pcie-gen4-8-nics": Form(8, 13 + 8, 1, 2 * 31e9 + 2 * 12.5e9),
    "pcie-gen4-8-nics-x2": Form(16, 2 * 21, 1, 4 * 12.5e9),
    **{
        f"{rack}-nvl72-x{racks}": Form(72 * racks, 3 * 72 * racks, 2, 36 * racks * card)
        for (rack, card), racks in product({"gb200": 50e9, "gb300": 100e9}.items(), (2, 4))
    },
    # Two units of eight leaves: what the spines take of one, four or eight links a leaf.
    "dgx-h100-x16-leaf-spine": Form(128, 3 * 128 + 16 * 4, 2, 8 * 4 * 50e9),
    "dgx-b300-x16-leaf-spine-800gbe": Form(128, 3 * 128 + 16 * 8, 2, 8 * 8 * 100e9),
    # All 64 cards of a half at once: 16 leaves with 4 up, 16 aggregation switches with 2.
    "dgx-h100-x16-fat-tree": Form(128, 3 * 128 + 16 * 4 + 16 * 2, 2, 64 * 50e9),
    # Four groups to four others, two links each; a mesh of four has six links.
    "dgx-h100-x16-dragonfly": Form(128, 3 * 128 + 8 * 6 + 8 * 7 // 2, 2, 4 * 4 * 2 * 50e9),
}


def test_every_topology_has_a_closed_form() -> None:
    assert set(FORMS) == set(names("topologies"))


@pytest.mark.parametrize("name", FORMS)
def test_counts_and_degrees_are_those_of_the_family(name: str) -> None:
    form = FORMS[name]
    graph = build(load_topology(name))

    devices = [vertex for vertex, kind in graph.nodes(data="kind") if kind == "device"]

    assert len(devices) == form.devices
    assert graph.number_of_edges() == 2 * form.links
    assert {graph.out_degree(device) for device in devices} == {form.degree}


@pytest.mark.parametrize("name", [name for name in FORMS if name != "single"])
def test_the_bisection_is_that_of_the_family(name: str) -> None:
    graph = build(load_topology(name))
    devices = [vertex for vertex, kind in graph.nodes(data="kind") if kind == "device"]

    found = cut_bytes_per_s(graph, devices[: len(devices) // 2])

    assert found == pytest.approx(FORMS[name].bisection_bytes_per_s)


@pytest.mark.parametrize("name", TORI)
def test_a_route_on_a_torus_goes_the_short_way_round_every_side(name: str) -> None:
    shape, _ = TORI[name]
    network = Network.of(load_topology(name))
    places = list(product(*(range(side) for side in shape)))

    for other in range(0, len(places), 7):
        ways = [min(at, side - at) for at, side in zip(places[other], shape, strict=True)]
        assert len(network.route(0, other)) == sum(ways)


@pytest.mark.parametrize("name", ["mi300x-8", "mi325x-8", "mi355x-8", "gaudi-3-8"])
def test_a_pair_of_a_mesh_has_one_link_only(name: str) -> None:
    network = Network.of(load_topology(name))

    for one, other in product(range(8), range(8)):
        assert len(network.route(one, other)) == (one != other)


@pytest.mark.parametrize("name", names("models"))
def test_the_memory_of_a_model_is_known_on_every_device(name: str) -> None:
    model, engine = load_model(name), Engine(profile=load_profile("plain"), memory_share=0.9)
    weights_bytes = 2 * parameters(model)
    states_bytes = engine.max_sequences * state_bytes_per_sequence(model, Precision())

    for device in (load_device(one) for one in names("devices")):
        given = footprint(model, Precision(), device, engine)

        # In bf16, on one device: two bytes a parameter, and what is left is for keys and values.
        taken_bytes = weights_bytes + given.activation_bytes + states_bytes
        left_bytes = 0.9 * device.memory_bytes - taken_bytes
        assert given.kv_bytes == pytest.approx(left_bytes)
        assert given.activation_bytes > 0
        assert (given.kv_tokens > 0) == (left_bytes >= 64 * given.kv_bytes_per_token)
