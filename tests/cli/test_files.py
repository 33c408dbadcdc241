"""`moesim schema` and `moesim new`."""

import json
from pathlib import Path

import pytest

from sim.catalog.names import KINDS, SINGULAR
from tests.cli.commands import moesim


@pytest.mark.parametrize("kind", KINDS)
def test_a_schema_is_printed_for_a_kind_in_the_singular_or_plural(kind: str) -> None:
    one, many = moesim("schema", SINGULAR[kind]), moesim("schema", kind)  # type: ignore[index]

    assert one == many
    assert json.loads(one.out)["$schema"].endswith("2020-12/schema")


def test_a_new_scenario_can_be_run(tmp_path: Path) -> None:
    path = str(tmp_path / "mine.yaml")

    written = moesim("new", path, "--model", "qwen3-8b")

    assert written == (0, "", f"the scenario lies in {path}; next: moesim run {path}\n")
    assert moesim("run", path, "--dry-run").status == 0


def test_without_a_file_a_new_scenario_is_printed() -> None:
    assert moesim("new") == moesim("new", "-")
    assert moesim("new").out.endswith("seed: 1\n")


def test_a_file_is_never_written_over(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("mine")

    outcome = moesim("new", str(path))

    assert (outcome.status, outcome.out) == (2, "")
    assert "is there already" in outcome.err
    assert path.read_text() == "mine"
