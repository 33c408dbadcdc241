"""`moesim topology show`: tables, JSON, pictures and graph files."""

import json
from pathlib import Path
from xml.etree import ElementTree as ET

import networkx as nx
import pytest

from tests.cli.commands import moesim


@pytest.fixture(autouse=True)
def _empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def two_boxes() -> nx.Graph:
    """A user's graph: two boxes of two devices, numbers in SI units."""
    graph = nx.Graph()
    for number in range(4):
        graph.add_node(f"n{number}", kind="device", device="h100-sxm", box=number // 2)
    graph.add_node("hub", kind="switch", through_bytes_per_s=150e9)
    for number in range(4):
        graph.add_edge(f"n{number}", "hub", bytes_per_s=25e9, count=2, latency_s="1 us")
    return graph


def written(graph: nx.Graph, name: str) -> str:
    if name.endswith(".graphml"):
        nx.write_graphml(graph, name)
    else:
        Path(name).write_text(json.dumps(nx.node_link_data(graph)))
    return name


@pytest.mark.parametrize("name", ["mine.graphml", "mine.json"])
def test_a_graph_of_networkx_is_a_topology(name: str) -> None:
    shown = moesim("topology", "show", written(two_boxes(), name), "--json")

    facts = json.loads(shown.out)
    assert [row["in_all"] for row in facts["parts"]] == [4, 1]
    (link,) = facts["links"]
    assert (link["directions"], link["together_bytes_per_s"], link["latency_s"]) == (8, 50e9, 1e-6)
    # Two devices of 50 GB/s a box; a device alone has no way within its box but over the hub.
    assert facts["levels"][-1]["cut_bytes_per_s"] == 100e9
    assert facts["distances"]["diameter_hops"] == 2


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"kind": "gpu"}, "node 'n1': kind: 'gpu' is not 'device', 'switch'"),
        ({"box": 1.5}, "node 'n1': box: 1.5 is not a whole number"),
        ({"box": -1}, "node 'n1': box: -1 must be at least 0"),
        ({"through_bytes_per_s": "9 s"}, "node 'n1': through_bytes_per_s: unit 's' is not one of"),
        (
            {"through_bytes_per_s": -9.0},
            "node 'n1': through_bytes_per_s: '-9.0 B/s' must be above 0",
        ),
        ({"weight": 3}, "node 'n1': weight: unknown key"),
        ({"device": "h10"}, "graph.devices.h10: 'h10' is none of the devices"),
        ({"kind": "switch"}, "node 'n1' is 'switch' with a 'device'"),
    ],
)
@pytest.mark.parametrize("name", ["mine.graphml", "mine.json"])
def test_a_wrong_attribute_of_a_node_is_one_line(
    change: dict[str, object], says: str, name: str
) -> None:
    graph = two_boxes()
    graph.nodes["n1"].update(change)

    outcome = moesim("topology", "show", written(graph, name))

    (line,) = outcome.err.splitlines()
    assert (outcome.status, line.startswith(f"moesim: {name}")) == (2, True)
    assert says in line


def test_a_wrong_edge_is_one_line() -> None:
    for change, says in (
        ({"bytes_per_s": 0}, "edge 'n0' to 'hub': bytes_per_s: '0 B/s' must be above 0"),
        ({"latency_s": None}, "edge 'n0' to 'hub': 'latency_s' missing"),
        ({"count": 0.5}, "edge 'n0' to 'hub': count: 0.5 is not a whole number"),
    ):
        graph = two_boxes()
        graph.edges["n0", "hub"].update(change)
        Path("mine.json").unlink(missing_ok=True)
        (line,) = moesim("topology", "show", written(graph, "mine.json")).err.splitlines()
        assert says in line


def test_links_of_one_direction_are_refused() -> None:
    graph = two_boxes().to_directed()
    graph.remove_edge("hub", "n2")

    (line,) = moesim("topology", "show", written(graph, "mine.json")).err.splitlines()

    assert "edge 'n2' to 'hub' takes 1e-06 s, and there is none back" in line


