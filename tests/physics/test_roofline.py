import numpy as np
import pytest

from sim.physics.roofline import bound, intensity, ridge_flop_per_byte, seconds
from sim.physics.work import Work
from sim.spec.device import DeviceSpec
from sim.spec.engine_profile import EngineProfile

from .catalog_files import device, profile

# Table I of arXiv 2507.15465: TFLOP/s in bf16, GB/s, and the printed ridge point.
PRINTED = {
    "V100 SXM2": (125, 900, 138.9),
    "A100 SXM4": (312, 2039, 153.0),
    "H200": (989.5, 4800, 206.2),
    "B200": (2250, 8000, 281.3),
    "TPU v5p": (459, 2765, 166),
    "TPU v7": (2307, 7400, 311.8),
    "MI325X": (1307.4, 6000, 217.9),
}


def _accelerator(tflop_per_s: float, gb_per_s: float) -> DeviceSpec:
    return DeviceSpec(
        name="test",
        peak_flop_per_s={"bf16": tflop_per_s * 1e12},
        memory_bytes=80e9,
        memory_bytes_per_s=gb_per_s * 1e9,
        idle_w=0.0,
        peak_w=1.0,
        source="test",
    )


def _profile(**efficiencies: float) -> EngineProfile:
    return profile("ideal").model_copy(update=efficiencies)


@pytest.mark.parametrize("name", PRINTED)
def test_ridge_points_are_those_of_the_paper(name: str) -> None:
    tflop_per_s, gb_per_s, printed = PRINTED[name]

    ridge = ridge_flop_per_byte(_accelerator(tflop_per_s, gb_per_s), Work(1.0, 1.0, "bf16"))

    assert ridge == pytest.approx(printed, rel=1e-3)


@pytest.mark.parametrize(
    ("name", "printed"), [("a100-sxm-80gb", 153.0), ("h200-sxm", 206.2), ("b200-sxm", 281.3)]
)
def test_catalog_devices_have_the_papers_ridge_points(name: str, printed: float) -> None:
    assert device(name).ridge_flop_per_byte == pytest.approx(printed, rel=1e-3)


def test_the_slower_of_arithmetic_and_memory_counts() -> None:
    # 1 TFLOP at 100 TFLOP/s is 10 ms; 20 GB at 1 TB/s are 20 ms.
    gpu = _accelerator(100, 1000)

    assert seconds(Work(1e12, 1e9, "bf16"), gpu, profile("ideal")) == pytest.approx(10e-3)
    assert seconds(Work(1e12, 20e9, "bf16"), gpu, profile("ideal")) == pytest.approx(20e-3)


def test_efficiencies_divide_and_the_launch_is_added() -> None:
    slow = _profile(compute_efficiency=0.5, memory_efficiency=0.8, kernel_launch_s=3e-6)

    assert seconds(Work(1e12, 0.0, "bf16"), _accelerator(100, 1000), slow) == pytest.approx(
        20e-3 + 3e-6
    )
    assert seconds(Work(0.0, 8e9, "bf16"), _accelerator(100, 1000), slow) == pytest.approx(
        10e-3 + 3e-6
    )


def test_no_work_is_not_launched() -> None:
    slow = _profile(kernel_launch_s=3e-6)
    some = Work(np.array([0.0, 1e12]), np.array([0.0, 1.0]), "bf16")

    assert seconds(Work(0.0, 0.0, "bf16"), _accelerator(100, 1000), slow) == 0.0
    assert seconds(some, _accelerator(100, 1000), slow) == pytest.approx([0.0, 10e-3 + 3e-6])


def test_arrays_cost_what_their_elements_cost() -> None:
    flop, moved = np.array([[1e9, 5e12]]), np.array([[3e9, 4.0]])

    together = seconds(Work(flop, moved, "bf16"), device("h100-sxm"), profile("plain"))

    alone = [
        seconds(Work(float(f), float(b), "bf16"), device("h100-sxm"), profile("plain"))
        for f, b in zip(flop[0], moved[0], strict=True)
    ]
    assert isinstance(together, np.ndarray)
    assert together.tolist() == [alone]


def test_a_type_that_the_device_lacks_is_multiplied_in_the_next_larger() -> None:
    # A100: no fp8, so 8-bit weights save bytes but run at the bf16 rate. H100: fp8, but no fp4.
    in_fp4, in_fp8 = Work(1e15, 0.0, "fp4"), Work(1e15, 0.0, "fp8")

    ideal = profile("ideal")
    assert seconds(in_fp8, device("a100-sxm-80gb"), ideal) == pytest.approx(1e15 / 312e12)
    assert seconds(in_fp4, device("h100-sxm"), ideal) == pytest.approx(1e15 / 1979e12)
    assert seconds(in_fp4, device("b200-sxm"), ideal) == pytest.approx(1e15 / 9000e12)


def test_work_is_bound_by_the_side_of_the_ridge_that_it_is_on() -> None:
    gpu = _accelerator(100, 1000)  # ridge 100

    assert bound(Work(99.0, 1.0, "bf16"), gpu) == "memory"
    assert bound(Work(101.0, 1.0, "bf16"), gpu) == "compute"
    assert intensity(Work(99.0, 3.0, "bf16")) == 33.0
