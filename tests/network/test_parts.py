"""Transfers that meet, shared in parts: by hand, by laws, and against single streams."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from simpy import Environment

import sim
from sim.network.carried import add_carried, carried
from sim.network.exchange import combine, dispatch
from sim.network.exchange_streams import exchange_streams
from sim.network.fabric import Fabric
from sim.network.flow import Moved
from sim.network.instants import CHANGES, STARTS, call_at
from sim.network.loads import FloatArray, Loads, mask_of
from sim.network.parts import fair_levels
from sim.network.routes import Network
from sim.network.stages import Protocol
from sim.network.streams import Routes, Streams
from sim.record.usage import LinkUsage

from .sharing_study import fabric_ends_s, random_case, whole
from .stream_twin import max_min, twin_ends_s

# Two own links and one that is met on, in bytes/s.
LINKS = np.array([100.0, 100.0, 100.0])


def sent(
    *streams: tuple[float, tuple[int, ...]],
    capacity: FloatArray = LINKS,
    least_drain_s: float = 0.0,
) -> Loads:
    """Streams of so many bytes over these links."""
    links = np.array(sorted({link for _, route in streams for link in route}))
    bytes_ = [sum(size for size, route in streams if link in route) for link in links]
    counts = [sum(link in route for _, route in streams) for link in links]
    ways = [dict.fromkeys(route, 1.0) for _, route in streams]
    sizes = np.array([size for size, _ in streams])
    return Loads(
        links,
        np.array(bytes_, dtype=np.float64),
        np.array(counts, dtype=np.float64),
        0.0,
        mask_of(links),
        least_drain_s,
        made_of=lambda: Streams(Routes.of(links, ways, capacity), sizes),
    )


class Wire:
    """Links, transfers by name, and when each ended."""

    def __init__(self, capacity: FloatArray = LINKS) -> None:
        self.env, self.usage = Environment(), LinkUsage.of(len(capacity))
        self.capacity = capacity
        self.fabric = Fabric(self.env, capacity, self.usage, shares_parts=True)
        self.ends_s: dict[str, float] = {}
        self.moved: dict[str, Moved] = {}
        self.ways: dict[str, Loads] = {}

    def send(self, name: str, at_s: float, loads: Loads) -> None:
        self.ways[name] = loads

        def note(moved: Moved) -> None:
            self.ends_s[name], self.moved[name] = self.env.now, moved
            for one in carried(loads, moved, self.capacity):
                add_carried(self.usage, one)

        def start() -> None:
            done = self.fabric.transfer(loads, name, anew=lambda: self.ways[name])
            done.callbacks.append(lambda event: note(event.value))

        call_at(self.env, at_s, STARTS, start)

    def run(self) -> dict[str, float]:
        self.env.run()
        self.fabric.close()
        return self.ends_s


def test_only_the_streams_on_a_link_that_others_use_are_slower() -> None:
    # On link 2 both have 50 B/s until b is through at 1 s; a's 100 bytes there end at 1.5 s. As one
    # vector a would keep its other stream, of 150 bytes, in step, and end at 2 s.
    wire = Wire()
    wire.send("a", 0.0, sent((150.0, (0,)), (100.0, (2,))))
    wire.send("b", 0.0, sent((50.0, (2,))))

    assert wire.run() == pytest.approx({"a": 1.5, "b": 1.0})
    assert wire.usage.busy_s == pytest.approx([1.5, 0.0, 1.5])
    assert wire.usage.full_s == pytest.approx([1.5, 0.0, 1.5])
    assert wire.usage.contended_s == pytest.approx([0.0, 0.0, 1.0])
    assert wire.usage.bytes == pytest.approx([150.0, 0.0, 150.0])


def test_what_ended_while_it_was_alone_is_not_there_to_be_met() -> None:
    # Alone until 1 s: by then a's stream of 50 bytes on link 2 has ended, though a as one vector
    # would still have half of it.
    wire = Wire()
    wire.send("a", 0.0, sent((200.0, (0,)), (50.0, (2,))))
    wire.send("b", 1.0, sent((100.0, (2,))))

    assert wire.run() == pytest.approx({"a": 2.0, "b": 2.0})
    assert wire.moved["b"].was_alone is False


def test_who_meets_nobody_stays_whole_to_the_bit() -> None:
    wire = Wire()
    loads = replace(sent((30.0, (0,)), (10.0, (1,))), made_of=lambda: pytest.fail("was asked"))
    wire.send("a", 0.1, loads)
    wire.send("b", 0.0, sent((77.0, (2,))))

    assert wire.run() == {"a": 0.1 + 0.3, "b": 0.77}
    assert all(moved.was_alone for moved in wire.moved.values())


def test_parts_together_fill_no_link_further_than_their_transfer_may() -> None:
    # 100 bytes over link 0 in 2 s at least, half of them on to link 2: there b takes what is left.
    wire = Wire()
    wire.send("a", 0.0, sent((50.0, (0,)), (50.0, (0, 2)), least_drain_s=2.0))
    wire.send("b", 0.0, sent((150.0, (2,))))

    assert wire.run() == pytest.approx({"a": 2.0, "b": 2.0})
    assert wire.usage.peak_bytes_per_s == pytest.approx([50.0, 0.0, 100.0])


def test_in_parts_losses_are_what_each_is_slower_by_than_alone() -> None:
    wire = Wire()
    wire.send("a", 0.0, sent((150.0, (0,)), (200.0, (2,))))
    wire.send("b", 0.0, sent((50.0, (2,)), (20.0, (1, 2))))
    alone_s = {"a": 2.0, "b": 0.7}

    ends_s = wire.run()

    lost_s = wire.usage.meetings["a", "b"].lost_s.sum(axis=1)
    assert lost_s == pytest.approx([ends_s[name] - alone_s[name] for name in ("a", "b")])
    assert min(lost_s) > 0


def test_a_stream_without_bytes_has_no_weight() -> None:
    wire = Wire()
    wire.send("a", 0.0, sent((100.0, (2,)), (0.0, (0, 2))))
    wire.send("b", 0.0, sent((50.0, (2,))))

    assert wire.run() == pytest.approx({"a": 1.5, "b": 1.0})


def test_of_links_in_a_row_the_slowest_holds_back() -> None:
    # Links of 40 and 100 B/s in a row: 40 B/s leave 60 on the one that is shared.
    capacity = np.array([40.0, 100.0, 100.0])
    wire = Wire(capacity)
    wire.send("a", 0.0, sent((80.0, (0, 1, 2)), capacity=capacity))
    wire.send("b", 0.0, sent((120.0, (2,)), capacity=capacity))

    assert wire.run() == pytest.approx({"a": 2.0, "b": 2.0})


def test_what_is_left_of_parts_goes_another_way_when_the_network_changes() -> None:
    # At 0.5 s a has 50 of 100 bytes left on link 0 and 25 fewer of those on link 2: of 200 in all
    # 125 are left. The new way takes all 200 over link 1.
    wire = Wire()
    wire.send("a", 0.0, sent((100.0, (0,)), (100.0, (2,))))
    wire.send("b", 0.0, sent((500.0, (2,))))

    def change() -> None:
        wire.fabric.change(LINKS)
        wire.ways["a"] = sent((100.0, (1,)), (100.0, (1,)))

    call_at(wire.env, 0.5, CHANGES, change)

    assert wire.run()["a"] == pytest.approx(0.5 + 1.25)
    assert wire.usage.bytes == pytest.approx([50.0, 125.0, 525.0])
    assert sum(part.share for part in wire.moved["a"].parts) == pytest.approx(1.0)


@given(seed=st.integers(0, 10**6))
@settings(max_examples=50, deadline=None)
def test_levels_of_single_streams_are_max_min_fair(seed: int) -> None:
    generator = np.random.default_rng(seed)
    uses = generator.random((6, 5)) < 0.4
    uses[np.arange(6), generator.integers(5, size=6)] = True
    capacity = generator.uniform(1.0, 10.0, 5)

    found = fair_levels(uses / capacity)

    assert found == pytest.approx(max_min(uses.astype(float), capacity, np.ones(6, dtype=bool)))


@pytest.mark.parametrize("is_back", [False, True])
@pytest.mark.parametrize("protocol", ["per-device", "per-node"])
@pytest.mark.parametrize("name", ["dgx-h100-x2", "dgx-h100-x16-leaf-spine", "pcie-gen5-8"])
def test_the_streams_of_an_exchange_are_all_of_its_bytes(
    name: str, protocol: Protocol, *, is_back: bool
) -> None:
    network, generator = Network.of(sim.load_topology(name)), np.random.default_rng(1)
    devices = list(range(0, network.devices, 3))[:12]
    boxes = len({network.box_of[device] for device in devices})
    share = generator.dirichlet(np.ones(len(devices)))
    weights = generator.uniform(0, 9, (2, len(devices) + boxes * (protocol == "per-node")))
    exchange = (combine if is_back else dispatch)(network, devices, protocol)

    streams = exchange_streams(
        network, (devices, devices), protocol, exchange.links, is_back=is_back
    )
    found = streams.sent(share, weights, 8.0, 1)

    expected = exchange.loads(share, weights, 8.0).at(1)
    for others in (0, expected.mask):
        on_links = found.routes.on_links(found.bytes, found.routes.grouping(others))
        assert on_links.sum(axis=0) == pytest.approx(expected.bytes)


def test_parts_halve_the_errors_against_single_streams() -> None:
    network, off = Network.of(sim.load_topology("pcie-gen5-8")), {False: [0.0], True: [0.0]}
    for seed in range(12):
        transfers = random_case(network, np.random.default_rng([seed, *b"pcie-gen5-8"]))
        ends_s = np.array(twin_ends_s(network, transfers))
        for in_parts, errors in off.items():
            found = fabric_ends_s(network, transfers, whole, in_parts=in_parts)
            errors += (np.abs(np.array(found) / ends_s - 1)).tolist()

    assert np.quantile(off[True], 0.9) < 0.5 * np.quantile(off[False], 0.9)
    assert np.mean(off[True]) < 0.5 * np.mean(off[False])
