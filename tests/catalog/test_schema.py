"""The JSON Schemas say of a file what loading says, as far as a schema can."""

from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from sim.catalog.files import read_document
from sim.catalog.names import KINDS, Kind, names
from sim.catalog.schema import file_schema
from sim.catalog.specs import SPECS, docs
from tests.catalog.test_mutated_scenarios import SCENARIO

VALIDATORS = {kind: Draft202012Validator(file_schema(kind)) for kind in KINDS}
FILES = [(kind, path) for kind in KINDS for path in names(kind).values()]
MODEL = {"layers": 2, "hidden_size": 8, "vocabulary": 9, "intermediate_size": 8, "source": "x"} | {
    "attention": {"kind": "gqa", "heads": 2, "kv_heads": 1, "head_size": 4}
}


def accepts(kind: Kind, mapping: dict[str, Any]) -> bool:
    return bool(VALIDATORS[kind].is_valid(mapping))


@pytest.mark.parametrize("kind", KINDS)
def test_a_schema_is_one(kind: Kind) -> None:
    Draft202012Validator.check_schema(file_schema(kind))


@pytest.mark.parametrize(("kind", "path"), FILES, ids=[f"{k}/{p.stem}" for k, p in FILES])
def test_every_shipped_file_is_valid(kind: Kind, path: Path) -> None:
    assert [one.message for one in VALIDATORS[kind].iter_errors(read_document(path).mapping)] == []


@pytest.mark.parametrize(("kind", "path"), FILES, ids=[f"{k}/{p.stem}" for k, p in FILES])
def test_no_shipped_file_with_a_key_too_many_is_valid(kind: Kind, path: Path) -> None:
    assert not accepts(kind, read_document(path).mapping | {"surplus": 1})


def test_an_inline_scenario_is_valid() -> None:
    assert accepts("scenarios", SCENARIO)


@pytest.mark.parametrize(
    "change",
    [
        {"engine": {"profile": "plain", "max-sequences": 8}},
        {"until_s": "9 s"},
        {"until": "9min"},
        {"slo": {"ttft_s": "1 s"}},
        {"workload": "chat-small.csv"},
        {"workload": {"base": "chat", "requests": 5}},
        {"workload": {"base": "chat", "arrivals": {"rate": "5 /s"}}},
        {"topology": {"base": "dgx-h100", "groups": {"gpu": {"count": 2}}}},
        {"topology": {"base": "dgx-h100", "links": {"0": {"bytes_per_s": "300 GB/s"}}}},
        {"model": {"base": "llama-3.1-8b", "attention": {"heads": 16}}},
        {"experts": {"popularity": {"kind": "table", "weights": [[1, 2]]}}},
    ],
)
def test_what_loads_is_valid(change: dict[str, Any]) -> None:
    assert accepts("scenarios", SCENARIO | change)


@pytest.mark.parametrize(
    "change",
    [
        {"sed": 1},
        {"seed": "1"},
        {"seed": -1},
        {"seed": None},
        {"until": 9},
        {"until": "9 GB"},
        {"until": "-9 s"},
        {"until": ["9 s"]},
        {"model": 5},
        {"model": {"layers": 5}},
        {"topology": {"base": "dgx-h100", "grups": {}}},
        {"topology": {"base": "dgx-h100", "links": {"first": {}}}},
        {"engine": {"max_sequences": 8}},
        {"engine": {"profile": "plain", "max_sequences": True}},
        {"engine": {"profile": "plain", "memory_share": 1.5}},
        {"deployment": {"pools": []}},
        {"deployment": {"pools": {"1": {"replicas": 2}}}},
        {"deployment": {"router": "random"}},
        {"experts": {"popularity": {"kind": "zipf"}}},
        {"experts": {"popularity": {"exponent": 1}}},
        {"slo": {"ttft": "1"}},
    ],
)
def test_what_does_not_load_is_not_valid(change: dict[str, Any]) -> None:
    assert not accepts("scenarios", SCENARIO | change)


@pytest.mark.parametrize("key", ["model", "topology", "workload", "engine"])
def test_a_scenario_without_a_part_is_valid_only_over_a_base(key: str) -> None:
    partial = {name: value for name, value in SCENARIO.items() if name != key}

    assert not accepts("scenarios", partial)
    assert accepts("scenarios", partial | {"base": "chat-llama-70b"})


def test_a_key_that_is_needed_may_be_spelled_without_its_unit() -> None:
    keys = {"peak_flop_per_s": {"bf16": "1 PFLOP/s"}, "idle": "1 W", "peak": "2 W", "source": "x"}
    memory = {"memory": "80 GB", "memory-bytes-per-s": "3 TB/s"}

    assert accepts("devices", keys | memory)
    assert not accepts("devices", keys | {"memory": "80 GB"})
    assert not accepts("devices", keys | memory | {"memory": "3 TB/s"})
    assert not accepts("devices", keys | memory | {"peak_flop_per_s": {"fp7": "1 PFLOP/s"}})


def test_attention_is_told_apart_by_its_kind() -> None:
    latent = {"kind": "mla", "heads": 2, "kv_rank": 4, "nope_size": 1, "rope_size": 1}

    assert accepts("models", MODEL)
    assert accepts("models", MODEL | {"attention": latent | {"value_size": 1}})
    assert not accepts("models", MODEL | {"attention": latent})
    assert not accepts("models", MODEL | {"attention": {"heads": 2, "kv_heads": 1, "head_size": 4}})


@pytest.mark.parametrize("kind", KINDS)
def test_editors_have_help_for_every_key(kind: Kind) -> None:
    defs = file_schema(kind)["$defs"]

    silent = [
        f"{name}.{key}"
        for name, spec in defs.items()
        for key, node in spec["properties"].items()
        if "description" not in node
    ]

    assert silent == []


def test_help_for_a_kind_says_what_it_stands_for() -> None:
    defs = file_schema("workloads")["$defs"]

    said = defs["ArrivalsAtOnce"]["properties"]["kind"]["description"]
    assert said == "Everything arrives at 0 (vLLM's request rate `inf`)."


def test_what_stands_below_a_field_is_said_of_it() -> None:
    said = docs(SPECS["scenarios"])

    assert said["until_s"] == "The run ends here, finished or not."
    assert "source" not in said


def test_defaults_are_written_as_files_write_them() -> None:
    engine = file_schema("scenarios")["$defs"]["Engine"]["properties"]

    assert engine["reserve_bytes"]["default"] == "0 B"
    assert engine["memory_share"]["default"] == 0.9
    assert engine["reserve_bytes"]["type"] == "string"