def test_boxes_that_are_mixed_are_refused() -> None:
    graph = two_boxes()
    graph.nodes["n3"]["box"] = 0

    (line,) = moesim("topology", "show", written(graph, "mine.json")).err.splitlines()

    assert "node 'n3' is in box 0, of which the devices before it are not" in line


def test_edges_of_a_multigraph_run_side_by_side() -> None:
    graph = nx.MultiGraph(two_boxes())
    graph.add_edge("n0", "hub", bytes_per_s=25e9, count=3, latency_s="1 us")

    facts = json.loads(moesim("topology", "show", written(graph, "mine.json"), "--json").out)

    assert {(row["side_by_side"], row["directions"]) for row in facts["links"]} == {(5, 2), (2, 6)}


def test_what_is_no_graph_is_refused() -> None:
    Path("bad.graphml").write_text("<graphml")
    Path("bad.json").write_text('{"nodes": 3, "edges": []}')

    for name, says in (("bad.graphml", "give a GraphML file"), ("bad.json", "nodes: 3 is not a")):
        (line,) = moesim("topology", "show", name).err.splitlines()
        assert f"{name}: " in line
        assert says in line


def test_a_run_on_a_graph_runs_again_from_its_manifest_without_it() -> None:
    written(two_boxes(), "mine.graphml")
    settings = ["--set", "topology=mine.graphml", "--set", "workload.limit=2"]
    settings += ["--set", "model=llama-3.1-8b", "--set", "deployment.pools.0.attention.tp=4"]
    assert moesim("run", "chat-llama-70b", *settings, "--out", "one").status == 0
    Path("mine.graphml").unlink()

    again = moesim("run", "one/manifest.json", "--out", "two")

    assert again.status == 0, again.err
    assert Path("one/summary.json").read_bytes() == Path("two/summary.json").read_bytes()


def test_a_yaml_file_may_name_a_graph_and_change_what_is_said_of_it() -> None:
    written(two_boxes(), "mine.graphml")
    Path("over.yaml").write_text("graph: mine.graphml\ndescription: Ours.\n")
    Path("both.yaml").write_text("graph: mine.graphml\nboxes: 2\n")

    assert "together" in moesim("topology", "show", "over.yaml").out
    (line,) = moesim("topology", "show", "both.yaml").err.splitlines()
    assert "boxes: given beside 'graph'" in line


@pytest.mark.parametrize("name", ["dgx-h100-x4", "tpu-v7-4x4x4", "mi300x-8", "single"])
def test_pictures_are_written_and_equal_for_equal_topologies(name: str) -> None:
    for file in ("one.svg", "two.svg"):
        assert moesim("topology", "show", name, "--draw", file).status == 0

    text = Path("one.svg").read_text()
    ET.fromstring(text)
    assert text == Path("two.svg").read_text()


def test_files_are_new_and_of_known_endings() -> None:
    Path("there.png").touch()

    for words, says in (
        (("--draw", "there.png"), "is there already"),
        (("--draw", "a.pdf"), "not .svg or .png"),
        (("--draw", "no/a.png"), "No such file or directory"),
        (("--export", "a.yaml"), "'.yaml' is not .json or .graphml"),
    ):
        outcome = moesim("topology", "show", "dgx-h100", *words)
        (line,) = outcome.err.splitlines()
        assert (outcome.status, says in line) == (2, True), line


def test_an_exported_file_is_shown_as_what_it_was() -> None:
    before = moesim("topology", "show", "--export", "dgx-h100.json", "dgx-h100").out

    assert moesim("topology", "show", "dgx-h100.json").out == before


def test_a_graph_that_is_not_there_is_said_with_the_file_that_names_it(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("# kind: topologies\ngraph: nowhere.json\nsource: made up\n", encoding="utf-8")

    outcome = moesim("topology", "show", str(path))

    assert outcome.status == 2
    assert "mine.yaml:2: graph:" in outcome.err
    assert "nowhere.json: no such file" in outcome.err
