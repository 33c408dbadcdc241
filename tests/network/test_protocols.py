"""Times by protocols against hand arithmetic."""

from dataclasses import replace

import numpy as np
import pytest

from sim.catalog.load import load_profile, load_topology
from sim.catalog.names import names
from sim.network.collectives import all_gather, all_reduce, all_to_all, sends
from sim.network.measured_collectives import covers
from sim.network.patterns import Pattern
from sim.network.protocols import Pace, fabric_of, pace_of, unknown_kind
from sim.network.routes import Network
from sim.spec.calibration import FitErrors
from sim.spec.communication import Communication, Fabric, FabricSizes, WireProtocol
from sim.spec.engine_profile import EngineProfile

NVLINK_BYTES_PER_S = 450e9
LATENCY_S = 0.8e-6
"""From device to device over an NVSwitch."""
FABRIC = Fabric(
    launch_s=4e-6,
    chain=(
        WireProtocol(start_s=0.0, step_s=0.1e-6, link_efficiency=0.1),
        WireProtocol(start_s=10e-6, step_s=1e-6, link_efficiency=0.8),
    ),
    chain_ends=0.5,
    direct=(WireProtocol(start_s=1e-6, step_s=0.0, link_efficiency=0.5),),
    message_s=0.25e-6,
    in_switch=(WireProtocol(start_s=30e-6, step_s=0.0, link_efficiency=0.6),),
    host_stream_share=0.5,
    fitted_to=FabricSizes(
        buffers=(1e3, 1e9), devices=(2.0, 8.0), link_bytes_per_s=NVLINK_BYTES_PER_S
    ),
    errors={"all_gather": FitErrors(points=1, median=0.0, p90=0.0, worst=0.0)},
    source="made up",
)
HOPPER, PCIE = (Network.of(load_topology(name)) for name in ("dgx-h100", "pcie-gen5-8"))


def profile(**fabrics: Fabric) -> EngineProfile:
    communication = Communication(fabrics=fabrics, measured_as={"nvlink5": "nvlink4", "a": "b"})
    return load_profile("plain").model_copy(update={"communication": communication})


MEASURED = profile(nvlink4=FABRIC, pcie5=FABRIC)


def gather(network: Network, devices: int) -> Pattern:
    (pattern,) = all_gather(network, [list(range(devices))], "ring").patterns
    return pattern


def taken_s(network: Network, pattern: Pattern, bytes_: float) -> float:
    pace = pace_of(pattern, network, MEASURED, pattern.algorithm)
    return float(pace.of(pattern.loads(bytes_)).alone_s(network.capacity_bytes_per_s))


@pytest.mark.parametrize(
    ("bytes_", "start_s", "step_s", "efficiency"),
    [(4e3, 0.0, 0.1e-6, 0.1), (4e8, 10e-6, 1e-6, 0.8)],
)
def test_small_and_large_messages_go_by_the_protocol_that_is_faster_for_them(
    bytes_: float, start_s: float, step_s: float, efficiency: float
) -> None:
    # A ring of four: three steps of a quarter each, and half a step's bytes at its ends.
    steps_s = 3 * (LATENCY_S + step_s)
    bytes_s = (3 + 0.5) * bytes_ / 4 / (efficiency * NVLINK_BYTES_PER_S)

    assert taken_s(HOPPER, gather(HOPPER, 4), bytes_) == pytest.approx(
        4e-6 + start_s + steps_s + bytes_s
    )


def test_messages_to_all_at_once_take_a_little_longer_for_each() -> None:
    (pattern,) = all_to_all(HOPPER, [list(range(8))], "direct").patterns

    # Seven messages, of which six are further ones; seven eighths of the buffer leave.
    expected_s = 4e-6 + LATENCY_S + 1e-6 + 6 * 0.25e-6 + 7 / 8 * 1e6 / (0.5 * NVLINK_BYTES_PER_S)
    assert taken_s(HOPPER, pattern, 1e6) == pytest.approx(expected_s)


def test_a_switch_that_adds_has_numbers_of_its_own() -> None:
    (pattern,) = all_reduce(HOPPER, [list(range(8))], "in-switch").patterns

    bytes_s = (1 + 1 / 8) * 1e8 / (0.6 * NVLINK_BYTES_PER_S)
    assert taken_s(HOPPER, pattern, 1e8) == pytest.approx(
        4e-6 + pattern.latency_s + 30e-6 + bytes_s
    )


def test_one_stream_does_not_fill_a_link_to_a_host() -> None:
    # Two devices on one switch need no host; four need the uplinks, each with one stream.
    on_switch, over_host = gather(PCIE, 2), gather(PCIE, 4)

    of_two = taken_s(PCIE, on_switch, 2e9) - taken_s(PCIE, on_switch, 1e9)
    of_four = taken_s(PCIE, over_host, 2e9) - taken_s(PCIE, over_host, 1e9)

    assert of_two == pytest.approx((1 + 0.5) / 2 * 1e9 / (0.8 * 63e9), rel=1e-6)
    assert of_four == pytest.approx((3 + 0.5) / 4 * 1e9 / (0.8 * 0.5 * 63e9), rel=1e-6)


