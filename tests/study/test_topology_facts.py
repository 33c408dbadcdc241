"""Cuts and distances against closed forms."""

import time

import pytest

from sim.catalog.load import load_topology
from sim.study.topology_facts import distances, level_rows, link_rows, part_rows
from tests.catalog.test_machines import FORMS


@pytest.mark.parametrize("name", [name for name in FORMS if name != "single"])
def test_the_last_cut_is_the_bisection_of_the_family(name: str) -> None:
    rows = level_rows(load_topology(name))

    # Within one box the whole graph is looked at; of two boxes the halves are the boxes.
    assert rows[-1]["cut_bytes_per_s"] == pytest.approx(FORMS[name].bisection_bytes_per_s)


@pytest.mark.parametrize(("spines", "ratio"), [(8, 1.0), (4, 2.0), (2, 4.0), (1, 8.0)])
def test_oversubscription_is_ports_down_over_ports_up(spines: int, ratio: float) -> None:
    base = {"base": "dgx-h100-x16-leaf-spine", "groups": {"spine": {"count": spines}}}

    rows = level_rows(load_topology(base))

    # A device has 450 GB/s in its box, and a card of 50 GB/s out of it.
    ratios = [row["oversubscription_ratio"] for row in rows]
    assert ratios == pytest.approx([1.0, 1.0, 9.0, ratio])


def test_parts_and_links_are_counted() -> None:
    spec = load_topology("dgx-h100-x2")

    assert [(row["part"], row["in_all"]) for row in part_rows(spec)] == [
        *(("gpu", 16), ("nvswitch", 2), ("nic", 16), ("leaf", 8))
    ]
    assert [
        (row["link"], row["directions"], row["together_bytes_per_s"]) for row in link_rows(spec)
    ] == [*(("nvlink4", 32, 450e9), ("pcie5", 32, 63e9), ("ndr", 32, 50e9))]


def test_the_farthest_of_a_torus_is_half_round_every_side() -> None:
    far = distances(load_topology("tpu-v5p-8x4x4"))

    assert far["diameter_hops"] == 4 + 2 + 2
    assert far["latency_of_the_farthest_s"] == pytest.approx(8e-6)


def test_the_slowest_pair_shares_no_more_than_its_narrowest_link() -> None:
    far = distances(load_topology("pcie-gen5-8-no-p2p"))
    capped = {"base": "pcie-gen5-8-no-p2p", "groups": {"cpu": {"through": "20 GB/s"}}}

    assert (far["diameter_hops"], far["slowest_pair_bytes_per_s"]) == (2, 63e9)
    assert distances(load_topology(capped))["slowest_pair_bytes_per_s"] == 20e9


@pytest.mark.parametrize("name", ["tpu-v5e-16x16", "gb200-nvl72-x4", "dgx-h100-x16-dragonfly"])
def test_a_big_cluster_takes_seconds(name: str) -> None:
    spec = load_topology(name)
    start_s = time.process_time()

    distances(spec)
    level_rows(spec)

    assert time.process_time() - start_s < 10.0
