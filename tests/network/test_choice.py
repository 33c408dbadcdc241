from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.network.collectives import all_gather, all_reduce
from sim.network.loads import Loads
from sim.network.patterns import Pattern
from sim.network.routes import Network

from .clusters import networks, rails, slowed, star, torus

SWITCH = Network.of(star(8, reduces=True))


def test_tiny_buffers_go_in_one_step_and_large_ones_through_the_summing_switch() -> None:
    choice = all_reduce(SWITCH, [range(8)])

    # One step of 1/4 s and seven times the bytes, or two of them and 9/8 of the bytes, at 100 B/s:
    # as long for 25 / (7 - 9/8) = 4.3 bytes.
    assert choice.chosen([[1.0], [4.2], [4.3], [1000.0]]) == [
        "one-shot",
        "one-shot",
        "in-switch",
        "in-switch",
    ]


def test_a_batch_takes_the_least_of_each() -> None:
    choice = all_reduce(SWITCH, [range(8)])
    bytes_ = np.array([[1.0], [1000.0]])

    taken_s = choice.loads(bytes_).alone_s(SWITCH.capacity_bytes_per_s)

    assert taken_s == pytest.approx([0.25 + 0.07, 0.5 + 11.25])


def test_costs_of_steps_and_messages_decide_as_well() -> None:
    choice = all_reduce(Network.of(star(8)), [range(8)], among=["ring", "two-shot"])

    def messages_cost(pattern: Pattern, loads: Loads) -> Loads:
        slow_s = 10.0 * (pattern.algorithm == "two-shot")
        return replace(loads, latency_s=loads.latency_s + slow_s)

    assert choice.chosen(80.0) == "two-shot"
    assert choice.chosen(80.0, messages_cost) == "ring"


def test_a_batch_has_the_links_of_all_and_the_streams_of_the_chosen() -> None:
    # A ring of devices joined in a ring uses one direction of each link, straight ways both.
    network = Network.of(torus((8,)))
    choice = all_reduce(network, [range(8)], among=["ring", "one-shot"])

    loads = choice.loads([[1e-3], [1e6]])

    assert choice.chosen([[1e-3], [1e6]]) == ["one-shot", "ring"]
    assert loads.links.tolist() == list(range(16)) == sorted(choice.used_links)
    assert (loads.bytes > 0).sum(axis=1).tolist() == [16, 8]
    assert (loads.streams > 0).sum(axis=1).tolist() == [16, 8]
    for number, name in enumerate(("one-shot", "ring")):
        chosen = next(one for one in choice.patterns if one.algorithm == name)
        assert loads.at(number).streams[chosen.links].tolist() == chosen.streams.tolist()
        single = choice.single_loads([[1e-3], [1e6]][number], lambda _, one: one)
        assert single.streams.tolist() == loads.at(number).streams.tolist()
        assert single.bytes.tolist() == loads.at(number).bytes.tolist()
    assert loads.at(1).latency_s == pytest.approx(14 * 0.125)
    assert loads.mask == loads.at(0).mask == 2**16 - 1


def test_between_boxes_levels_save_steps_and_bytes_in_the_box() -> None:
    network = Network.of(rails(4, 4))

    assert "hierarchical" in str(all_reduce(network, [range(16)]).chosen(1.0))
    assert "hierarchical" in str(all_gather(network, [range(16)]).chosen(1.0))


def test_two_devices_need_no_switch_to_add_up() -> None:
    network = Network.of(star(2, reduces=True))

    # In the switch half of the bytes go twice.
    assert all_reduce(network, [[0, 1]], among=["in-switch", "ring"]).chosen(1e6) == "ring"


@settings(max_examples=40)
@given(networks, st.floats(0, 1e6), st.floats(0.1, 1.0), st.floats(0, 10))
def test_auto_takes_as_long_as_the_fastest_alone(
    network: Network, bytes_: float, efficiency: float, launch_s: float
) -> None:
    capacity = network.capacity_bytes_per_s
    choice = all_reduce(network, [range(network.devices)])

    def priced(_: Pattern, loads: Loads) -> Loads:
        launched = replace(loads, latency_s=loads.latency_s + launch_s)
        return slowed(launched, efficiency, capacity) if loads.mask else loads

    taken_s = choice.loads(bytes_, priced).alone_s(capacity)

    each_s = [priced(one, one.loads(bytes_)).alone_s(capacity) for one in choice.patterns]
    assert taken_s == choice.alone_s(bytes_, priced) == min(each_s)
