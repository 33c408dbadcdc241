"""Which links fail and degrade when, by the names that a scenario gives them."""

from typing import Any

import numpy as np
import pytest
from pydantic import TypeAdapter, ValidationError

from sim.catalog.load import load_scenario
from sim.errors import ScenarioError
from sim.network.changes import NetworkChange, devices_named, network_changes, pairs_of
from sim.network.routes import Network
from sim.spec.network_events import LinkEvents, Movement
from sim.spec.topology import TopologySpec
from sim.study.topology_facts import distances
from tests.laws.scenarios import switched, two_sockets

from .clusters import DEVICE

SOCKETS = Network.of(two_sockets())


def changes(*events: dict[str, Any], network: Network = SOCKETS) -> list[NetworkChange]:
    return network_changes(network, TypeAdapter(LinkEvents).validate_python(list(events)))


def fail(link: str, at_s: float = 1.0, until_s: float | None = None) -> dict[str, Any]:
    return {"kind": "fail", "link": link, "at_s": at_s, "until_s": until_s}


def degrade(link: str, to_share: float, at_s: float = 1.0, until_s: float | None = None) -> Any:
    return {**fail(link, at_s, until_s), "kind": "degrade", "to_share": to_share}


def names(links: Any) -> set[str]:
    return {SOCKETS.link_names[link] for link in links}


@pytest.mark.parametrize("link", ["box0/cpus0-box0/cpus1", "box0/cpus1-box0/cpus0", "cpus-cpus"])
def test_a_link_fails_in_both_directions(link: str) -> None:
    (change,) = changes(fail(link))

    assert names(change.failed) == {"box0/cpus0>box0/cpus1", "box0/cpus1>box0/cpus0"}
    assert change.failing == (link,)


def test_a_part_fails_with_all_its_links() -> None:
    (change,) = changes(fail("box0/nic0"))

    near = ("box0/cpus0", "box0/cpus1", "net0")
    assert names(change.failed) == {
        name for part in near for name in (f"box0/nic0>{part}", f"{part}>box0/nic0")
    }


@pytest.mark.parametrize("link", ["box0/cpus0>box0/cpus1", "through box0/cpus1"])
def test_one_direction_and_what_passes_a_part_can_degrade_alone(link: str) -> None:
    (change,) = changes(degrade(link, 0.25))

    share = change.capacity_bytes_per_s / SOCKETS.capacity_bytes_per_s
    assert names(np.flatnonzero(share != 1)) == {link}
    assert share.min() == 0.25
    assert change.failed == frozenset()


def test_of_several_the_least_share_holds_and_a_failure_beside_it() -> None:
    link = "box0/cpus0-box0/cpus1"
    found = changes(
        degrade(link, 0.5, 1.0, 4.0), degrade(link, 0.2, 2.0, 3.0), fail(link, 2.0, 5.0)
    )

    number = SOCKETS.link("box0/cpus0", "box0/cpus1")
    share = [
        (one.capacity_bytes_per_s / SOCKETS.capacity_bytes_per_s)[number].item() for one in found
    ]
    assert [one.at_s for one in found] == [1.0, 2.0, 3.0, 4.0, 5.0]
    assert share == [0.5, 0.2, 0.5, 1.0, 1.0]
    assert [bool(one.failed) for one in found] == [False, True, True, True, False]


def test_what_changes_nothing_is_left_out() -> None:
    link = "box0/cpus0-box0/cpus1"

    assert changes(degrade(link, 1.0, 1.0, 2.0)) == []
    assert [one.at_s for one in changes(fail(link, 1.0, 3.0), fail(link, 2.0, 3.0))] == [1.0, 3.0]


def test_links_keep_their_numbers_and_routes_go_round() -> None:
    (change,) = changes(fail("box0/cpus0-box0/cpus1"))

    after = SOCKETS.without(change.failed, change.capacity_bytes_per_s)

    assert after.link_names == SOCKETS.link_names
    assert [SOCKETS.link_names[link] for link in after.route(0, 7)] == [
        "box0/gpus0>box0/switches0",
        "box0/switches0>box0/cpus0",
        "through box0/cpus0",
        "box0/cpus0>box0/nic0",
        "box0/nic0>box0/cpus1",
        "through box0/cpus1",
        "box0/cpus1>box0/switches3",
        "box0/switches3>box0/gpus7",
    ]
    assert "box0/cpus0>box0/cpus1" in [SOCKETS.link_names[link] for link in SOCKETS.route(0, 7)]


def test_out_of_reach_are_those_apart_from_the_most() -> None:
    (change,) = changes(fail("box0/gpus0"), fail("box0/switches1-box0/cpus0"))

    after = SOCKETS.without(change.failed, change.capacity_bytes_per_s)

    assert after.out_of_reach(range(8)) == [0, 2, 3]
    assert after.out_of_reach([0, 1]) == [0]
    assert after.out_of_reach([2, 3]) == []
    assert SOCKETS.out_of_reach(range(8)) == []


