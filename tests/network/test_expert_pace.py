"""Tokens on their way to experts, against hand arithmetic."""

from math import hypot

import numpy as np
import pytest

from sim.catalog.load import load_profile, load_topology
from sim.network.exchange import Exchange, dispatch
from sim.network.expert_pace import (
    ExpertPace,
    Experts,
    PacedExchange,
    busy_processors,
    paced_exchange,
)
from sim.network.protocols import Pace
from sim.network.routes import Network
from sim.spec.calibration import FitErrors
from sim.spec.communication import Communication, ExchangeSizes, ExpertTraffic
from sim.spec.engine_profile import EngineProfile

TRAFFIC = ExpertTraffic(
    launch_s=10e-6,
    expert_s=0.01e-6,
    far_expert_s=0.05e-6,
    token_s=2e-6,
    copied_bytes_per_s=10e9,
    link_efficiency={"nvlink4": 0.5, "ndr": 0.9},
    fitted_to=ExchangeSizes(
        tokens=(1.0, 1024.0), devices=(8.0, 32.0), links={"nvlink4": 450e9, "ndr": 50e9}
    ),
    errors=FitErrors(points=1, median=0.0, p90=0.0, worst=0.0),
    source="made up",
)
HIDDEN, TOP_K, EXPERTS = 7168, 8, 256
BYTES = float(HIDDEN)


def profile() -> EngineProfile:
    known = Communication(experts={"dispatch": TRAFFIC}, measured_as={"nvlink5": "nvlink4"})
    return load_profile("plain").model_copy(update={"communication": known})


def paced(topology: str, experts: int = EXPERTS, processors: int | None = 132) -> PacedExchange:
    network = Network.of(load_topology(topology))
    devices = list(range(network.devices))

    def make(on: Network) -> Exchange:
        return dispatch(on, devices, "per-expert")

    of = Experts(experts, processors)
    return paced_exchange(network, devices, make, "dispatch", profile(), of)


def taken_s(found: PacedExchange, devices: int, tokens: float) -> float:
    copies = tokens * TOP_K
    loads = found.exchange.loads(np.full(devices, 1 / devices), np.full(devices, copies), BYTES)
    assert isinstance(found.pace, ExpertPace)
    priced = found.pace.of(loads, tokens, copies * BYTES)
    return float(priced.alone_s(found.pace.capacity_bytes_per_s))


@pytest.mark.parametrize(
    ("experts", "busy"), [(8, 8), (128, 128), (160, 80), (256, 128), (288, 96), (512, 128)]
)
def test_experts_keep_equal_groups_of_processors_busy(experts: int, busy: int) -> None:
    assert busy_processors(experts, 132) == busy


def test_in_a_box_counts_go_first_and_then_copies_beside_links() -> None:
    found = paced("dgx-h100")

    # Seven of eight copies cross NVLink at half its speed, beside 128 processors at work.
    handled_s = (100 * 2e-6 + 800 * BYTES / 10e9) / 128
    links_s = 700 * BYTES / (0.5 * 450e9)
    expected_s = 10e-6 + 256 * 0.01e-6 + 0.8e-6 + hypot(handled_s, links_s)
    assert taken_s(found, 8, 100.0) == pytest.approx(expected_s)


def test_between_boxes_cards_hold_up_and_far_experts_cost_more() -> None:
    found = paced("dgx-h100-x2")

    handled_s = (100 * 2e-6 + 800 * BYTES / 10e9) / 128
    cards_s = 400 * BYTES / (0.9 * 50e9)
    # Over NVLink to whoever is on the target's rail, then over two cards and the leaf between.
    latency_s = 0.8e-6 + 2 * (0.5e-6 + 0.3e-6)
    ahead_s = 10e-6 + 256 * 0.01e-6 + 128 * 0.05e-6
    assert taken_s(found, 16, 100.0) == pytest.approx(
        ahead_s + latency_s + hypot(handled_s, cards_s)
    )


def test_few_experts_take_longer() -> None:
    assert taken_s(paced("dgx-h100", experts=8), 8, 1000.0) > 2 * taken_s(
        paced("dgx-h100", experts=128), 8, 1000.0
    )


def test_only_the_very_links_and_sizes_were_measured() -> None:
    own, family, slower = (paced(name).pace for name in ("dgx-h100", "dgx-b200", "hgx-h800"))

    assert isinstance(own, ExpertPace)
    assert isinstance(family, ExpertPace)
    assert isinstance(slower, ExpertPace)
    assert own.covers(1024.0)
    assert not own.covers(1025.0)
    assert not family.covers(100.0)
    assert not slower.covers(100.0)


@pytest.mark.parametrize(
    "found", [paced("pcie-gen5-8"), paced("tpu-v6e-16x16"), paced("dgx-h100", processors=None)]
)
def test_where_no_such_kernels_were_measured_it_is_any_all_to_all(found: PacedExchange) -> None:
    assert isinstance(found.pace, Pace)


def test_to_experts_on_devices_of_their_own_all_counts_go_far() -> None:
    network = Network.of(load_topology("dgx-h100-x2"))
    sources, devices = list(range(8)), list(range(8, 16))

    def make(on: Network) -> Exchange:
        return dispatch(on, devices, "per-expert", sources)

    of = Experts(EXPERTS, 132, sources)
    pace = paced_exchange(network, devices, make, "dispatch", profile(), of).pace

    assert isinstance(pace, ExpertPace)
    # The longest way changes the rail inside the box: NVLink twice, PCIe twice, InfiniBand twice.
    latency_s = 2 * 0.4e-6 + 2 * 0.5e-6 + 2 * 0.3e-6
    assert pace.latency_s == pytest.approx(latency_s + 10e-6 + EXPERTS * (0.01e-6 + 0.05e-6))
    assert not pace.covers(128)
    alike = paced_exchange(
        network, devices, make, "dispatch", profile(), of._replace(sources=None)
    ).pace
    assert alike.latency_s == pytest.approx(latency_s + 10e-6 + EXPERTS * 0.01e-6)
