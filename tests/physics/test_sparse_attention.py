"""Attention to the tokens that an indexer chooses."""

import pytest

from sim.physics.operators import Operator, operators
from sim.physics.sums import StepSums, decode, prefill
from sim.spec.model import LatentAttention, ModelSpec
from sim.spec.scenario import Precision

from .catalog_files import model

BF16 = Precision()
STEPS = {
    "decode": lambda window: decode(5000.0, window),
    "prefill": lambda window: prefill(3000.0, 1000.0, window),
}


def choosing(tokens: int) -> ModelSpec:
    """DeepSeek-V3.2, whose tokens attend to so many."""
    v32 = model("deepseek-v3.2")
    attention = v32.attention
    assert isinstance(attention, LatentAttention)
    assert attention.sparse is not None
    sparse = attention.sparse.model_copy(update={"tokens": tokens})
    return v32.model_copy(update={"attention": attention.model_copy(update={"sparse": sparse})})


def named(spec: ModelSpec, sums: StepSums) -> dict[str, Operator]:
    """The kernels of attention that have something to do."""
    found = operators(spec, BF16, 1, sums, "absorbed")
    return {one.name: one for one in found if one.phase == "attention" and one.work.bytes > 0}


@pytest.mark.parametrize("name", STEPS)
def test_choosing_all_tokens_is_plain_latent_attention_and_the_indexer(name: str) -> None:
    everything = choosing(10_000)
    plain = named(model("deepseek-v3"), STEPS[name](None))

    sparse = named(everything, STEPS[name](everything.counted_window))

    assert {one: sparse[one] for one in plain} == plain
    assert all("index" in one for one in sparse.keys() - plain.keys())


@pytest.mark.parametrize("name", STEPS)
def test_the_fewer_are_chosen_the_less_the_core_costs_and_scores_cost_the_same(name: str) -> None:
    steps = [
        named(spec, STEPS[name](spec.counted_window))
        for spec in (choosing(64), choosing(2048), choosing(10_000))
    ]

    cores = [float(one[f"{name} core"].work.flop) for one in steps]
    scores = [one[f"{name} index scores"].work for one in steps]
    assert cores == sorted(set(cores))
    assert scores[0] == scores[1] == scores[2]


def test_a_decoding_token_scores_everything_and_reads_2048() -> None:
    v32 = model("deepseek-v3.2")

    found = named(v32, decode(100_000.0, v32.counted_window))

    scores, core = found["decode index scores"].work, found["decode core"].work
    # 64 heads of 128 score keys of 128 elements and a scale; head weights, scores in fp32.
    assert scores.flop == 2 * 64 * 128 * 100_000
    assert scores.bytes == 132 * 100_000 + 64 * 128 + 64 * 4 + 4 * 100_000
    assert scores.arithmetic == "fp8"
    assert core.flop == 2 * 128 * (576 + 512) * 2048
    assert core.bytes == 576 * 2 * 2048 + 128 * (576 + 512) * 2


def test_every_device_of_a_rank_has_the_whole_indexer() -> None:
    v32 = model("deepseek-v3.2")
    sums = decode(5000.0, v32.counted_window)

    whole, eighth = (
        [one for one in operators(v32, BF16, tp, sums) if "index" in one.name] for tp in (1, 8)
    )

    assert whole == eighth
    assert len(whole) == 10  # six of projections, scores and choice of decode and prefill each


def test_prompts_attend_absorbed_too() -> None:
    v32 = model("deepseek-v3.2")

    names = {one.name for one in operators(v32, BF16, 1, prefill(100.0), "auto")}

    assert {"prefill absorption", "prefill value"} <= names
    assert not any("decompression" in name for name in names)
