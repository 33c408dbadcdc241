"""Attention times of arXiv 2507.15465, figures 6 and 8, out of the operators themselves."""

import pytest

from sim.physics.operators import Mla, operators
from sim.physics.roofline import seconds
from sim.physics.sums import StepSums, decode, prefill, total
from sim.spec.scenario import Precision

from .catalog_files import device, model, profile

BF16 = Precision()


def _decoding(batch: int, length: int) -> StepSums:
    return total([decode(float(length))] * batch)


def _attention_s(sums: StepSums, mla: Mla, tp: int = 1) -> dict[str, float]:
    """Seconds of the kernels of one layer of DeepSeek-R1's attention on an ideal B200."""
    return {
        operator.name: float(seconds(operator.work, device("b200-sxm"), profile("ideal")))
        for operator in operators(model("deepseek-r1"), BF16, tp, sums, mla)
        if operator.phase == "attention"
    }


def test_reordering_speeds_decode_up_as_the_paper_says() -> None:
    # Claim of arXiv 2507.15465: 103.12 times at 8192 tokens, 64 requests a device.
    sums = _decoding(64, 8192)

    speed_up = sum(_attention_s(sums, "expanded").values()) / sum(
        _attention_s(sums, "absorbed").values()
    )

    assert speed_up == pytest.approx(103.12, rel=0.03)


def test_decode_not_reordered_splits_as_the_paper_says() -> None:
    # 59 % decompression, 40 % core at 4096 tokens, 128 requests a device.
    times_s = _attention_s(_decoding(128, 4096), "expanded")
    all_s = sum(times_s.values())

    assert times_s["decode decompression"] / all_s == pytest.approx(0.59, abs=0.01)
    assert times_s["decode core"] / all_s == pytest.approx(0.40, abs=0.01)


@pytest.mark.parametrize("length", [1024, 2048, 4096, 8192])
def test_reordering_slows_prefill_down(length: int) -> None:
    # The paper counts every pair, not the causal half.
    full = prefill(float(length))._replace(prefill_pairs=float(length**2))

    ratio = sum(_attention_s(full, "absorbed").values()) / sum(
        _attention_s(full, "expanded").values()
    )

    assert ratio > 1
    if length == 4096:
        assert 2.0 < ratio < 2.3


def test_tensor_parallelism_hardly_helps_reordered_decode() -> None:
    sums = _decoding(64, 8192)

    def speed_up(mla: Mla) -> float:
        return sum(_attention_s(sums, mla).values()) / sum(_attention_s(sums, mla, tp=8).values())

    assert speed_up("absorbed") <= 2.2
    assert speed_up("expanded") >= 7
