import csv
import json
from pathlib import Path

import pytest

from sim.errors import ScenarioError
from sim.study.measured_points import read_points
from sim.study.validation_study import read_summary, readme_table, save_study


def points(tmp_path: Path, device: str = "h100-sxm") -> Path:
    """Three products, of which the last took twice as long as it should."""
    path = tmp_path / "points.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "kind", "device", "params", "measured_s"])
        for number, measured_s in enumerate([1e-4, 1e-4, 2e-4]):
            params = json.dumps({"m": 4096, "n": 4096, "k": 2048, "dtype": "bfloat16"})
            writer.writerow([number, "gemm", device, params, measured_s])
    return path


def test_a_study_has_a_summary_a_picture_and_a_table(tmp_path: Path) -> None:
    folder = tmp_path / "study"

    save_study(folder, read_points(points(tmp_path)), "points.csv")

    assert sorted(path.name for path in folder.iterdir()) == [
        "figure.png",
        "figure.svg",
        "summary.csv",
    ]
    rows = read_summary(folder)
    assert {(row["profile"], row["device"], row["points"]) for row in rows} == {
        (profile, device, 3) for profile in ("measured", "plain") for device in ("all", "h100-sxm")
    }
    assert readme_table(rows).splitlines()[2].startswith("| gemm | 3 |")


def test_equal_points_give_equal_bytes(tmp_path: Path) -> None:
    read = read_points(points(tmp_path))
    for name in ("one", "other"):
        save_study(tmp_path / name, read, "points.csv")

    for path in (tmp_path / "one").iterdir():
        assert path.read_bytes() == (tmp_path / "other" / path.name).read_bytes()


def test_nothing_to_compare_writes_nothing(tmp_path: Path) -> None:
    unknown = read_points(points(tmp_path, device="abacus"))

    with pytest.raises(ScenarioError, match="no point can be compared"):
        save_study(tmp_path / "study", unknown, "points.csv")

    assert not (tmp_path / "study").exists()
