"""NVLink and PCIe differ for the right reason: where bytes of many share few links.

The PCIe box has two sockets, on each two switches with two devices. Each token goes to each other
device about equally often. Of n bytes that a device sends out, 6/7 leave its switch and 4/7 its
socket; two devices share an uplink, four share the link between the sockets. In units of n, a
device link carries 1, an uplink 12/7, the link between the sockets 16/7.
"""

from functools import cache

import pandas as pd
import pytest

from sim.catalog.load import load_model, load_topology
from sim.simulation import Run, simulate
from sim.spec.experts import Experts
from sim.spec.topology import TopologySpec
from tests.laws.scenarios import (
    DENSE,
    MIXTURE,
    engine,
    group,
    join,
    pool,
    scenario,
    switched,
    topology,
    work,
)

PCIE_BYTES_PER_S = 6e8


def pcie_box(between_sockets_bytes_per_s: float = PCIE_BYTES_PER_S) -> TopologySpec:
    groups = {
        "gpus": group("device", 8),
        "switches": group("switch", 4),
        "cpus": group("cpu", 2),
    }
    links = [
        join("gpus", "switches", "blocks", PCIE_BYTES_PER_S, 0.3e-6),
        join("switches", "cpus", "blocks", PCIE_BYTES_PER_S, 0.3e-6),
        join("cpus", "cpus", "chain", between_sockets_bytes_per_s, 0.3e-6),
    ]
    return topology(1, groups, links)


def expert_run(machine: TopologySpec, devices: int) -> Run:
    return simulate(
        scenario(
            MIXTURE,
            pool(1, devices),
            on=machine,
            experts=Experts.model_validate({"placement": "strided"}),
            workload=work(6 * devices, prompt=30, output=6),
        )
    )


def fullest(run: Run) -> pd.Series:
    """The share of its busy time that the fullest link of each kind is full."""
    links = run.links[run.links["busy_s"] > 0]
    return (links["full_s"] / links["busy_s"]).groupby(links["kind"]).max()


def test_eight_devices_on_pcie_fill_the_link_between_the_sockets() -> None:
    run = expert_run(pcie_box(), 8)

    full = fullest(run)
    assert full["cpus-cpus"] > 0.5
    assert full["gpus-switches"] == pytest.approx(0, abs=1e-9)
    carried = run.links.groupby("kind")["bytes"].mean()
    assert carried["cpus-cpus"] / carried["gpus-switches"] == pytest.approx(16 / 7, rel=0.05)
    assert carried["switches-cpus"] / carried["gpus-switches"] == pytest.approx(12 / 7, rel=0.05)


def test_with_a_wide_link_between_the_sockets_the_uplinks_are_full() -> None:
    full = fullest(expert_run(pcie_box(10 * PCIE_BYTES_PER_S), 8))

    assert full["switches-cpus"] > 0.2  # each of eight directions now and then
    assert full["cpus-cpus"] == 0
    assert full["gpus-switches"] < 0.05


def test_a_switch_for_all_is_held_up_by_the_devices_own_links_only() -> None:
    pcie = expert_run(pcie_box(), 8)
    # The same speed for each device's own link: what differs is what they share.
    machine = switched(1, 8)
    same = machine.links[0].model_copy(update={"bytes_per_s": PCIE_BYTES_PER_S})
    nvlink = expert_run(machine.model_copy(update={"links": (same, *machine.links[1:])}), 8)

    used = nvlink.links[nvlink.links["bytes"] > 0]
    assert set(used["kind"]) == {"gpus-nvswitch"}
    assert fullest(nvlink)["gpus-nvswitch"] > 0.2
    seconds = [run.steps[["dispatch_s", "combine_s"]].to_numpy().sum() for run in (pcie, nvlink)]
    assert seconds[0] > 1.5 * seconds[1]


