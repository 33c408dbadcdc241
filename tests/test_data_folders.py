"""topologies/ and workloads/ hold what their READMEs say, and the READMEs' examples work."""

import re
from itertools import pairwise
from pathlib import Path

import pytest

from sim.catalog.load import load_topology, load_workload
from sim.network.routes import Network
from sim.spec.topology import TopologySpec
from sim.workload.requests import requests

CHECKOUT = Path(__file__).parents[1]
TOPOLOGIES = sorted(path.stem for path in (CHECKOUT / "topologies").glob("*.yaml"))
WORKLOADS = sorted(path.stem for path in (CHECKOUT / "workloads").glob("*.yaml"))
BOXES = {"dgx-a100": 1, "dgx-h100-x2": 2, "dgx-h200-x4": 4, "dgx-b200-x4": 4}


def block(folder: str, language: str, number: int = 0) -> str:
    """A code block of a folder's README."""
    text = (CHECKOUT / folder / "README.md").read_text(encoding="utf-8")
    blocks = re.findall(rf"^```{language}\n(.*?)^```", text, flags=re.DOTALL | re.MULTILINE)
    return str(blocks[number])


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working folder of a user."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SIM_PATH", raising=False)
    for name in ("topologies", "workloads"):
        (tmp_path / name).mkdir()
    return tmp_path


def test_the_topologies_readme_example_is_found_by_name(folder: Path) -> None:
    (folder / "topologies" / "my-servers.yaml").write_text(block("topologies", "yaml"))
    (folder / "topologies" / "more.yaml").write_text(block("topologies", "yaml", 1))

    assert [device.name for device in load_topology("my-servers").devices] == ["rtx-pro-6000"] * 8
    assert len(load_topology("more").devices) == 8 * 4


def test_the_devices_of_the_readme_example_share_one_card(folder: Path) -> None:
    (folder / "topologies" / "my-servers.yaml").write_text(block("topologies", "yaml"))
    network = Network.of(load_topology("my-servers"))

    shared = set.intersection(*(set(network.route(source, 4)) for source in range(4)))

    assert {network.link_names[link] for link in shared} >= {"box0/nic0>leaf0", "leaf0>box1/nic0"}


def test_the_workloads_readme_example_arrives_at_twice_the_pace(folder: Path) -> None:
    (folder / "workloads" / "my-trace.csv").write_text(block("workloads", "csv"))
    (folder / "workloads" / "my-trace.yaml").write_text(block("workloads", "yaml"))

    replayed = requests(load_workload("my-trace"), seed=1)

    assert [request.arrival_s for request in replayed] == [0.0, 0.25, 0.25]
    assert [request.prompt_tokens for request in replayed] == [512, 2048, 100]


@pytest.mark.parametrize(("kind", "names"), [("topologies", TOPOLOGIES), ("workloads", WORKLOADS)])
def test_every_file_is_in_its_readme(kind: str, names: list[str]) -> None:
    text = (CHECKOUT / kind / "README.md").read_text(encoding="utf-8")

    for name in names:
        assert f"`{re.sub(r'-x[248]$', '', name)}`" in text


@pytest.mark.parametrize("name", TOPOLOGIES)
def test_every_link_of_a_shipped_topology_has_a_source(name: str) -> None:
    topology = load_topology(name)

    assert topology.description
    assert topology.source
    if isinstance(topology.source, dict):
        for number in range(len(topology.links)):
            assert topology.source[f"links.{number}"]


@pytest.mark.parametrize("name", TOPOLOGIES)
def test_every_device_of_a_shipped_topology_reaches_every_other(name: str) -> None:
    network = Network.of(load_topology(name))
    devices = range(len(load_topology(name).devices))

    assert all(network.route(0, device) for device in devices if device)
    assert all(network.route(device, 0) for device in devices if device)


@pytest.mark.parametrize("name", WORKLOADS)
def test_every_shipped_workload_has_as_many_requests_as_it_says(name: str) -> None:
    workload = load_workload(name)

    assert workload.description
    assert len(requests(workload, seed=1)) == (workload.requests or workload.limit or 200)


@pytest.mark.parametrize(("name", "boxes"), BOXES.items())
def test_a_variant_differs_from_its_base_in_boxes_alone(name: str, boxes: int) -> None:
    one, many = load_topology(re.sub(r"-x\d$", "", name)), load_topology(name)

    assert many.boxes == boxes
    assert (many.groups, many.links) == (one.groups, one.links)


@pytest.mark.parametrize(
    ("name", "one", "other", "latency_us"),
    [
        ("dgx-h100", 0, 7, 0.8),  # two NVLink hops
        ("dgx-h100-x2", 0, 8, 1.6),  # device, card, leaf, card, device on one rail
        ("dgx-h100-x2", 0, 11, 2.4),  # over NVLink to the other rail first
        ("switched-32", 0, 31, 0.8),
        ("pcie-gen5-8", 0, 1, 0.3),  # under one switch
        ("pcie-gen5-8", 0, 2, 0.9),  # through the socket
        ("pcie-gen5-8", 0, 7, 1.2),  # and the other one
    ],
)
def test_latencies_are_the_sums_of_the_hops(
    name: str, one: int, other: int, latency_us: float
) -> None:
    network = Network.of(load_topology(name))

    assert network.latency_s(one, other) * 1e6 == pytest.approx(latency_us)


def test_in_switch_reduction_came_with_hopper() -> None:
    assert not reduces(load_topology("dgx-a100"))
    assert all(reduces(load_topology(f"dgx-{part}")) for part in ("h100", "h200", "b200", "b300"))


def reduces(topology: TopologySpec) -> bool:
    return topology.groups["nvswitch"].reduces


def test_the_small_chat_trace_can_be_drawn_again(folder: Path) -> None:
    path = folder / "again.yaml"
    path.write_text("base: chat\nrequests: 200\narrivals: {kind: poisson, rate: 10 /s}\n")
    kept = requests(load_workload("chat-small"), seed=1)

    drawn = requests(load_workload(str(path)), seed=7)

    assert [request.prompt_tokens for request in drawn] == [one.prompt_tokens for one in kept]
    assert [request.output_tokens for request in drawn] == [one.output_tokens for one in kept]
    first_s = drawn[0].arrival_s or 0.0
    for again, one in zip(drawn, kept, strict=True):
        assert (again.arrival_s or 0.0) - first_s == pytest.approx(one.arrival_s, abs=1e-3)


def test_the_small_chat_trace_is_in_order() -> None:
    arrivals_s = [request.arrival_s or 0.0 for request in requests(load_workload("chat-small"), 1)]

    assert arrivals_s[0] == 0.0
    assert all(earlier <= later for earlier, later in pairwise(arrivals_s))
