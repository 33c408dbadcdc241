"""A new scenario says every key with its default, and is a scenario."""

from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from pydantic import BaseModel

from sim.catalog.files import read_document
from sim.catalog.load import load_scenario
from sim.catalog.schema import file_schema
from sim.catalog.specs import SPECS, docs, specs_in
from sim.catalog.template import new_scenario, write_new
from sim.errors import ScenarioError
from sim.spec.scenario import Scenario

PARTS = {
    "model": "deepseek-v2-lite",
    "topology": "dgx-h100",
    "workload": "chat",
    "profile": "ideal",
}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "mine.yaml"
    write_new(str(path), new_scenario(PARTS))
    return path


def own_specs(spec: type[BaseModel]) -> list[type[BaseModel]]:
    """Those whose keys stand in a scenario's own file."""
    # What a list that is empty by default may hold is shown beside it.
    fields = [field for field in spec.model_fields.values() if field.default != ()]
    below = [one for field in fields for one in specs_in(field.annotation)]
    inner = [one for one in below if one not in SPECS.values() and "kind" not in one.model_fields]
    return [spec, *(found for one in inner for found in own_specs(one))]


def test_it_is_the_scenario_of_the_parts_and_defaults(file: Path) -> None:
    shortest: dict[str, Any] = {key: PARTS[key] for key in ("model", "topology", "workload")}

    assert load_scenario(file) == load_scenario(
        {"name": "mine", **shortest, "engine": {"profile": "ideal"}}
    )


def test_every_key_has_a_line_below_what_it_means(file: Path) -> None:
    lines = [line.strip().removeprefix("- ") for line in file.read_text().splitlines()]
    comments = " ".join(line.removeprefix("# ") for line in lines if line.startswith("#"))

    specs = own_specs(Scenario)

    assert len(specs) >= 9
    for spec in specs:
        for key in spec.model_fields:
            written = [line for line in lines if line.removeprefix("# ").startswith(f"{key}:")]
            assert written, key
            assert docs(spec)[key] in comments, key


def test_every_value_is_in_the_file_itself(file: Path) -> None:
    written = read_document(file).mapping
    dumped = load_scenario(file).model_dump(mode="json")

    def keys(value: Any) -> set[str]:
        inner = value.values() if isinstance(value, dict) else value
        own = set(value) if isinstance(value, dict) else set()
        return own.union(*(keys(one) for one in inner if isinstance(one, dict | list)))

    parts = ("model", "topology", "workload")
    rest = {key: value for key, value in dumped.items() if key not in parts}
    rest["engine"].pop("profile")
    assert keys(rest) <= keys(written) | {"name"}


def test_it_is_valid_by_the_schema_and_not_wide(file: Path) -> None:
    validator = Draft202012Validator(file_schema("scenarios"))

    assert validator.is_valid(read_document(file).mapping)
    assert max(map(len, file.read_text().splitlines())) <= 100


def test_forms_of_a_union_and_bounds_are_said() -> None:
    text = " ".join(new_scenario(PARTS).replace("#", "").split())

    assert "{kind: zipf, exponent: a number at least 0, at most 10}" in text
    assert "[a whole number above 0]" in text
    assert "[auto, absorbed or expanded]" in text
    assert "[for example 50 ms or null]" in text


def test_a_file_that_is_there_stays_as_it_is(file: Path) -> None:
    before = file.read_text()

    with pytest.raises(ScenarioError, match=r"mine.yaml: is there already; name a new file"):
        write_new(str(file), "other")

    assert file.read_text() == before


@pytest.mark.parametrize("name", ["none/mine.yaml", "a\0b", "x" * 300, ""])
def test_a_file_that_cannot_be_written_is_refused_in_a_line(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    with pytest.raises(ScenarioError, match="name a") as caught:
        write_new(name, "text")

    assert str(caught.value).isprintable()


@pytest.mark.parametrize("name", ["nope", "yes: no", "- x", "a\nb", "", "'", "{}", "5"])
def test_an_unknown_part_is_refused_by_its_name(name: str) -> None:
    with pytest.raises(ScenarioError, match="model: ") as caught:
        new_scenario(PARTS | {"model": name})

    assert str(caught.value).isprintable()


def test_a_name_that_is_too_long_is_cut_in_the_refusal() -> None:
    with pytest.raises(ScenarioError) as refused:
        write_new("a" * 5000, "")

    assert len(str(refused.value)) < 300
