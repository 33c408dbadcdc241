"""Fits of fabrics and expert traffic to times whose law is known."""

from pathlib import Path

import numpy as np
import pytest

from sim.catalog.load import load_device, load_profile
from sim.errors import ScenarioError
from sim.network.measured_collectives import COLLECTIVES
from sim.spec.engine_profile import EngineProfile
from sim.study.calibrate_experts import exchange_sample, fitted_traffic
from sim.study.calibrate_fabric import fitted_fabric
from sim.study.calibrated_profile import calibrated_profile
from sim.study.fabric_samples import fabric_samples, without_node
from sim.study.kernels import kernel_s
from sim.study.measured_points import Point
from sim.study.validate import validated
from tests.study.measurements import measured_points

pytest.importorskip("scipy")
H100 = load_device("h100-sxm")
MEASURED = load_profile("measured")
assert MEASURED.communication is not None
COMMUNICATION = MEASURED.communication


def collectives(device: str, by: EngineProfile) -> list[Point]:
    """What a profile says, as if it had been measured."""
    return [
        made(kind, device, {"gpus": gpus, "bytes": 2**power, "library": "nccl"}, by)
        for kind in COLLECTIVES
        for gpus in (2, 4, 8)
        for power in range(10, 30, 2)
    ]


def exchanges(kind: str, by: EngineProfile) -> list[Point]:
    return [
        made(kind, "h100-sxm", expert_call(nodes, tokens, top_k, experts), by)
        for nodes in (1, 2, 4)
        for tokens in (1, 16, 128, 1024)
        for top_k, experts in ((2, 8), (8, 128), (8, 256), (4, 64))
    ]


def expert_call(nodes: int, tokens: int, top_k: int, experts: int) -> dict[str, int | str]:
    of_model = {"hidden": 4096, "top_k": top_k, "experts": experts}
    where = {"nodes": nodes, "gpus_per_node": 8, "tokens_per_gpu": tokens}
    return {**where, **of_model, "protocol": "deepep_low_latency", "dtype": "fp8"}


def made(kind: str, device: str, params: dict[str, int | str], by: EngineProfile) -> Point:
    name = "-".join(map(str, [kind, *params.values()]))
    return Point(name, kind, device, dict(params), kernel_s(device, kind, by, **params), "a law")


@pytest.mark.parametrize("device", ["h100-sxm", "rtx-pro-6000"])
def test_a_fit_finds_the_fabric_that_made_the_points(device: str) -> None:
    points = collectives(device, MEASURED)

    (sample,) = fabric_samples({device: load_device(device)}, points)
    fabric = fitted_fabric(sample)

    law = COMMUNICATION.fabrics[sample.fabric]
    assert fabric.launch_s == pytest.approx(law.launch_s, rel=0.1)
    assert fabric.host_stream_share == pytest.approx(law.host_stream_share, rel=0.05)
    assert fabric.chain[-1].link_efficiency == pytest.approx(
        law.chain[-1].link_efficiency, rel=0.05
    )
    for errors in fabric.errors.values():
        assert errors.points == 30
        assert errors.p90 < 0.05
        assert errors.held_out_rows_median is not None
        assert errors.held_out_rows_median < 0.05
        assert errors.held_out_shapes_median is not None
        assert errors.held_out_shapes_median < 0.05


def test_held_out_shapes_are_the_devices_between_the_fewest_and_the_most() -> None:
    (sample,) = fabric_samples({"h100-sxm": H100}, collectives("h100-sxm", MEASURED))

    assert set(sample.devices[sample.shape_is_held]) == {4.0}
    assert set(sample.devices[~sample.shape_is_held]) == {2.0, 8.0}


def test_a_fit_finds_the_kernels_for_experts_that_made_the_points() -> None:
    points = exchanges("ep_dispatch", MEASURED)

    sample = exchange_sample("ep_dispatch", {"h100-sxm": H100}, points)
    assert sample is not None
    traffic = fitted_traffic(sample)

    law = COMMUNICATION.experts["dispatch"]
    for name in ("launch_s", "expert_s", "far_expert_s", "token_s", "copied_bytes_per_s"):
        assert getattr(traffic, name) == pytest.approx(getattr(law, name), rel=0.05)
    assert traffic.link_efficiency == pytest.approx(law.link_efficiency, rel=0.05)
    assert traffic.errors.p90 < 0.02


