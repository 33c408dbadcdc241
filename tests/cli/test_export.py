import json
from pathlib import Path

import pytest

from tests.cli.commands import moesim
from tests.cli.scenarios import written


def test_several_exports_are_written_and_named(tmp_path: Path) -> None:
    result, folder = tmp_path / "new" / "result.json", tmp_path / "aiperf"

    outcome = moesim(
        "run", written(tmp_path), "--export", "vllm", str(result), "--export", "aiperf", str(folder)
    )

    assert outcome.status == 0, outcome.err
    assert json.loads(result.read_text(encoding="utf-8"))["completed"] == 5
    assert len((folder / "profile_export.jsonl").read_text(encoding="utf-8").splitlines()) == 5
    assert str(result) in outcome.err
    assert str(folder) in outcome.err


def test_an_option_is_not_taken_for_the_path(tmp_path: Path) -> None:
    outcome = moesim("run", written(tmp_path), "--export", "vllm", "--out", str(tmp_path / "out"))

    assert outcome.status == 2
    assert "--export vllm: where to is missing" in outcome.err


def test_one_word_with_an_equals_sign_means_the_same(tmp_path: Path) -> None:
    outcome = moesim("run", written(tmp_path), "--export", f"vllm={tmp_path / 'r=1.json'}")

    assert outcome.status == 0, outcome.err
    assert (tmp_path / "r=1.json").is_file()


def test_a_path_may_have_an_equals_sign(tmp_path: Path) -> None:
    moesim("run", written(tmp_path), "--export", "vllm-sweep", str(tmp_path / "r=1"))

    assert (tmp_path / "r=1" / "summary.json").is_file()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--export", "csv", "x"), "write one of vllm, vllm-sweep, aiperf"),
        (("--export", "vllm"), "write --export vllm PATH"),
        (("--export",), "write one of"),
        (("--export", "vllm", "small.yaml"), "is taken"),
        (("--export", "vllm", "x", "--export", "aiperf", "x"), "is taken"),
        (("--export", "aiperf", "x", "--out", "x"), "is taken"),
        (("--export", "vllm", "small.yaml/x"), "cannot be written"),
        (("--export", "vllm", "x", "--set", "record.steps='off'"), "record.steps"),
        (("--export", "vllm", "x", "--dry-run"), "a dry run writes nothing"),
    ],
)
def test_what_cannot_be_exported_is_refused_in_a_line(
    words: tuple[str, ...], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sim.report.run_files.simulate", None)

    outcome = moesim("run", written(tmp_path), *words)

    assert outcome.status == 2
    assert said in " ".join(outcome.err.split())
    assert not (tmp_path / "x").exists()