def test_arrays_are_priced_like_their_parts() -> None:
    pattern = gather(HOPPER, 8)
    sizes = np.array([[0.0], [1e3], [1e6], [1e9]])
    pace = pace_of(pattern, HOPPER, MEASURED, "ring")

    together = pace.of(pattern.loads(sizes)).alone_s(HOPPER.capacity_bytes_per_s)

    apart = [taken_s(HOPPER, pattern, one) for one in sizes[:, 0]]
    assert together.tolist() == apart
    assert apart == sorted(apart)


def test_no_link_is_driven_beyond_its_speed() -> None:
    pattern = gather(HOPPER, 8)
    loads = pace_of(pattern, HOPPER, MEASURED, "ring").of(pattern.loads(1e8))

    assert loads.least_drain_s > loads.needed_s(HOPPER.capacity_bytes_per_s).max()


def test_without_fabrics_the_constants_price_as_they_did() -> None:
    plain, pattern = load_profile("plain"), gather(HOPPER, 8)
    capacity = HOPPER.capacity_bytes_per_s

    loads = pace_of(pattern, HOPPER, plain, "ring").of(pattern.loads(1e6))

    before = pattern.loads(1e6)
    assert loads.latency_s == before.latency_s + plain.collective_launch_s
    assert loads.least_drain_s == before.drain_s(capacity) / plain.network_efficiency


def test_links_that_nobody_measured_go_by_the_constants() -> None:
    torus = Network.of(load_topology("tpu-v6e-16x16"))
    pattern = gather(torus, 4)

    assert fabric_of(torus, pattern.links, MEASURED.communication) is None
    assert pace_of(pattern, torus, MEASURED, "ring").efficiency.tolist() == [0.6]


def test_a_fabric_of_the_family_takes_the_numbers_over_but_was_not_measured() -> None:
    blackwell = Network.of(load_topology("dgx-b200"))
    own, other = gather(HOPPER, 8), gather(blackwell, 8)
    on = list(range(8))

    assert fabric_of(blackwell, other.links, MEASURED.communication) == ("nvlink4", FABRIC)
    assert covers(HOPPER, on, own, "all_gather", MEASURED.communication, 1e6)
    assert not covers(blackwell, on, other, "all_gather", MEASURED.communication, 1e6)


def test_other_sizes_speeds_and_algorithms_were_not_measured() -> None:
    slower = Network.of(load_topology("hgx-h800"))
    on, known = list(range(8)), MEASURED.communication
    (direct,) = all_gather(HOPPER, [on], "direct").patterns

    assert not covers(HOPPER, on, gather(HOPPER, 8), "all_gather", known, 1e10)
    assert not covers(slower, on, gather(slower, 8), "all_gather", known, 1e6)
    assert not covers(HOPPER, on, direct, "all_gather", known, 1e6)
    assert not covers(HOPPER, on, gather(HOPPER, 8), "all_gather", None, 1e6)


def test_one_device_alone_launches_nothing() -> None:
    pattern = gather(HOPPER, 1)
    loads = pattern.loads(1e6)

    assert Pace.constant(pattern, HOPPER, MEASURED).of(loads) is loads


def test_sends_between_pairs_go_straight() -> None:
    (pattern,) = sends(HOPPER, [[(0, 4), (1, 5)], [(2, 6), (3, 7)]]).patterns
    pace = pace_of(pattern, HOPPER, MEASURED, pattern.algorithm)

    took_s = pace.of(pattern.loads([4.5e6, 9e6])).alone_s(HOPPER.capacity_bytes_per_s)

    # The larger of both groups' bytes, on links of their own.
    assert took_s == pytest.approx(4e-6 + LATENCY_S + 1e-6 + 9e6 / (0.5 * NVLINK_BYTES_PER_S))


def test_the_slowest_link_as_built_says_which_fabric() -> None:
    # NVLink 4 and NDR with unlike numbers: between boxes cards are slowest, in a box there is one.
    cards = FABRIC.model_copy(update={"launch_s": 40e-6})
    known = profile(nvlink4=FABRIC, ndr=cards).communication
    boxes = Network.of(load_topology("dgx-h100-x2"))
    across, inside = gather(boxes, 16), gather(boxes, 8)

    assert fabric_of(boxes, across.links, known) == ("ndr", cards)
    assert fabric_of(boxes, inside.links, known) == ("nvlink4", FABRIC)


@pytest.mark.parametrize("share", [0.8, 0.79, 0.01])
def test_a_degraded_link_keeps_its_fabric(share: float) -> None:
    boxes = Network.of(load_topology("dgx-h100-x2"))
    across = gather(boxes, 16)
    is_card_of_pcie = np.array([kind == "pcie5" for kind in boxes.link_kinds])
    known = profile(ndr=FABRIC, pcie5=FABRIC).communication

    slowed = boxes.without([], boxes.capacity_bytes_per_s * np.where(is_card_of_pcie, share, 1.0))

    assert fabric_of(boxes, across.links, known) == ("ndr", FABRIC)
    assert fabric_of(slowed, across.links, known) == ("ndr", FABRIC)