@pytest.mark.parametrize(
    ("event", "said"),
    [
        (
            fail("box0/gpu0"),
            "links.0.link: 'box0/gpu0' is no link, part or kind of link of made up; "
            "did you mean 'box0/gpus0'?",
        ),
        (fail("box0/cpus0>box0/cpus1"), "write 'box0/cpus0-box0/cpus1'"),
        (fail("through box0/cpus0"), "write 'box0/cpus0'"),
        (degrade("box0/gpus0>box0/cpus0", 0.5), "did you mean 'box0/"),
    ],
)
def test_other_names_are_refused_with_what_comes_near(event: dict[str, Any], said: str) -> None:
    with pytest.raises(ScenarioError) as refused:
        changes(event)

    assert said in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("until_s", [0.5, 1.0])
def test_an_end_before_the_beginning_is_refused(until_s: float) -> None:
    with pytest.raises(ValidationError, match="not after at = 1 s"):
        changes(fail("box0/nic0", 1.0, until_s))
    with pytest.raises(ValidationError, match="not after at = 1 s"):
        Movement(name="w", from_devices=(0,), to_devices=(1,), bytes=1.0, at_s=1.0, until_s=until_s)


def test_devices_are_given_by_number_name_or_box() -> None:
    network = Network.of(switched(2, 2))

    assert list(devices_named(network, ["box1", 0, "box0/gpus1"], "here")) == [2, 3, 0, 1]
    assert pairs_of(network, [0, 1], [2, 3], "here") == [(0, 2), (1, 3)]
    assert pairs_of(network, [0], [1, 2], "here") == [(0, 1), (0, 2)]
    assert pairs_of(network, [1, 2], [0], "here") == [(1, 0), (2, 0)]


@pytest.mark.parametrize("given", [9, "box2", "box0/gpu0"])
def test_other_devices_are_refused(given: int | str) -> None:
    with pytest.raises(ScenarioError, match=r"^here: "):
        list(devices_named(Network.of(switched(2, 2)), [given], "here"))


def test_pairs_that_do_not_match_are_refused() -> None:
    network = Network.of(switched(2, 2))

    with pytest.raises(ScenarioError, match="2 devices send to 3"):
        pairs_of(network, [0, 1], [1, 2, 3], "here")
    with pytest.raises(ScenarioError, match="box0/gpus0 sends to itself"):
        pairs_of(network, [0], [0, 1], "here")


def drawn(name: str, kind: str = "wire") -> TopologySpec:
    """Two devices on a CPU with a limit and a switch of this name."""
    ways = [("a", "cpu"), ("cpu", "b"), ("a", name)]
    graph = {
        "devices": {"d": DEVICE},
        "nodes": [
            *({"id": device, "kind": "device", "device": "d"} for device in ("a", "b")),
            {"id": "cpu", "kind": "cpu", "through_bytes_per_s": 5.0},
            {"id": name, "kind": "switch"},
        ],
        "edges": [
            {"source": one, "target": other, "kind": kind, "bytes_per_s": 10.0, "latency_s": 1.0}
            for one, other in ways
        ],
    }
    return TopologySpec.model_validate({"name": "t", "graph": graph, "source": "here"})


@pytest.mark.parametrize("name", ["wire", "through cpu", "a-cpu"])
def test_a_name_of_two_things_is_refused(name: str) -> None:
    with pytest.raises(ScenarioError, match=r"links.0.link: .* names several .*; rename one"):
        changes(degrade(name, 0.5), network=Network.of(drawn(name)))

    assert changes(degrade("cpu-b", 0.5), network=Network.of(drawn(name)))


def test_the_kind_of_limits_is_no_kind_of_drawn_links() -> None:
    with pytest.raises(ValidationError, match="'through' is how results call the limits of parts"):
        drawn("switch", "through")


def test_a_limit_is_no_hop_and_a_link_from_a_part_called_so_is_one() -> None:
    spec = drawn("through x")
    assert spec.graph is not None
    renamed = [
        edge.model_copy(update={"target": "through x"}) if edge.target == "cpu" else edge
        for edge in spec.graph.edges
    ]
    over = [
        edge.model_copy(update={"source": "through x"}) if edge.source == "cpu" else edge
        for edge in renamed[:2]
    ]
    graph = spec.graph.model_copy(update={"edges": tuple(over)})

    assert distances(spec)["diameter_hops"] == 2
    assert distances(spec.model_copy(update={"graph": graph}))["diameter_hops"] == 2


def test_two_movements_of_one_name_are_refused() -> None:
    moved = {"name": "a", "from_devices": [0], "to_devices": [1], "bytes": "1 GB"}

    with pytest.raises(ScenarioError, match=r"movements.1.name: 'a' is given twice; results"):
        load_scenario({"base": "chat-llama-70b", "movements": [moved, moved]})