def test_a_pair_under_one_switch_is_not_held_up_by_the_others() -> None:
    # A dense replica on devices 0 and 1, one of four across the sockets beside it.
    def requests(*pools: object, count: int) -> Run:
        return simulate(
            scenario(
                DENSE,
                *pools,  # type: ignore[arg-type]
                on=pcie_box(),
                workload=work(count, prompt=20, output=8),
                router="round-robin",
                fidelity="layer",
            )
        )

    pair = pool(2, name="pair", devices=(0, 1))
    across = pool(4, name="across", devices=(2, 3, 4, 5))
    alone, beside = requests(pair, count=3), requests(pair, across, count=6)

    steps = beside.steps[beside.steps["pool"] == "pair"].reset_index(drop=True)
    assert steps.equals(alone.steps)
    # A replica that spans two switches of one socket is held up by one that crosses their uplinks.
    spanning = pool(2, name="pair", devices=(1, 2))
    crossing = pool(4, name="across", devices=(0, 3, 4, 5))
    free, held_up = requests(spanning, count=3), requests(spanning, crossing, count=6)
    mine = held_up.requests[held_up.requests["pool"] == "pair"]
    assert mine["e2e_s"].mean() > 1.05 * free.requests["e2e_s"].mean()


@pytest.mark.parametrize("crosses", [False, True])
def test_an_all_reduce_across_sockets_is_slower_only_by_the_way(crosses: bool) -> None:
    # One token, 256 bytes: two devices send half of them twice, over 2 hops or over 5.
    devices, hops = ((0, 4), 5) if crosses else ((0, 1), 2)

    run = simulate(
        scenario(
            DENSE,
            pool(2, devices=devices),
            on=pcie_box(),
            engine=engine(all_reduce="ring"),
            workload=work(1, prompt=1, output=2),
        )
    )

    decode = run.recorder.steps[1]
    reduce_s = 2 * hops * 0.3e-6 + 256 / PCIE_BYTES_PER_S
    gather_s = hops * 0.3e-6 + 1000 / PCIE_BYTES_PER_S
    assert decode.collective_s == pytest.approx(7 * reduce_s + gather_s)


def test_full_seconds_count_every_all_reduce() -> None:
    # With one message at a time, the narrowest link on the way is full whenever it is busy.
    run = simulate(
        scenario(DENSE, pool(2, devices=(0, 1)), on=pcie_box(), workload=work(2, prompt=20))
    )

    used = run.links[run.links["bytes"] > 0]
    assert used["full_s"].to_numpy() == pytest.approx(used["busy_s"].to_numpy())


@cache
def catalog_run(machine: str, ranks: int) -> Run:
    """A mixture on devices of one kind, in the machines that we ship."""
    return simulate(
        scenario(
            load_model("qwen3-30b-a3b"),
            pool(1, ranks),
            on=load_topology(machine),
            engine=engine(max_sequences=32, max_step_tokens=1024),
            experts=Experts.model_validate({"placement": "strided", "draws": "device"}),
            workload=work(32 * ranks, prompt=32, output=4),
        )
    )


def test_between_the_shipped_boxes_only_communication_differs() -> None:
    pcie, nvlink = catalog_run("pcie-gen5-8-h200", 8), catalog_run("dgx-h200", 8)

    for name in ("step", "kind", "sequences", "tokens", "attention_s", "dense_s", "experts_s"):
        assert pcie.steps[name].equals(nvlink.steps[name])
    assert (pcie.steps["dispatch_s"] > 10 * nvlink.steps["dispatch_s"]).all()
    assert set(nvlink.links.loc[nvlink.links["bytes"] > 0, "kind"]) == {"nvlink4"}


def test_the_shipped_pcie_box_is_full_between_its_sockets_or_in_one_at_its_uplinks() -> None:
    whole, one_socket = catalog_run("pcie-gen5-8-h200", 8), catalog_run("pcie-gen5-8-h200", 4)

    full_s = whole.links.set_index("link")["full_s"] / whole.links.set_index("link")["busy_s"]
    between = [name for name in full_s.index if name.count("cpu") == 2]
    assert len(between) == 2
    assert full_s[between].sum() == pytest.approx(1.0, abs=0.05)
    assert full_s.drop(between).max() == pytest.approx(0.0, abs=0.02)
    used = one_socket.links[one_socket.links["bytes"] > 0]
    assert set(used["kind"]) == {"pcie5"}
    uplink = used["link"].str.contains("cpu")
    assert used.loc[uplink, "full_s"].sum() > 0.95 * used["busy_s"].max()
    assert used.loc[~uplink, "full_s"].max() < 0.05 * used["busy_s"].max()
