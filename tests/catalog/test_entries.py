from pathlib import Path
from typing import Any

import pytest

from sim.catalog.entries import entry_of, merged
from sim.catalog.load import load_device, load_scenario, load_topology
from sim.errors import ScenarioError

from .scenario_files import DEVICE, SCENARIO, refusal, written


@pytest.fixture(autouse=True)
def _empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    ("below", "own", "result"),
    [
        ({"a": 1, "b": 2}, {"b": 3}, {"a": 1, "b": 3}),
        ({"a": {"b": 1, "c": 2}}, {"a": {"c": 3}}, {"a": {"b": 1, "c": 3}}),
        ({"a": [1, 2]}, {"a": [3]}, {"a": [3]}),
        ({"a": [{"b": 1}, {"b": 2}]}, {"a": {"1": {"c": 3}}}, {"a": [{"b": 1}, {"b": 2, "c": 3}]}),
        ({"a": [1]}, {"a": {"0": 2}}, {"a": [2]}),
        ({"a": [1]}, {"a": {"b": 2}}, {"a": {"b": 2}}),
        ({"a": {"kind": "x", "b": 1}}, {"a": {"kind": "y"}}, {"a": {"kind": "y"}}),
        ({"a": {"kind": "x", "b": 1}}, {"a": {"b": 2}}, {"a": {"kind": "x", "b": 2}}),
        ({"a": {"b": 1}}, {"a": None}, {"a": None}),
        ({"device": "h100"}, {"device": {"idle": 1}}, {"device": {"base": "h100", "idle": 1}}),
        ({"device": "h100"}, {"device": {"base": "b200"}}, {"device": {"base": "b200"}}),
        ({"source": "one"}, {"source": {"idle": "two"}}, {"source": {"idle": "two"}}),
        # Another spelling of a key is that key.
        ({"idle_w": 1}, {"idle": 2}, {"idle_w": 2}),
        ({"pcie-switch": 1}, {"pcie_switch": 2}, {"pcie-switch": 2}),
        (
            {"memory_bytes_per_s": 1, "memory_bytes": 2},
            {"memory": 3},
            {"memory_bytes_per_s": 1, "memory_bytes": 3},
        ),
        # Both stay, so that the spec refuses them.
        ({"idle_w": 1}, {"idle": 2, "idle_w": 3}, {"idle_w": 3, "idle": 2}),
    ],
)
def test_own_keys_lie_over_those_of_the_base(
    below: dict[str, Any], own: dict[str, Any], result: dict[str, Any]
) -> None:
    found = merged(below, own)

    assert found == result


def test_merging_leaves_its_arguments_as_they_were() -> None:
    below, own = {"a": {"b": [{"c": 1}]}}, {"a": {"b": {"0": {"c": 2}}}}

    merged(below, own)

    assert below == {"a": {"b": [{"c": 1}]}}
    assert own == {"a": {"b": {"0": {"c": 2}}}}


def test_bases_have_bases(tmp_path: Path) -> None:
    written(tmp_path / "devices" / "one.yaml", DEVICE)
    written(tmp_path / "devices" / "two.yaml", "base: one\nidle: 60 W\n")
    written(tmp_path / "devices" / "three.yaml", "base: two\nmemory: 97 GB\n")

    device = load_device("three")

    assert (device.name, device.idle_w, device.memory_bytes) == ("three", 60, 97e9)
    assert device.peak_flop_per_s == {"bf16": 1e15}


def test_a_base_is_looked_for_beside_the_file_that_names_it(tmp_path: Path) -> None:
    written(tmp_path / "far" / "one.yaml", DEVICE)
    written(tmp_path / "far" / "two.yaml", "base: ./one.yaml\nidle: 60 W\n")

    assert load_device("far/two.yaml").memory_bytes == 96e9


def test_where_says_the_file_and_line_that_a_key_comes_from(tmp_path: Path) -> None:
    written(tmp_path / "devices" / "one.yaml", DEVICE)
    written(tmp_path / "devices" / "two.yaml", "base: one\n# higher\nidle-w: 60 W\n")

    entry = entry_of("devices", "two", tmp_path)

    assert entry.where(("idle_w",)) == "devices/two.yaml:3"
    assert entry.where(("peak_w",)) == "devices/one.yaml:5"
    assert entry.where(()) == "devices/two.yaml"


