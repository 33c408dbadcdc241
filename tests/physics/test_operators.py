"""A step of a model: sums stand for sequences, and weights are read once."""

import timeit
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.physics.operators import Mla, Operator, expert_operators, operators
from sim.physics.parameters import tensors
from sim.physics.roofline import intensity, seconds
from sim.physics.sums import StepSums, decode, prefill, total
from sim.spec.model import ModelSpec, Window
from sim.spec.scenario import Precision

from .catalog_files import device, model, profile

BF16 = Precision()
MODELS = [
    "llama-3.1-8b",
    "gpt-3-175b",
    "deepseek-r1",
    "mixtral-8x7b",
    "qwen3-30b-a3b",
    "gpt-oss-20b",
    "grok-1",
    "deepseek-v3.2",
    "qwen3-next-80b-a3b",
]
WAYS: list[Mla] = ["auto", "absorbed", "expanded"]

WINDOW = Window(tokens=64, layers=20)

sequences = st.lists(
    st.one_of(
        st.builds(decode, st.integers(1, 300), st.just(WINDOW)),
        st.builds(prefill, st.integers(1, 300), st.integers(0, 300), st.just(WINDOW)),
    ),
    min_size=1,
    max_size=5,
)


def _windowed(spec: ModelSpec) -> ModelSpec:
    """Twenty layers see 64 tokens only, where the attention can be windowed at all."""
    if spec.attention.kind == "mla" or spec.linear is not None:
        return spec
    return spec.model_copy(update={"window": WINDOW})


def _decoding(batch: int, length: int) -> StepSums:
    return total([decode(float(length))] * batch)


def _sum(found: Sequence[Operator], what: str) -> float:
    return float(sum(getattr(operator.work, what) * operator.layers for operator in found))


def _weights_read(spec: ModelSpec, tp: int, sums: StepSums, mla: Mla = "auto") -> list[float]:
    """Bytes of each kernel that do not grow with the batch: twice once, less once doubled."""
    once = operators(spec, BF16, tp, sums, mla)
    doubled = operators(spec, BF16, tp, total([sums, sums]), mla)
    return [float(2 * a.work.bytes - b.work.bytes) for a, b in zip(once, doubled, strict=True)]


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("mla", WAYS)
@settings(max_examples=15, deadline=None)
@given(parts=sequences)
def test_a_step_is_its_sequences_one_by_one_with_the_weights_read_once(
    name: str, mla: Mla, parts: list[StepSums]
) -> None:
    spec = _windowed(model(name))
    alone = [operators(spec, BF16, 1, part, mla) for part in parts]
    weights = _weights_read(spec, 1, total(parts), mla)

    together = operators(spec, BF16, 1, total(parts), mla)

    for index, operator in enumerate(together):
        works = [one[index].work for one in alone]
        launched = sum(work.bytes > 0 for work in works)
        again = weights[index] * max(0, launched - 1)
        assert operator.work.flop == pytest.approx(sum(work.flop for work in works))
        assert operator.work.bytes == pytest.approx(sum(work.bytes for work in works) - again)


@pytest.mark.parametrize("name", MODELS)
def test_the_products_of_a_step_read_every_weight_once(name: str) -> None:
    spec = model(name)
    found = operators(spec, BF16, 1, _decoding(1, 1), "absorbed")
    read = _weights_read(spec, 1, _decoding(1, 1), "absorbed")

    read_bytes = sum(moved * one.layers for moved, one in zip(read, found, strict=True))

    rows_only = {"positions", "routed experts"} | (set() if spec.tied_embeddings else {"embedding"})
    products = [
        tensor.elements
        for tensor in tensors(spec)
        if "norm" not in tensor.name and "bias" not in tensor.name and tensor.name not in rows_only
    ]
    assert read_bytes == pytest.approx(2 * sum(products), rel=1e-9)


@pytest.mark.parametrize("name", ["llama-3.1-70b", "gpt-3-175b"])
def test_tp_splits_flop_and_weights_of_a_dense_model_evenly(name: str) -> None:
    sums = total([_decoding(3, 500), prefill(100.0, 20.0)])
    whole, eighth = (operators(model(name), BF16, tp, sums) for tp in (1, 8))

    assert _sum(eighth, "flop") == pytest.approx(_sum(whole, "flop") / 8)
    assert sum(_weights_read(model(name), 8, sums, "auto")) == pytest.approx(
        sum(_weights_read(model(name), 1, sums, "auto")) / 8
    )


def test_beyond_the_kv_heads_tp_leaves_the_cache_traffic_as_it_is() -> None:
    def cache_bytes(tp: int) -> float:
        found = operators(model("llama-3.1-8b"), BF16, tp, _decoding(1, 10**6))
        return float(next(one.work.bytes for one in found if one.kernel == "gqa_decode"))

    assert cache_bytes(8) == pytest.approx(cache_bytes(1) / 8, rel=1e-3)
    assert cache_bytes(32) == pytest.approx(cache_bytes(8), rel=1e-3)


