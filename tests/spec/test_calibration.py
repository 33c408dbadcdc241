import pytest
from pydantic import ValidationError

from sim.catalog.load import load_profile
from sim.spec.calibration import Calibration

CURVE = load_profile("measured").calibrations["h100-sxm"].curves["gemm/bf16"]


@pytest.mark.parametrize(
    "name", ["gemm/bogus", "softmax/bf16", "gqa_decode/bf16/narrow", "gemm/bf16/", ""]
)
def test_a_curve_of_no_kernel_is_refused(name: str) -> None:
    with pytest.raises(ValidationError, match="is no kernel's name"):
        Calibration(curves={name: CURVE}, source="made up")


@pytest.mark.parametrize("name", ["gemm", "gemm/fp8_block", "gqa_decode/bf16/broad/mqa"])
def test_a_curve_may_be_of_a_kind_a_type_or_a_variant(name: str) -> None:
    assert list(Calibration(curves={name: CURVE}, source="made up").curves) == [name]