def test_a_fault_in_a_base_is_said_of_the_base(tmp_path: Path) -> None:
    written(tmp_path / "devices" / "one.yaml", DEVICE.replace("50 W", "50"))
    written(tmp_path / "devices" / "two.yaml", "base: one\npeak: 700 W\n")

    with pytest.raises(ScenarioError, match=r"^devices/one.yaml:4: idle: 50 is not a number"):
        load_device("two")


@pytest.mark.parametrize(
    ("files", "says"),
    [
        ({"a": "base: a"}, "devices/a.yaml:1: base: a -> a refers to itself; name another base"),
        (
            {"a": "x: 1\nbase: b", "b": "base: c", "c": "base: a"},
            "devices/a.yaml:2: base: devices/b.yaml:1: base: devices/c.yaml:1: base: "
            "a -> b -> c -> a refers to itself; name another base",
        ),
        ({"a": "base: ./a.yaml"}, "devices/a.yaml:1: base: a -> a refers to itself"),
        ({"a": "base: ../devices/../devices/a.yaml"}, "a -> a refers to itself"),
        ({"a": "base: 5"}, "devices/a.yaml:1: base: 5 is not a name or a path; write one"),
        ({"a": "base:"}, "devices/a.yaml:1: base: None is not a name or a path; write one"),
        ({"a": "base: [b]"}, "devices/a.yaml:1: base: ['b'] is not a name or a path"),
        ({"a": "base: h10-sxm"}, "devices/a.yaml:1: base: 'h10-sxm' is none of the devices; did"),
        ({"a": "base: ./b.yaml"}, "devices/a.yaml:1: base: devices/b.yaml: no such file"),
        ({"a": "base: ../devices"}, "devices/a.yaml:1: base: devices: a folder, not a file"),
        ({"a": "base: b", "b": ""}, "devices/a.yaml:1: base: devices/b.yaml: holds nothing"),
    ],
)
def test_a_base_that_cannot_be_is_one_line(
    tmp_path: Path, files: dict[str, str], says: str
) -> None:
    for name, text in files.items():
        written(tmp_path / "devices" / f"{name}.yaml", text)

    with pytest.raises(ScenarioError) as refusal:
        load_device("a")

    assert says in str(refusal.value)
    assert len(str(refusal.value).splitlines()) == 1


def test_keys_inside_a_scenario_may_have_a_base_too(tmp_path: Path) -> None:
    text = SCENARIO.replace("base: dgx-h100", "base: dgx-h100\n  groups: {gpu: {device: b200}}")

    scenario = load_scenario(written(tmp_path / "s.yaml", text))

    assert scenario.topology.devices[0].name == "b200-sxm"
    assert scenario.topology.links[0].kind == "nvlink4"


def test_a_scenario_may_change_what_the_model_of_its_base_is(tmp_path: Path) -> None:
    written(tmp_path / "one.yaml", SCENARIO)
    two = written(tmp_path / "two.yaml", "base: ./one.yaml\nmodel: {layers: 2}\n")

    model = load_scenario(two).model

    assert (model.layers, model.hidden_size) == (2, 4096)


def test_one_link_of_a_base_can_be_changed_by_its_number(tmp_path: Path) -> None:
    text = "base: dgx-h100\nlinks: {'0': {bytes_per_s: 300 GB/s}}\n"
    written(tmp_path / "topologies" / "mine.yaml", text)

    topology = load_topology("mine")

    assert [link.bytes_per_s for link in topology.links] == [300e9, 63e9, 50e9]
    assert topology.links[0].kind == "nvlink4"


def test_the_path_of_a_key_inside_a_part_starts_at_the_file(tmp_path: Path) -> None:
    path = written(tmp_path / "s.yaml", SCENARIO.replace("dgx-h100", "dgx-h100\n  boxes: 0"))

    assert refusal(path) == ["s.yaml:4: topology.boxes: 0 must be above 0; change it"]


def test_keys_given_twice_over_a_base_are_refused(tmp_path: Path) -> None:
    written(tmp_path / "one.yaml", SCENARIO)
    two = written(tmp_path / "two.yaml", "base: ./one.yaml\nslo: {tpot: 1 s, tpot_s: 2 s}\n")

    assert refusal(two) == ["two.yaml:2: slo.tpot_s: is tpot_s, which is given twice; keep one"]
