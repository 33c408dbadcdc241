import json
from importlib import util
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from sim.errors import ScenarioError
from sim.record.recorder import Recorder
from sim.record.run_folder import INCOMPLETE, TableFormat, read_run, run_folder
from tests.record.example import frames, recorder

FORMATS: list[TableFormat] = ["parquet", "csv"]
TABLES = frames(recorder())


def save(path: Path, table_format: TableFormat | None = None) -> None:
    with run_folder(path, table_format) as folder:
        folder.write(TABLES, {"completed": 2, "label": None}, {"seed": 1})


@pytest.mark.parametrize("table_format", FORMATS)
@pytest.mark.parametrize("made", [recorder(), Recorder.of(2, 3)], ids=["run", "empty"])
def test_a_run_is_read_back_as_it_was_written(
    tmp_path: Path, made: Recorder, table_format: TableFormat
) -> None:
    tables = frames(made)
    with run_folder(tmp_path / "run", table_format) as folder:
        folder.write(tables, {"completed": 2, "label": None}, {"seed": 1})

    saved = read_run(tmp_path / "run")

    assert saved.summary == {"completed": 2, "label": None}
    assert saved.manifest["seed"] == 1
    assert list(saved.frames) == list(tables)
    for name, frame in tables.items():
        pd.testing.assert_frame_equal(saved.frames[name], frame, check_exact=True)


def test_floats_in_csv_keep_all_their_digits(tmp_path: Path) -> None:
    floats = np.random.Generator(np.random.PCG64(1)).random(1000) / 3e5
    table = TABLES["links"].iloc[[0] * 1000].reset_index(drop=True).assign(bytes=floats)
    with run_folder(tmp_path / "run", "csv") as folder:
        folder.write({"links": table}, {}, {})

    found = read_run(tmp_path / "run").frames["links"]["bytes"].tolist()

    assert found == floats.tolist()


@pytest.mark.parametrize("table_format", FORMATS)
def test_equal_runs_give_equal_bytes(tmp_path: Path, table_format: TableFormat) -> None:
    save(tmp_path / "one", table_format)
    save(tmp_path / "other", table_format)

    files = sorted(path.name for path in (tmp_path / "one").iterdir())
    assert len(files) == len(TABLES) + 2
    for name in files:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "other" / name).read_bytes()


def test_the_folder_has_its_name_only_when_it_is_complete(tmp_path: Path) -> None:
    with run_folder(tmp_path / "deep" / "run") as folder:
        assert folder.path == tmp_path / "deep" / "run.partial"
        assert not (tmp_path / "deep" / "run").exists()

    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["run"]


def test_an_existing_folder_is_refused_and_left_alone(tmp_path: Path) -> None:
    save(tmp_path / "run", "csv")
    before = (tmp_path / "run" / "summary.json").read_bytes()

    with pytest.raises(ScenarioError, match=r"run: exists already; .* name another folder"):
        save(tmp_path / "run", "csv")

    assert (tmp_path / "run" / "summary.json").read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


def break_off(path: Path, problem: BaseException) -> None:
    with run_folder(path) as folder:
        folder.write_frame("steps", TABLES["steps"])
        raise problem


def test_an_error_of_the_user_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(ScenarioError, match="memory too small"):
        break_off(tmp_path / "run", ScenarioError("memory too small"))

    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("problem", [KeyboardInterrupt(), ZeroDivisionError()])
def test_a_broken_run_is_kept_and_marked(tmp_path: Path, problem: BaseException) -> None:
    with pytest.raises(type(problem)):
        break_off(tmp_path / "run", problem)

    assert [path.name for path in tmp_path.iterdir()] == ["run.partial"]
    marker = (tmp_path / "run.partial" / INCOMPLETE).read_text()
    assert type(problem).__name__ in marker


def test_a_broken_run_is_not_read(tmp_path: Path) -> None:
    save(tmp_path / "run")
    (tmp_path / "run" / INCOMPLETE).touch()

    with pytest.raises(ScenarioError, match="not the folder of a complete run"):
        read_run(tmp_path / "run")


def test_what_a_broken_run_left_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "run.partial").mkdir()

    with pytest.raises(ScenarioError, match=r"run\.partial: exists already; left by a run"):
        save(tmp_path / "run")


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(ScenarioError, match=r"run\.partial: cannot be made"):
        save(tmp_path / "file" / "run")


def test_nan_is_refused_in_json(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"), run_folder(tmp_path / "run") as f:
        f.write_json("summary", {"mean_ttft_ms": float("nan")})


def test_without_pyarrow_tables_are_csv(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sim.record.run_folder.find_spec", lambda name: None)

    save(tmp_path / "run")

    assert (tmp_path / "run" / "requests.csv").is_file()
    assert json.loads((tmp_path / "run" / "manifest.json").read_text())["table_format"] == "csv"


def test_parquet_without_pyarrow_is_refused_before_anything_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sim.record.run_folder.find_spec", lambda name: None)

    with pytest.raises(ScenarioError, match=r"needs pyarrow.*pip install 'moesim\[parquet\]'"):
        save(tmp_path / "run", "parquet")

    assert list(tmp_path.iterdir()) == []


def test_with_pyarrow_tables_are_parquet(tmp_path: Path) -> None:
    assert util.find_spec("pyarrow") is not None

    save(tmp_path / "run")

    assert (tmp_path / "run" / "requests.parquet").is_file()


def test_a_folder_whose_name_begins_with_a_tilde_is_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    with run_folder(Path("~nobody"), "csv") as folder:
        folder.write_frame("steps", pd.DataFrame({"step": [1]}))

    assert (tmp_path / "~nobody" / "steps.csv").is_file()
