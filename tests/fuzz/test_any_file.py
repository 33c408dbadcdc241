"""Whatever is in a file, it is taken or refused in lines that name it, and soon."""

import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from sim.errors import ScenarioError, ScenarioWarning
from tests.cli.commands import moesim
from tests.fuzz.kinds import KINDS, FileKind
from tests.fuzz.mutations import spoiled

FEW, MANY = 60, 10_000
LONGEST_S = 10.0
LONGEST_LINE = 1500


@pytest.fixture(autouse=True)
def _empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SIM_PATH", raising=False)


def mutants(name: str, count: int) -> Iterator[bytes]:
    kind = KINDS[name]
    for number in range(count):
        random = Random(f"{name} {number}")
        yield spoiled(random, random.choice(kind.good))


def is_taken(kind: FileKind, path: Path) -> bool:
    """Whether it is; what is said against it is checked here."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ScenarioWarning)
            kind.use(path)
    except ScenarioError as problem:
        lines = str(problem).split("\n")
        assert all(line.isprintable() for line in lines)
        assert all(path.stem in line and len(line) < LONGEST_LINE for line in lines)
        return False
    return True


def taken(name: str, folder: Path, count: int) -> int:
    """How many of so many mutants are taken."""
    kind = KINDS[name]
    path = folder / kind.name
    total = 0
    for number, content in enumerate(mutants(name, count)):
        path.write_bytes(content)
        started_s = time.monotonic()
        try:
            total += is_taken(kind, path)
        except Exception as problem:
            # Any other exception is what this looks for; say which mutant it was.
            problem.add_note(f"{name} {number}: {content[:500]!r}")
            raise
        took_s = time.monotonic() - started_s
        assert took_s < LONGEST_S, f"{name} {number} took {took_s:.1f} s: {content[:500]!r}"
    return total


@pytest.mark.parametrize("name", KINDS)
def test_the_files_themselves_are_taken(name: str, tmp_path: Path) -> None:
    kind = KINDS[name]
    for content in kind.good:
        path = tmp_path / kind.name
        path.write_bytes(content)

        assert is_taken(kind, path)


@pytest.mark.parametrize("name", KINDS)
def test_a_spoiled_file_is_taken_or_refused_in_lines(name: str, tmp_path: Path) -> None:
    some = taken(name, tmp_path, FEW)

    # Were all taken or all refused, the mutants would test little.
    assert 0 < some < FEW / 2


@pytest.mark.slow
@pytest.mark.parametrize("name", KINDS)
def test_each_of_many_spoiled_files_is_taken_or_refused(name: str, tmp_path: Path) -> None:
    some = taken(name, tmp_path, MANY)

    assert MANY / 100 < some < MANY / 2


def test_equal_seeds_spoil_equally() -> None:
    assert list(mutants("scenario", 50)) == list(mutants("scenario", 50))
    assert len(set(mutants("scenario", 50))) > 45


@pytest.mark.parametrize("start", [0, pytest.param(20, marks=pytest.mark.slow)])
def test_a_refused_run_leaves_no_folder_and_prints_nothing(start: int, tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    refused = 0
    for content in list(mutants("scenario", start * 20 + 20))[start:]:
        path.write_bytes(content)
        if is_taken(KINDS["scenario"], path):
            continue

        outcome = moesim("run", str(path), "--out", str(tmp_path / "out"))

        refused += 1
        assert (outcome.status, outcome.out) == (2, "")
        assert all(line.startswith("moesim: ") for line in outcome.err.splitlines())
        assert [one.name for one in tmp_path.iterdir()] == ["mine.yaml"]

    assert refused > 10
