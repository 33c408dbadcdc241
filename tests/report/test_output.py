import json

import pytest

from sim.report import output
from sim.report.output import show_figures, show_json, show_rows


def test_rows_are_lines_under_their_title(capsys: pytest.CaptureFixture[str]) -> None:
    show_rows({"Links": [{"link": "a>b", "busy_share": 0.5}, {"link": "b>a", "busy_share": 0.25}]})

    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert lines[0] == ["Links"]
    assert ["a>b", "50.0", "%"] in lines
    assert ["b>a", "25.0", "%"] in lines


def test_a_long_header_makes_its_column_no_wider(capsys: pytest.CaptureFixture[str]) -> None:
    show_rows({"": [{"throughput_ratio": 1.0, "other": "x"}]})

    lines = capsys.readouterr().out.splitlines()
    assert max(len(line.rstrip()) for line in lines) < 25


def test_a_column_without_texts_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    show_rows({"Rows": [{"claim": "C1", "expected": ""}]})

    assert "C1" in capsys.readouterr().out


def test_a_table_without_rows_is_its_title(capsys: pytest.CaptureFixture[str]) -> None:
    show_rows({"Nothing": []})

    assert capsys.readouterr().out.split() == ["Nothing"]


def test_brackets_are_text_and_long_cells_stay_whole(capsys: pytest.CaptureFixture[str]) -> None:
    show_figures("[bold]", {"link": "[red]" + "x" * 150})

    out = capsys.readouterr().out
    assert "[bold]" in out
    assert "[red]" + "x" * 150 in out


def test_json_is_strict(capsys: pytest.CaptureFixture[str]) -> None:
    show_json({"a": None, "b": [1.5]})

    assert json.loads(capsys.readouterr().out) == {"a": None, "b": [1.5]}
    with pytest.raises(ValueError, match="not JSON compliant"):
        show_json({"a": float("nan")})


def test_few_rows_that_are_too_wide_are_turned(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(output, "_WIDTH_OF_FILES", 40)
    rows = [{f"key_{n}": f"{n}-{word * 6}" for n in range(6)} for word in ("a", "b")]

    output.show_rows({"Wide": rows})

    lines = capsys.readouterr().out.splitlines()
    assert [line.split() for line in lines if "key 3" in line] == [
        ["key", "3", "3-aaaaaa", "3-bbbbbb"]
    ]
    assert max(map(len, lines)) <= 40