def test_a_slowest_link_that_nobody_stands_for_means_the_constants() -> None:
    clos = Network.of(load_topology("dgx-b300-x16-leaf-spine-800gbe"))
    across = gather(clos, 128)

    assert fabric_of(clos, across.links, MEASURED.communication) is None
    assert pace_of(across, clos, MEASURED, "ring").efficiency.tolist() == [0.6]
    assert unknown_kind(clos, across.links, MEASURED.communication) == "800gbe"
    assert unknown_kind(HOPPER, gather(HOPPER, 8).links, MEASURED.communication) is None
    assert unknown_kind(clos, across.links, None) is None


def test_the_shipped_profile_stands_for_all_shipped_links_but_those_of_other_makers() -> None:
    known = load_profile("measured").communication
    assert known is not None

    unknown = {
        kind
        for name in names("topologies")
        for kind in Network.of(load_topology(name)).link_kinds
        if known.known_as(kind, known.fabrics) is None
    }

    assert unknown == {"ici", "roce", "roce-out", "through"}


def test_a_part_with_a_cap_is_no_link() -> None:
    # A CPU that lets through less than any link carries.
    hosts = Network.of(load_topology("pcie-gen5-8-no-p2p"))
    pattern = gather(hosts, 8)
    is_through = np.array([kind == "through" for kind in hosts.link_kinds])
    capped = replace(hosts, built_bytes_per_s=np.where(is_through, 1e9, hosts.capacity_bytes_per_s))

    assert is_through[pattern.links].any()
    assert fabric_of(capped, pattern.links, MEASURED.communication) == ("pcie5", FABRIC)


def reduced(network: Network, algorithm: str) -> Pattern:
    (pattern,) = all_reduce(network, [list(range(8))], algorithm).patterns
    return pattern


MADE = FABRIC.model_copy(
    update={"errors": dict.fromkeys(("all_reduce", "all_gather"), FABRIC.errors["all_gather"])}
)


@pytest.mark.parametrize(
    ("algorithm", "bytes_", "is_measured"),
    [
        # By the numbers above the switch is faster from some megabytes on: then NCCL takes it.
        ("ring", 8e3, True),
        ("in-switch", 8e3, False),
        ("ring", 5e8, False),
        ("in-switch", 5e8, True),
    ],
)
def test_of_sums_in_the_switch_and_rings_the_faster_one_was_measured(
    algorithm: str, bytes_: float, is_measured: bool
) -> None:
    known, pattern = profile(nvlink4=MADE).communication, reduced(HOPPER, algorithm)

    found = covers(HOPPER, list(range(8)), pattern, "all_reduce", known, bytes_)

    assert found == is_measured


def test_a_switch_without_numbers_of_its_own_goes_by_those_of_chains_unmeasured() -> None:
    fabric = MADE.model_copy(update={"in_switch": ()})
    by, pattern = profile(nvlink4=fabric), reduced(HOPPER, "in-switch")
    pace = pace_of(pattern, HOPPER, by, "in-switch")

    # Two steps, which half a step's bytes at the ends make longer by a quarter.
    assert pace.efficiency == pytest.approx([0.1 / 1.25, 0.8 / 1.25])
    assert not covers(HOPPER, list(range(8)), pattern, "all_reduce", by.communication, 5e8)
    ring = reduced(HOPPER, "ring")
    assert covers(HOPPER, list(range(8)), ring, "all_reduce", by.communication, 5e8)


def test_kinds_that_were_not_measured_are_not_covered() -> None:
    on, known = list(range(8)), profile(nvlink4=MADE).communication
    (in_switch,) = all_gather(HOPPER, [on], "in-switch").patterns

    assert covers(HOPPER, on, gather(HOPPER, 8), "all_gather", known, 1e6)
    assert not covers(HOPPER, on, gather(HOPPER, 8), "reduce_scatter", known, 1e6)
    assert not covers(HOPPER, on, gather(HOPPER, 8), "sends", known, 1e6)
    assert not covers(HOPPER, on, in_switch, "all_gather", known, 1e9)


def test_a_stand_in_as_fast_as_the_measured_links_was_not_measured() -> None:
    kinds = ("nvlink5" if one == "nvlink4" else one for one in HOPPER.link_kinds)
    like = replace(HOPPER, link_kinds=tuple(kinds))
    on, known = list(range(8)), MEASURED.communication

    assert fabric_of(like, gather(like, 8).links, known) == ("nvlink4", FABRIC)
    assert not covers(like, on, gather(like, 8), "all_gather", known, 1e6)


def test_each_stream_of_several_brings_its_share_of_a_link_to_a_host() -> None:
    # Eight devices under two hosts, all to all: many streams over each link, which fill it.
    (pattern,) = all_to_all(PCIE, [list(range(8))], "direct").patterns
    pace = pace_of(pattern, PCIE, MEASURED, "direct")
    reached = pace.capacity_bytes_per_s / PCIE.capacity_bytes_per_s

    assert set(reached[pattern.links]) == {1.0}
    assert (pattern.streams >= 2).all()
