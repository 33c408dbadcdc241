"""Fits to measurements whose law is known, and what a fit says about itself."""

from pathlib import Path
from typing import Any

import pytest

import sim
from sim.catalog.load import load_device, load_profile, load_scenario
from sim.errors import ScenarioError
from sim.study.calibrate import calibrated
from sim.study.calibration_samples import samples
from sim.study.measured_points import Point, read_points
from tests.cli.commands import moesim
from tests.study.measurements import decode_rows, measured_points, product_rows, product_s

pytest.importorskip("scipy")


@pytest.fixture(scope="module")
def points(tmp_path_factory: pytest.TempPathFactory) -> list[Point]:
    return read_points(measured_points(tmp_path_factory.mktemp("points") / "points.csv"))


def test_a_fit_finds_the_law_that_made_the_points(points: list[Point]) -> None:
    (curve,) = calibrated(load_device("h100-sxm"), points).curves.values()

    assert curve.launch_s == pytest.approx(4e-6, rel=0.05)
    assert curve.compute_efficiency == pytest.approx(0.6, rel=0.05)
    assert curve.memory_efficiency == pytest.approx(0.6, rel=0.05)
    assert curve.overlap == "none"
    assert curve.errors.p90 < 0.03


def test_points_held_out_of_a_law_are_hit_as_well(points: list[Point]) -> None:
    (curve,) = calibrated(load_device("h100-sxm"), points).curves.values()
    errors = curve.errors

    assert errors.points == 45
    assert errors.held_out_rows_p90 is not None
    assert errors.held_out_rows_p90 < 0.05
    assert errors.held_out_shapes_p90 is not None
    assert errors.held_out_shapes_p90 < 0.05


def test_noise_shows_in_the_errors(points: list[Point]) -> None:
    # Every second point takes a fifth longer: half of them must be off by a tenth or so.
    noisy = [
        point._replace(measured_s=point.measured_s * (1.2 if number % 2 else 1.0))
        for number, point in enumerate(points)
    ]

    (curve,) = calibrated(load_device("h100-sxm"), noisy).curves.values()

    assert 0.05 < curve.errors.median < 0.15


def test_held_out_shapes_are_held_out_whole(points: list[Point]) -> None:
    (sample,) = samples(points)

    held_by_shape: dict[Any, set[bool]] = {}
    for point, is_held in zip(points, sample.shape_is_held, strict=True):
        shape = point.params["n"], point.params["k"]
        held_by_shape.setdefault(shape, set()).add(bool(is_held))

    assert all(len(found) == 1 for found in held_by_shape.values())
    assert {True, False} == {one for found in held_by_shape.values() for one in found}


@pytest.mark.parametrize(
    ("mqa_s", "kernels"),
    [
        (10e-6, ["gqa_decode/bf16/grouped"]),
        (20e-6, ["gqa_decode/bf16/grouped", "gqa_decode/bf16/grouped/mqa"]),
    ],
)
def test_a_variant_has_a_curve_of_its_own_where_it_behaves_differently(
    tmp_path: Path, mqa_s: float, kernels: list[str]
) -> None:
    rows = read_points(measured_points(tmp_path / "points.csv", decode_rows(mqa_s)))

    curves = calibrated(load_device("a100-sxm-80gb"), rows).curves

    assert list(curves) == kernels
    assert sum(curve.errors.points for curve in curves.values()) == 60
    assert all(curve.errors.p90 < 0.06 for curve in curves.values())


def test_products_in_8_bits_pay_for_bringing_their_activations_there() -> None:
    in_8_bits = [
        Point(
            f"{m}-{n}-{k}",
            "gemm",
            "h100_sxm",
            {"m": m, "n": n, "k": k, "dtype": "fp8_block"},
            5e-6 + (m * k + n * k + 2 * m * n + 5 * m * k) / 3.35e12 + m * n * k / 989.5e12,
            "",
        )
        for m in (16, 256, 4096, 65536)
        for n in (128, 1024, 8192)
        for k in (1024, 4096, 16384)
    ]

    (curve,) = calibrated(load_device("h100-sxm"), in_8_bits).curves.values()

    assert curve.staging_bytes == pytest.approx(5.0, rel=0.1)
    assert curve.launch_s == pytest.approx(5e-6, rel=0.1)


def test_the_same_points_give_the_same_file(tmp_path: Path) -> None:
    file = measured_points(tmp_path / "points.csv")

    first, second = (moesim("calibrate", str(file), "--device", "h100") for _ in range(2))

    assert first.status == 0, first.err
    assert first.out == second.out


def test_the_file_prices_kernels_as_they_were_measured(tmp_path: Path) -> None:
    file, out = measured_points(tmp_path / "points.csv"), tmp_path / "mine.yaml"

    outcome = moesim("calibrate", str(file), "--device", "h100-sxm", "--out", str(out))

    assert outcome.status == 0, outcome.err
    profile = load_profile(str(out))
    price_s = sim.kernel_s(
        load_device("h100-sxm"), "gemm", profile, m=2048, n=4096, k=4096, dtype="bfloat16"
    )
    assert profile.name == "mine"
    assert price_s == pytest.approx(product_s(2048, 4096, 4096), rel=0.03)


def test_too_few_points_are_refused(tmp_path: Path) -> None:
    file = measured_points(tmp_path / "points.csv", product_rows()[:23])

    outcome = moesim("calibrate", str(file), "--device", "h100-sxm")

    assert outcome.status == 2
    assert "no kernel has 24 points" in outcome.err


@pytest.mark.parametrize(
    ("device", "said"),
    [("h200-sxm", "no point of device h200-sxm"), ("tpu-v5e", "no point of device tpu-v5e")],
)
def test_a_device_without_points_is_refused(tmp_path: Path, device: str, said: str) -> None:
    file = measured_points(tmp_path / "points.csv")

    outcome = moesim("calibrate", str(file), "--device", device)

    assert outcome.status == 2
    assert said in outcome.err


def test_a_device_whose_processors_are_not_known_is_refused(points: list[Point]) -> None:
    with pytest.raises(ScenarioError, match="processors and cache_bytes are needed"):
        calibrated(load_device("tpu-v5e"), points)


def test_a_scenario_on_devices_without_curves_is_refused() -> None:
    with pytest.raises(ScenarioError, match="has no curves for device tpu-v5e") as refused:
        load_scenario("chat-llama-70b", ["topology=tpu-v5e-16x16", "engine.profile=measured"])

    assert "engine.profile" in str(refused.value)


def test_a_model_is_priced_by_the_curves_of_its_kernels() -> None:
    scenario = ["workload.limit=3", "engine.profile=measured"]

    run = sim.simulate(sim.load_scenario("chat-llama-70b", scenario))

    assert run.summary()["completed"] == 3


def test_a_point_that_makes_no_sense_is_named(points: list[Point]) -> None:
    wrong = points[0]._replace(id="row7", params=points[0].params | {"m": -1})

    with pytest.raises(ScenarioError, match=r"^point row7: .*m: -1"):
        samples([*points, wrong])
