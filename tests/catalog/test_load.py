import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from sim.catalog.load import (
    load_device,
    load_model,
    load_profile,
    load_scenario,
    load_topology,
    load_workload,
)
from sim.catalog.names import names
from sim.errors import ScenarioError

from .scenario_files import DEVICE, SCENARIO, refusal, spoiled, written

TRACE = "arrival_s,prompt_tokens,output_tokens\n0,1,1\n"


@pytest.fixture(autouse=True)
def _empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SIM_PATH", raising=False)


@pytest.mark.parametrize("name", names("scenarios"))
def test_a_resolved_scenario_loads_again_to_an_equal_one(name: str) -> None:
    scenario = load_scenario(name)

    assert load_scenario(scenario.model_dump(mode="json")) == scenario


@pytest.mark.parametrize("name", names("workloads"))
def test_every_workload_survives_being_resolved(name: str) -> None:
    workload = load_workload(name)

    assert load_workload(workload.model_dump(mode="json")) == workload


def test_a_resolved_scenario_with_everything_in_it_survives_a_file(tmp_path: Path) -> None:
    import json

    text = SCENARIO.replace("seed: 1", "record: {transfers: true}\nuntil: 1.1 s\nmax_requests: 3")
    scenario = load_scenario(written(tmp_path / "s.yaml", text))

    again = written(tmp_path / "t.json", json.dumps(scenario.model_dump(mode="json"), indent=1))

    assert load_scenario(again) == scenario


def test_a_scenario_is_named_for_its_file_unless_it_says_its_name(tmp_path: Path) -> None:
    assert load_scenario(written(tmp_path / "my-run.yaml", SCENARIO)).name == "my-run"
    assert load_scenario(written(tmp_path / "my.yaml", f"name: mine\n{SCENARIO}")).name == "mine"


@pytest.mark.parametrize("reference", ["far/s.yaml", "./far/s.yaml", Path("far/s.yaml")])
def test_paths_in_a_file_start_at_it_and_then_at_the_working_folder(
    tmp_path: Path, reference: Any
) -> None:
    text = SCENARIO.replace("mixtral-8x7b", "./mine.yaml").replace("dgx-h100", "near/t.yaml")
    written(tmp_path / "far" / "s.yaml", text)
    written(tmp_path / "far" / "mine.yaml", "base: mixtral-8x7b\nlayers: 7\n")
    written(tmp_path / "mine.yaml", "base: mixtral-8x7b\nlayers: 8\n")
    written(tmp_path / "near" / "t.yaml", "base: single\n")

    scenario = load_scenario(reference)

    assert (scenario.model.layers, scenario.topology.name) == (7, "t")


@pytest.mark.parametrize(
    "model",
    [
        "llama-3.1-8b",
        "{base: llama-3.1-8b}",
        "./mine.yaml",
        "{base: ./mine.yaml}",
        "{base: mixtral-8x7b, experts: null, intermediate_size: 14336, vocabulary: 128256}",
    ],
)
def test_a_model_is_a_name_a_path_or_a_mapping(tmp_path: Path, model: str) -> None:
    written(tmp_path / "mine.yaml", "base: llama-3.1-8b\n")
    path = written(tmp_path / "s.yaml", spoiled("mixtral-8x7b", model))

    loaded, expected = load_scenario(path).model, load_model("llama-3.1-8b")

    same = {"name": "", "description": "", "source": ""}
    assert loaded.model_copy(update=same) == expected.model_copy(update=same)


def test_a_scenario_is_a_mapping_from_python_with_paths_and_specs() -> None:
    given = {
        "model": load_model("llama-3.1-8b"),
        "topology": {"base": "single", "groups": {"gpu": {"device": "b200"}}},
        "engine": {"profile": load_profile("ideal")},
        "workload": {"base": "chat"},
    }

    scenario = load_scenario(given)

    assert scenario.topology.devices[0].name == "b200-sxm"
    assert scenario.name == "inline"


