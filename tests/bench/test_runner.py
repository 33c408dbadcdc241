"""The runner itself, on the smallest of workloads."""

import json
from pathlib import Path

import pytest

from bench.__main__ import main


def lines(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_a_workload_appends_a_line_and_prints_its_bars(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "results.jsonl"
    out.write_text('{"workload": "before"}\n', encoding="utf-8")

    status = main(["a", "--scale", "0.001", "--out", str(out)])

    assert status == 0
    before, line = lines(out)
    assert before == {"workload": "before"}
    assert (line["workload"], line["requests"], line["trace"]) == ("a", 20, "synthetic")
    for figure in ("wall_s", "cpu_s", "peak_bytes", "steps_per_s", "simulated_over_wall"):
        assert isinstance(line[figure], int | float)
    assert "a (synthetic)" in capfd.readouterr().out


def test_what_could_not_be_measured_is_a_line_and_an_exit_status(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    out, trace = tmp_path / "results.jsonl", tmp_path / "broken.csv"
    trace.write_text("no trace\n", encoding="utf-8")

    status = main(["a", "--scale", "0.001", "--azure", str(trace), "--out", str(out)])

    assert status == 1
    (line,) = lines(out)
    assert str(line["error"]).startswith(f"{trace}:")
    assert "failed" in capfd.readouterr().out


def test_an_unknown_workload_is_refused_by_name(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["z"])

    assert ended.value.code == 2
    assert "z is not one of a, a-plain" in capsys.readouterr().err