def test_too_few_exchanges_are_no_sample() -> None:
    points = exchanges("ep_dispatch", MEASURED)[:20]

    assert exchange_sample("ep_dispatch", {"h100-sxm": H100}, points) is None


def test_a_device_with_collectives_alone_gives_a_fabric_and_no_curves(tmp_path: Path) -> None:
    path = measured_points(tmp_path / "points.csv")
    points = collectives("rtx-pro-6000", MEASURED)

    fitted = calibrated_profile(path, points, ["rtx-pro-6000"])

    assert not fitted.calibrations
    assert fitted.communication is not None
    assert list(fitted.communication.fabrics) == ["pcie5"]
    assert fitted.communication.measured_as == {
        "pcie4": "pcie5",
        "pcie6": "pcie5",
        "inter-socket": "pcie5",
        "pcie4-nic": "pcie4",
        "pcie5-nic": "pcie5",
    }


def test_a_device_with_nothing_to_fit_is_refused(tmp_path: Path) -> None:
    path = measured_points(tmp_path / "points.csv")
    points = collectives("h100-sxm", MEASURED)[:5]

    with pytest.raises(ScenarioError, match=r"h100-sxm: .* measure more"):
        calibrated_profile(path, points, ["h100-sxm"])


def test_a_collective_without_its_parameters_is_named(tmp_path: Path) -> None:
    path = measured_points(tmp_path / "points.csv")
    broken = Point("p1", "all_reduce", "h100-sxm", {"bytes": 1024, "library": "nccl"}, 1e-6, "")

    with pytest.raises(ScenarioError, match=r"point p1: kernel all_reduce: gpus: missing"):
        calibrated_profile(path, [broken], ["h100-sxm"])


def test_an_exchange_without_its_parameters_is_named(tmp_path: Path) -> None:
    path = measured_points(tmp_path / "points.csv")
    points = exchanges("ep_dispatch", MEASURED)
    points[-1].params.pop("hidden")

    with pytest.raises(ScenarioError, match=r"point ep_dispatch-.*: hidden: missing"):
        calibrated_profile(path, points, ["h100-sxm"])


def test_errors_of_collectives_stand_apart_by_size() -> None:
    points = collectives("h100-sxm", MEASURED)

    compared = validated(points, MEASURED).compared

    assert {one.size for one in compared} == {"below 1 MB", "from 1 MB"}
    assert np.max(np.abs([one.error for one in compared])) == 0


@pytest.mark.parametrize(
    ("kinds", "said"),
    [
        (["all_reduce"], "0 points of all_to_all"),
        (["all_to_all"], "0 points of all_reduce, all_gather, reduce_scatter"),
        (["all_gather", "all_to_all"], None),
        (["all_gather", "all_to_all", "one all_reduce"], "1 points of all_reduce"),
    ],
)
def test_a_way_of_sending_with_too_few_points_is_refused_in_a_line(
    tmp_path: Path, kinds: list[str], said: str | None
) -> None:
    every = collectives("h100-sxm", MEASURED)
    one = [point for point in every if point.kind == "all_reduce" and "one all_reduce" in kinds][:1]
    points = [point for point in every if point.kind in kinds] * (3 if len(kinds) == 1 else 1) + one
    (sample,) = fabric_samples({"h100-sxm": H100}, points)

    if said is None:
        assert not fitted_fabric(sample).in_switch
        return
    with pytest.raises(ScenarioError, match=rf"fabric nvlink4: {said}.* measure more") as refused:
        fitted_fabric(sample)
    assert "\n" not in str(refused.value)


def test_collectives_of_a_device_without_a_node_are_counted(tmp_path: Path) -> None:
    nowhere = H100.model_copy(update={"node": None})
    points = collectives("h100-sxm", MEASURED)[:7]

    assert without_node({"h100-sxm": nowhere}, points) == {"h100-sxm": 7}
    assert without_node({"h100-sxm": H100}, points) == {}
    assert fabric_samples({"h100-sxm": nowhere}, points) == []