@pytest.mark.parametrize(
    "workload",
    ["t.csv", "{trace: t.csv}", "./t.csv", "{base: t.csv}", "mine", "{base: mine, limit: 5}"],
)
def test_a_trace_is_found_beside_the_file_that_names_it(tmp_path: Path, workload: str) -> None:
    written(tmp_path / "far" / "t.csv", TRACE)
    written(tmp_path / "workloads" / "t.csv", TRACE)
    written(tmp_path / "workloads" / "mine.yaml", "trace: ../far/t.csv\n")
    head = SCENARIO[: SCENARIO.index("workload:")]
    path = written(tmp_path / "far" / "s.yaml", f"{head}workload: {workload}\n")

    found = load_scenario(path).workload

    assert found.trace == str(tmp_path / "far" / "t.csv")
    # Named for its file, or for the trace where it has none.
    assert found.name == ("mine" if "mine" in workload else "t")


@pytest.mark.parametrize("folder", ["", "workloads", "own/workloads"])
def test_a_trace_is_found_in_the_working_folder_and_in_workloads_folders(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, folder: str
) -> None:
    (tmp_path / "own").mkdir()
    monkeypatch.setenv("SIM_PATH", str(tmp_path / "own"))
    written(tmp_path / folder / "t.csv", TRACE)
    path = written(tmp_path / "far" / "w.yaml", "trace: t.csv\n")

    assert load_workload(path).trace == str(tmp_path / folder / "t.csv")


def test_a_compressed_trace_is_a_workload(tmp_path: Path) -> None:
    with gzip.open(tmp_path / "t.csv.gz", "wt") as file:
        file.write(TRACE)

    assert load_workload("t.csv.gz").trace == str(tmp_path / "t.csv.gz")


@pytest.mark.parametrize("trace", ["none.csv", ".", "~nobody/t.csv", "x" * 300, "a\0b", "a\nb"])
def test_a_trace_that_is_no_file_is_one_line(tmp_path: Path, trace: str) -> None:
    with pytest.raises(ScenarioError) as refusal:
        load_workload({"trace": trace})

    (line,) = str(refusal.value).splitlines()
    assert line.startswith("workload: trace: ")
    assert line.endswith("give the path of a trace's file")


def test_devices_of_a_topology_are_found_by_path(tmp_path: Path) -> None:
    written(tmp_path / "far" / "d.yaml", DEVICE)
    text = "base: single\ngroups: {gpu: {device: ./d.yaml, count: 3}}\n"
    path = written(tmp_path / "far" / "t.yaml", text)

    topology = load_topology(path)

    assert [device.memory_bytes for device in topology.devices] == [96e9] * 3


@pytest.mark.parametrize(
    "load", [load_model, load_device, load_topology, load_profile, load_workload, load_scenario]
)
def test_every_loader_takes_a_mapping_and_refuses_an_empty_one(load: Any) -> None:
    with pytest.raises(ScenarioError) as refusal:
        load({})

    (line,) = str(refusal.value).splitlines()
    assert "missing" in line
    assert "FieldInfo" not in line


@pytest.mark.parametrize("value", [[1], 5, None, True])
def test_what_can_be_no_part_is_one_line(tmp_path: Path, value: object) -> None:
    for part in ("model", "topology", "workload"):
        (line,) = refusal({"base": "chat-llama-70b", part: value})
        assert f"{part}" in line
        assert line.startswith("scenario: ")


def test_the_manifest_of_a_run_is_a_scenario_too(tmp_path: Path) -> None:
    asked = load_scenario("chat-llama-70b", ["seed=7"])
    manifest = {"seed": 7, "versions": {}, "scenario": asked.model_dump(mode="json")}
    (tmp_path / "manifest.json").write_text(json.dumps(manifest))

    again = load_scenario(tmp_path / "manifest.json", ["engine.max_sequences=32"])

    assert again.seed == 7
    assert again.model == asked.model
    assert again.engine.max_sequences == 32
