"""Points against prices: the errors are arithmetic, and nothing is dropped."""

import csv
import json
from pathlib import Path

import pytest

import sim
from sim.catalog.load import load_profile
from sim.errors import ScenarioError
from sim.study.measured_points import Point, read_points
from sim.study.validate import error_figures, error_rows, validated
from tests.cli.commands import moesim
from tests.study.measurements import measured_points, product_rows

ROW = {"m": 64, "n": 512, "k": 512, "dtype": "bfloat16"}


def point(measured_s: float, kind: str = "gemm", device: str = "h100_sxm") -> Point:
    return Point("1", kind, device, dict(ROW), measured_s, "")


def test_an_error_is_predicted_over_measured_less_one() -> None:
    price_s = sim.kernel_s("h100-sxm", "gemm", "plain", **ROW)

    found = validated([point(price_s / 2), point(price_s * 4)], "plain")

    assert [one.error for one in found.compared] == pytest.approx([1.0, -0.75])
    assert {one.device for one in found.compared} == {"h100-sxm"}


def test_errors_are_summed_up_without_their_sign_and_the_bias_with_it() -> None:
    figures = error_figures([-0.5, 0.1, 0.2, -0.3, 0.4])

    assert figures == pytest.approx(
        # |errors| 0.1 0.2 0.3 0.4 0.5: p90 lies six tenths of the way from the fourth to the fifth.
        {
            "points": 5,
            "median_error": 0.3,
            "p90_error": 0.46,
            "worst_error": 0.5,
            "bias_error": 0.1,
        }
    )


def test_what_is_not_known_is_counted_by_its_name() -> None:
    points = [point(1.0), point(1.0, device="abacus"), point(1.0, kind="sort")] * 2

    found = validated(points, "plain")

    assert len(found.compared) == 2
    assert found.left_out == [
        {"reason": "device 'abacus' is not known", "points": 2},
        {"reason": "kind 'sort' is not known", "points": 2},
    ]


def test_a_point_without_a_price_is_counted_with_the_reason() -> None:
    strange = point(1.0)._replace(params=ROW | {"dtype": "int3"})

    (left_out,) = validated([strange, point(1.0)], "plain").left_out

    assert left_out["points"] == 1
    assert "'int3' is not one of" in left_out["reason"]


def test_a_kind_on_two_devices_has_a_row_for_all_of_them() -> None:
    points = [point(1.0), point(1.0, device="h200_sxm"), point(1.0, device="h200_sxm")]

    rows = error_rows(validated(points, "plain").compared)

    assert [(row["device"], row["points"]) for row in rows] == [
        ("all", 3),
        ("h100-sxm", 1),
        ("h200-sxm", 2),
    ]


def test_every_kind_with_a_curve_is_priced_on_devices_that_inherit_it() -> None:
    by = load_profile("measured")

    found = validated([point(1.0, device=name) for name in ("h20-sxm", "b200", "mi300x")], by)

    assert len(found.compared) == 3


def test_a_device_without_curves_says_so() -> None:
    (left_out,) = validated([point(1.0, device="tpu-v5e")], "measured").left_out

    assert "has no curves for device tpu-v5e" in left_out["reason"]


def test_the_command_prints_rows_and_writes_a_row_a_point(tmp_path: Path) -> None:
    points = measured_points(tmp_path / "points.csv")
    out = tmp_path / "errors.csv"

    outcome = moesim("validate", str(points), "--engine", "plain", "--out", str(out), "--json")

    (row,) = json.loads(outcome.out)["errors"]
    with out.open(encoding="utf-8", newline="") as file:
        written = list(csv.DictReader(file))
    assert (row["kind"], row["device"], row["points"]) == ("gemm", "h100-sxm", 45)
    assert [one["id"] for one in written] == [one["id"] for one in product_rows()]
    assert all(
        float(one["error"])
        == pytest.approx(float(one["predicted_s"]) / float(one["measured_s"]) - 1)
        for one in written
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "id, kind, device, params, measured_s: missing in the first line"),
        ("id,kind,device,params,measured_s\n", "has no points"),
        ('id,kind,device,params,measured_s\n1,gemm,h100,"[1]",1\n', "line 2: params: '[1]'"),
        ('id,kind,device,params,measured_s\n1,gemm,h100,"{}",-1\n', "line 2: measured_s: '-1'"),
        ("id,kind,device,params,measured_s\n1,gemm\n", "line 2: params: ''"),
    ],
)
def test_a_file_that_is_no_points_is_refused_in_a_line(
    tmp_path: Path, text: str, said: str
) -> None:
    path = tmp_path / "points.csv"
    path.write_text(text)

    with pytest.raises(ScenarioError, match=r"points\.csv") as refused:
        read_points(path)

    assert said in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_file_that_is_not_there_is_refused_in_a_line(tmp_path: Path) -> None:
    outcome = moesim("validate", str(tmp_path / "none.csv"))

    assert outcome.status == 2
    assert len(outcome.err.splitlines()) == 1


def test_a_time_that_no_machine_can_have_is_refused_in_a_line(tmp_path: Path) -> None:
    row = product_rows()[0] | {"measured_s": 1e-300}

    for command in (("validate",), ("calibrate", "--device", "h100-sxm")):
        outcome = moesim(*command, str(measured_points(tmp_path / "points.csv", [row])))

        assert outcome.status == 2
        assert "line 2: measured_s: '1e-300' is not a number of seconds from 1e-07" in outcome.err
        assert len(outcome.err.splitlines()) == 1


def test_columns_that_are_not_read_and_ids_given_twice_are_said(tmp_path: Path) -> None:
    rows = [row | {"colour": "red", "engine": "x"} for row in product_rows()]
    rows += [rows[0], rows[0], rows[1]]

    outcome = moesim("validate", str(measured_points(tmp_path / "points.csv", rows)), "--json")

    assert outcome.status == 0
    assert [line.split("points.csv: ")[1] for line in outcome.err.splitlines()] == [
        "column colour is not read; the columns are id, kind, device, params, measured_s, engine, "
        "source",
        "2 ids are given more than once, the first '1-512-512'; each of their rows counts",
    ]


def test_a_file_of_which_nothing_can_be_compared_is_an_error(tmp_path: Path) -> None:
    rows = [row | {"device": "abacus"} for row in product_rows()]

    outcome = moesim("validate", str(measured_points(tmp_path / "points.csv", rows)), "--json")

    assert outcome.status == 2
    assert outcome.out == ""
    (line,) = outcome.err.splitlines()
    assert "points.csv: none of 45 points can be compared: device 'abacus' is not known" in line