def test_flop_of_a_dense_token_are_two_a_weight() -> None:
    # Kaplan et al. (arXiv 2001.08361): 2 N forward, N without the embedding's table.
    spec = model("llama-3.1-8b")
    found = operators(spec, BF16, 1, _decoding(1, 1))

    weights = 8_030_261_248 - 128_256 * 4096 - 65 * 4096
    pairs_flop = 32 * 4 * 32 * 128
    assert _sum(found, "flop") == 2 * weights + pairs_flop


def test_windowed_layers_read_their_window_and_the_others_everything() -> None:
    found = operators(_windowed(model("llama-3.1-8b")), BF16, 1, total([decode(1000.0, WINDOW)]))
    cores = [one for one in found if one.kernel == "gqa_decode"]

    query_and_context = 2 * 2 * 32 * 128
    assert [(one.layers, one.work.bytes) for one in cores] == [
        (12, 1000 * 4096 + query_and_context),
        (20, 64 * 4096 + query_and_context),
    ]


def test_expanded_prefill_decompresses_the_cached_prefix_too() -> None:
    found = operators(model("deepseek-r1"), BF16, 1, prefill(100.0, 900.0), "expanded")
    decompression = next(one for one in found if one.name == "prefill decompression")

    assert decompression.work.flop == 2 * 1000 * 512 * 128 * (128 + 128)


def test_auto_decodes_absorbed_and_prefills_expanded() -> None:
    sums = total([decode(10.0), prefill(5.0)])
    launched = {
        one.kernel for one in operators(model("deepseek-r1"), BF16, 1, sums) if one.work.bytes > 0
    }
    names = {one.name for one in operators(model("deepseek-r1"), BF16, 1, sums)}

    assert {"mla_decode", "mla_prefill"} <= launched
    assert {"decode absorption", "prefill decompression"} <= names
    assert not {"prefill absorption", "decode decompression"} & names


def test_8_bit_weights_multiply_in_8_bits_but_head_and_router_in_16() -> None:
    found = operators(model("deepseek-r1"), Precision(weights="fp8"), 1, _decoding(4, 100))
    types = {one.name: one.work.arithmetic for one in found if one.kernel == "gemm"}

    assert types.pop("head") == types.pop("router") == "bf16"
    assert set(types.values()) == {"fp8"}


def test_attention_multiplies_in_the_type_of_the_cache() -> None:
    found = operators(model("llama-3.1-8b"), Precision(kv="fp8"), 1, _decoding(4, 100))

    assert {one.work.arithmetic for one in found if one.kernel == "gqa_decode"} == {"fp8"}


def test_only_sampled_tokens_reach_the_head() -> None:
    found = operators(model("llama-3.1-8b"), BF16, 1, prefill(512.0, samples=False))

    assert {one.name: one.work.bytes for one in found}["head"] == 0


@pytest.mark.parametrize("name", MODELS)
def test_an_empty_rank_has_no_work(name: str) -> None:
    found = operators(model(name), BF16, 1, StepSums())

    assert _sum(found, "flop") == _sum(found, "bytes") == 0


@pytest.mark.parametrize("name", MODELS)
def test_many_steps_at_once_cost_what_they_cost_alone(name: str) -> None:
    steps = [StepSums(), _decoding(3, 77), total([_decoding(2, 9), prefill(100.0, 20.0)])]
    columns = StepSums(
        *(np.array([float(value) for value in row]) for row in zip(*steps, strict=True))
    )

    together = operators(model(name), BF16, 2, columns)

    for index, step in enumerate(steps):
        for many, one in zip(together, operators(model(name), BF16, 2, step), strict=True):
            at_once = seconds(many.work, device("h100-sxm"), profile("plain"))
            alone = seconds(one.work, device("h100-sxm"), profile("plain"))
            assert np.broadcast_to(at_once, 3)[index] == alone, one.name


def test_experts_read_the_weights_of_the_activated_and_gain_intensity_with_their_tokens() -> None:
    # Intensity of experts is tokens an expert, as long as weights dominate.
    (operator,) = expert_operators(model("deepseek-r1"), BF16, 80.0, 8.0)

    assert operator.work.flop == 2 * 44_040_192 * 80
    assert intensity(operator.work) == pytest.approx(10, rel=0.01)
    assert operator.layers == 58


def test_experts_of_each_layer_and_device_are_priced_at_once() -> None:
    tokens, activated = np.array([[80.0, 0.0], [7.0, 3.0]]), np.array([[8.0, 0.0], [7.0, 2.0]])
    (operator,) = expert_operators(model("mixtral-8x7b"), BF16, tokens, activated, expert_tp=2)

    time_s = seconds(operator.work, device("h100-sxm"), profile("plain"))

    assert isinstance(time_s, np.ndarray)
    assert time_s.shape == (2, 2)
    assert time_s[0, 1] == 0


def test_pricing_a_dense_step_takes_microseconds() -> None:
    # The bar is 150 us on an idle machine; shared cores get four times that.
    spec, h100, plain, sums = (
        model("llama-3.1-8b"),
        device("h100-sxm"),
        profile("plain"),
        _decoding(64, 1000),
    )

    def price() -> float:
        found = operators(spec, BF16, 1, sums)
        return float(sum(seconds(one.work, h100, plain) * one.layers for one in found))

    assert min(timeit.repeat(price, number=20, repeat=5)) / 20 < 4 * 150e-6
