"""What is exported is read back as the same machine."""

import json
from pathlib import Path

import networkx as nx
import numpy as np
import pytest

from sim.catalog.load import load_scenario, load_topology
from sim.catalog.names import names
from sim.errors import ScenarioError
from sim.network.graph import build
from sim.network.routes import Network
from sim.report.topology_files import export
from sim.simulation import simulate


def same(one: Network, other: Network) -> bool:
    """Whether parts, links, their numbers and every route that is looked at agree."""
    devices = range(0, one.devices, one.devices // 12 | 1)
    return (
        (one.vertex_names, one.link_names, one.link_kinds, one.box_of)
        == (other.vertex_names, other.link_names, other.link_kinds, other.box_of)
        and np.array_equal(one.capacity_bytes_per_s, other.capacity_bytes_per_s)
        and np.array_equal(one.link_latency_s, other.link_latency_s)
        and all(one.route(s, t) == other.route(s, t) for s in devices for t in devices)
    )


@pytest.mark.parametrize("name", names("topologies"))
def test_every_shipped_topology_comes_back_the_same(name: str, tmp_path: Path) -> None:
    ending = ".json" if len(name) % 2 else ".graphml"
    spec = load_topology(name)

    export(spec, str(tmp_path / f"{name}{ending}"))
    back = load_topology(tmp_path / f"{name}{ending}")

    assert same(Network.of(spec), Network.of(back))
    assert back.devices == spec.devices
    assert back.device_groups == spec.device_groups
    assert dict(build(back).nodes(data="reduces")) == dict(build(spec).nodes(data="reduces"))
    assert (back.name, back.description) == (name, spec.description)


@pytest.mark.parametrize("ending", [".json", ".graphml"])
def test_devices_of_no_catalog_go_along(ending: str, tmp_path: Path) -> None:
    fast = {"base": "h100-sxm", "memory_bytes": "141 GB"}
    groups = {"gpu": {"device": fast}, "old": {"kind": "device", "device": "h100-sxm"}}
    spec = load_topology({"base": "dgx-h100", "groups": groups})

    export(spec, str(tmp_path / f"mixed{ending}"))

    devices = load_topology(tmp_path / f"mixed{ending}").devices
    assert devices == spec.devices
    assert [one.memory_bytes for one in devices] == [141e9] * 8 + [80e9]


def test_a_run_on_the_exported_file_has_the_same_frames(tmp_path: Path) -> None:
    path = tmp_path / "pcie-gen5-8-nics.json"
    export(load_topology("pcie-gen5-8-nics"), str(path))
    settings = ["workload.limit=4"]

    one, other = (
        simulate(load_scenario("chat-llama-70b", [*settings, f"topology={given}"]))
        for given in ("pcie-gen5-8-nics", path)
    )

    for frame in ("requests", "steps", "links", "devices"):
        assert getattr(one, frame).equals(getattr(other, frame))
    assert one.summary() == other.summary()


def test_networkx_reads_what_is_written(tmp_path: Path) -> None:
    export(load_topology("dgx-h100"), str(tmp_path / "a.json"))
    export(load_topology("dgx-h100"), str(tmp_path / "a.graphml"))

    of_json = json.loads((tmp_path / "a.json").read_text())
    of_graphml = nx.read_graphml(tmp_path / "a.graphml")

    assert of_graphml.edges["box0/gpu0", "box0/nvswitch0"]["count"] == 18
    assert len(of_json["nodes"]) == len(of_graphml) == 25


def test_only_two_endings_are_known(tmp_path: Path) -> None:
    with pytest.raises(ScenarioError, match=r"'.xml' is not .json or .graphml"):
        export(load_topology("dgx-h100"), str(tmp_path / "a.xml"))
