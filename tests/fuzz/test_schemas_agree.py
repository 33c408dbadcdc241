"""A file that loads is valid by its schema: an editor never marks what is right."""

from pathlib import Path
from random import Random

import pytest
from jsonschema import Draft202012Validator

from sim.catalog.files import read_document
from sim.catalog.names import KINDS, SINGULAR
from sim.catalog.schema import file_schema
from sim.errors import ScenarioError
from tests.fuzz.kinds import KINDS as FILES
from tests.fuzz.mutations import spoiled

FEW, MANY = 60, 3_000
KIND_OF = {SINGULAR[kind]: kind for kind in KINDS}


@pytest.fixture(autouse=True)
def _empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SIM_PATH", raising=False)


def refusals(name: str, count: int) -> tuple[int, int, list[str]]:
    """How many mutants load, how many others are valid, and what is said of those that load."""
    validator = Draft202012Validator(file_schema(KIND_OF[name]))
    path = Path(FILES[name].name)
    loaded, blind, said = 0, 0, []
    for number in range(count):
        path.write_bytes(spoiled(Random(f"schema {name} {number}"), FILES[name].good[0]))
        try:
            mapping = read_document(path).mapping
        except ScenarioError:
            continue
        try:
            FILES[name].use(path)
        except ScenarioError:
            blind += validator.is_valid(mapping)
            continue
        loaded += 1
        said += [f"{number}: {one.message[:200]}" for one in validator.iter_errors(mapping)]
    return loaded, blind, said


@pytest.mark.parametrize("name", KIND_OF)
def test_what_loads_is_valid(name: str) -> None:
    loaded, _, said = refusals(name, FEW)

    assert said == []
    assert loaded > 0


@pytest.mark.slow
@pytest.mark.parametrize("name", KIND_OF)
def test_what_loads_of_many_is_valid_and_most_of_the_rest_is_not(name: str) -> None:
    loaded, blind, said = refusals(name, MANY)

    assert said == []
    assert loaded > 100
    # Names that stand for nothing and keys that do not fit together are for loading to find.
    assert blind < MANY / 5
