"""The fabric against a twin in which every device-to-device stream goes its own way."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from simpy import Environment

import sim
from sim.catalog.names import names
from sim.network.collectives import all_reduce
from sim.network.exchange import dispatch
from sim.network.fabric import Fabric
from sim.network.instants import STARTS, call_at
from sim.network.loads import Loads
from sim.network.routes import Network
from sim.record.usage import LinkUsage

from .stream_twin import Transfer, all_to_all, ring, twin_ends_s

# As many devices as the twin is quick for, of as many boxes.
MOST_DEVICES, MOST_BOXES = 16, 4
KINDS = ("all-reduce", "all-gather", "all-to-all")
SMALL = ("dgx-h100", "dgx-h100-x2", "mi300x-8", "pcie-gen4-8-two-sockets", "pcie-gen5-8")


def fabric_ends_s(network: Network, starts: Sequence[tuple[float, Loads]]) -> list[float]:
    env, ends_s = Environment(), [0.0] * len(starts)
    fabric = Fabric(env, network.capacity_bytes_per_s, LinkUsage.of(network.links))

    def start(number: int, loads: Loads) -> None:
        def note(_: object) -> None:
            ends_s[number] = env.now

        fabric.transfer(loads, str(number)).callbacks.append(note)

    for number, (at_s, loads) in enumerate(starts):
        call_at(env, at_s, STARTS, lambda number=number, loads=loads: start(number, loads))  # type: ignore[misc]
    env.run()
    return ends_s


def chosen(network: Network) -> list[int]:
    boxes = list(dict.fromkeys(network.box_of))[:MOST_BOXES]
    each = max(1, min(network.devices, MOST_DEVICES) // len(boxes))
    return [
        device
        for box in boxes
        for device in [d for d in range(network.devices) if network.box_of[d] == box][:each]
    ]


def transfer(network: Network, kind: str, group: Sequence[int]) -> Transfer:
    if kind == "all-to-all":
        return all_to_all(network, group, np.full((len(group), len(group)), 1e8))
    return ring(network, group, 1e9, times=2 if kind == "all-reduce" else 1)


def check_balanced(network: Network, groups: Sequence[Sequence[int]]) -> None:
    for kind in KINDS:
        transfers = [transfer(network, kind, group) for group in groups]

        found = fabric_ends_s(network, [(0.0, one.loads()) for one in transfers])

        assert found == pytest.approx(twin_ends_s(network, transfers), rel=0.02), kind


@pytest.mark.parametrize("name", [name for name in names("topologies") if name != "single"])
def test_equal_collectives_at_once_end_as_their_streams_would(name: str) -> None:
    network = Network.of(sim.load_topology(name))
    devices = chosen(network)
    for replicas in (2, 4):
        size = len(devices) // replicas
        if size < 2:
            continue
        side_by_side = [devices[n * size : (n + 1) * size] for n in range(replicas)]
        interleaved = [devices[n::replicas] for n in range(replicas)]
        for groups in (side_by_side, interleaved):
            check_balanced(network, groups)


def test_the_replicas_of_this_comparison_do_share_links() -> None:
    network = Network.of(sim.load_topology("pcie-gen5-8"))
    transfers = [transfer(network, "all-reduce", group) for group in ([0, 2, 4, 6], [1, 3, 5, 7])]

    alone_s = float(transfers[0].loads().alone_s(network.capacity_bytes_per_s))
    assert twin_ends_s(network, transfers) == pytest.approx([2 * alone_s] * 2)


@pytest.mark.parametrize("name", SMALL)
@pytest.mark.parametrize("seed", range(3))
def test_alone_a_skewed_exchange_ends_with_the_last_of_its_streams(name: str, seed: int) -> None:
    # Max-min fair streams need not keep the fullest link full to the end: never sooner, though.
    network, generator = Network.of(sim.load_topology(name)), np.random.default_rng(seed)
    devices = chosen(network)
    one = all_to_all(
        network, devices, generator.dirichlet(np.full(len(devices), 2.0), len(devices))
    )

    (twin_s,) = twin_ends_s(network, [one])

    assert twin_s >= float(one.loads().alone_s(network.capacity_bytes_per_s)) * (1 - 1e-9)


@pytest.mark.parametrize("name", SMALL)
@pytest.mark.parametrize("kind", KINDS)
def test_alone_a_balanced_collective_ends_exactly_with_its_streams(name: str, kind: str) -> None:
    network = Network.of(sim.load_topology(name))
    one = transfer(network, kind, chosen(network))

    found = fabric_ends_s(network, [(0.0, one.loads())])

    assert found == pytest.approx(twin_ends_s(network, [one]), rel=1e-9)


def test_a_replica_with_one_busy_rank_has_the_weight_of_that_ranks_streams() -> None:
    # On two sockets: one replica has tokens on one of its four ranks only, the other on all.
    network = Network.of(sim.load_topology("pcie-gen4-8-two-sockets"))
    groups, shares = ([0, 1, 4, 5], [2, 3, 6, 7]), (np.array([1.0, 0, 0, 0]), np.full(4, 0.25))
    sent_bytes = np.full(4, 1e8)
    loads = [
        dispatch(network, group, "per-expert").loads(share, sent_bytes, 1.0)
        for group, share in zip(groups, shares, strict=True)
    ]

    found = fabric_ends_s(network, [(0.0, replace(one, latency_s=0.0)) for one in loads])

    expected = twin_ends_s(
        network,
        [
            all_to_all(network, group, np.outer(share, sent_bytes))
            for group, share in zip(groups, shares, strict=True)
        ],
    )
    assert found[1] == pytest.approx(expected[1], rel=0.02)
    idle, busy = (one.streams[np.isin(one.links, loads[0].links)].max() for one in loads)
    assert idle < busy


def test_of_a_collective_only_groups_with_bytes_have_a_weight() -> None:
    network = Network.of(sim.load_topology("pcie-gen4-8-two-sockets"))
    pattern = all_reduce(network, [[0, 4], [1, 5]], "ring")
    between = network.link("box0/cpu0", "box0/cpu1")

    both, one = pattern.loads([1e8, 1e8]), pattern.loads([1e8, 0.0])

    assert both.streams[both.links == between].tolist() == [2.0]
    assert one.streams[one.links == between].tolist() == [1.0]
