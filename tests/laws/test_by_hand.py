"""A sequence that is alone takes the sum of its phases, worked out here from first principles.

Every kernel takes the longer of its arithmetic and its memory traffic; nothing of sim.physics is
called. The device has 2 TFLOP/s and 50 GB/s, an element has 2 bytes.
"""

from collections.abc import Callable

import pytest

from sim.simulation import simulate
from sim.spec.experts import Experts
from sim.spec.model import RoutedExperts
from sim.spec.scenario import Pool
from tests.laws.scenarios import (
    CHUNKED,
    DENSE,
    LATENT,
    WINDOWED,
    engine,
    pool,
    scenario,
    switched,
    work,
)

HOP_S = 0.5e-6
LINK_BYTES_PER_S = 4e9
HIDDEN, VOCABULARY, LAYERS = 128, 1000, 3
OUTPUT_TOKENS = 6

StepSeconds = Callable[[int, float, int, int, bool], float]
"""(tokens, pairs, tokens in the cache, sampled, decodes) -> seconds."""


def kernel(flop: float, bytes_: float) -> float:
    return max(flop / 2e12, bytes_ / 5e10)


def gemm(rows: float, n: int, k: int, count: int = 1) -> float:
    if rows == 0:
        return 0.0
    return kernel(2 * rows * n * k * count, 2 * count * (n * k + rows * (n + k)))


def vector(elements: float) -> float:
    return kernel(0, 2 * elements)


def ends(tokens: int, sampled: int, tp: int) -> float:
    """Embedding (a row in, a row out), last norm, head, and fp32 logits written and read."""
    logits = VOCABULARY // tp
    sampling = kernel(0, sampled * logits * (2 + 4 + 4))
    embedding, norm = vector(2 * HIDDEN * tokens), vector(3 * HIDDEN * tokens)
    return embedding + norm + gemm(sampled, logits, HIDDEN) + sampling


def norm(tokens: int) -> float:
    """Two inputs read, two results written."""
    return vector(4 * HIDDEN * tokens)


def feed_forward(tokens: int, width: int) -> float:
    up, down = gemm(tokens, 2 * width, HIDDEN), gemm(tokens, HIDDEN, width)
    return up + vector(3 * width * tokens) + down


def grouped_attention(tokens: int, pairs: float, cached: int, tp: int) -> float:
    """8 query heads and 2 key heads of 16, over tp devices."""
    heads, kv_heads, size = 8 // tp, 2 // tp, 16
    core = kernel(
        2 * heads * (size + size) * pairs,
        2 * (2 * kv_heads * size) * cached + 2 * heads * (size + size) * tokens,
    )
    return (
        norm(tokens)
        + gemm(tokens, (heads + 2 * kv_heads) * size, HIDDEN)
        + vector(2 * (heads + kv_heads) * size * tokens)  # rotary: in and out
        + vector(2 * 2 * kv_heads * size * tokens)  # to the cache: read and written
        + core
        + gemm(tokens, HIDDEN, heads * size)
    )


def dense_step(tokens: int, pairs: float, cached: int, sampled: int, _: bool) -> float:
    layer = grouped_attention(tokens, pairs, cached, 1) + norm(tokens) + feed_forward(tokens, 256)
    return ends(tokens, sampled, 1) + LAYERS * layer


def windowed_step(tokens: int, pairs: float, cached: int, sampled: int, _: bool) -> float:
    """Two of the three layers attend to the last 16 tokens."""
    before = cached - tokens
    near_pairs = sum(min(before + place + 1, 16) for place in range(tokens))
    near_s = grouped_attention(tokens, near_pairs, min(before, 15) + tokens, 1)
    return two_near_layers(tokens, pairs, cached, sampled, near_s)


def chunked_step(tokens: int, pairs: float, cached: int, sampled: int, _: bool) -> float:
    """Two of the three layers attend to their chunk of 16 tokens."""
    before = cached - tokens
    near_pairs = sum((before + place) % 16 + 1 for place in range(tokens))
    near_s = grouped_attention(tokens, near_pairs, before % 16 + tokens, 1)
    return two_near_layers(tokens, pairs, cached, sampled, near_s)


def two_near_layers(tokens: int, pairs: float, cached: int, sampled: int, near_s: float) -> float:
    rest_s = norm(tokens) + feed_forward(tokens, 256)
    far_s = grouped_attention(tokens, pairs, cached, 1)
    return ends(tokens, sampled, 1) + 2 * (near_s + rest_s) + far_s + rest_s


def all_reduce(tokens: int, *, in_switch: bool) -> float:
    """Of two devices: a ring moves half of the buffer twice, a switch all of it and half again."""
    times = 1.5 if in_switch else 1.0
    return 2 * (2 * HOP_S) + times * tokens * HIDDEN * 2 / LINK_BYTES_PER_S


def split_step(in_switch: bool) -> StepSeconds:
    """The dense model over two devices."""

    def step(tokens: int, pairs: float, cached: int, sampled: int, _: bool) -> float:
        reduce_s = all_reduce(tokens, in_switch=in_switch)
        attention_s = grouped_attention(tokens, pairs, cached, 2)
        layer_s = attention_s + reduce_s + norm(tokens) + feed_forward(tokens, 128) + reduce_s
        # A chunk that ends no prompt samples nothing, and gathers nothing.
        gather_s = (2 * HOP_S + VOCABULARY * 2 / 2 / LINK_BYTES_PER_S) if sampled else 0.0
        return ends(tokens, sampled, 2) + reduce_s + LAYERS * layer_s + gather_s

    return step


def latent_attention(tokens: int, pairs: float, cached: int, decodes: bool) -> float:
    """8 heads: query rank 48, latent 32 and rope 8, nope 16, value 16."""
    common = (
        norm(tokens)
        + gemm(tokens, 48 + 32 + 8, HIDDEN)
        + vector(2 * (48 + 32) * tokens)
        + gemm(tokens, 8 * (16 + 8), 48)
        + vector(2 * (8 + 1) * 8 * tokens)
        + vector(2 * (32 + 8) * tokens)
        + gemm(tokens, HIDDEN, 8 * 16)
    )
    if decodes:  # absorbed: all heads share the latent vector
        absorption, value = gemm(tokens, 32, 16, count=8), gemm(tokens, 16, 32, count=8)
        core = kernel(2 * 8 * (40 + 32) * pairs, 2 * 40 * cached + 2 * 8 * (40 + 32) * tokens)
        return common + absorption + core + value
    decompression = gemm(cached, 8 * (16 + 16), 32)
    core = kernel(
        2 * 8 * (24 + 16) * pairs, 2 * 8 * (24 + 16) * cached + 2 * 8 * (24 + 16) * tokens
    )
    return common + decompression + core


def experts(copies: int, activated: int) -> float:
    weights = 3 * HIDDEN * 64
    return kernel(
        2 * weights * copies, 2 * weights * activated + 2 * (2 * HIDDEN + 4 * 64) * copies
    )


# Four experts, all of which every token chooses, so that nothing is left to chance.
CERTAIN = LATENT.model_copy(
    update={
        "experts": RoutedExperts(
            experts=4,
            experts_per_token=4,
            intermediate_size=64,
            shared_experts=1,
            first_dense_layers=1,
        )
    }
)


def mixture_step(devices: int, copies_sent: int) -> StepSeconds:
    """One dense layer and two of experts; the sequence is on the first device."""

    def step(tokens: int, pairs: float, cached: int, sampled: int, decodes: bool) -> float:
        attention_s = latent_attention(tokens, pairs, cached, decodes)
        router_s = gemm(tokens, 4, HIDDEN) + vector(4 * tokens)
        gate_s = norm(tokens) + router_s + feed_forward(tokens, 64)
        there_s = 2 * HOP_S + copies_sent * tokens * HIDDEN * 2 / LINK_BYTES_PER_S
        exchange_s = 2 * there_s if devices > 1 else 0.0
        experts_s = experts(4 * tokens // devices, 4 // devices)
        dense_layer_s = attention_s + norm(tokens) + feed_forward(tokens, 256)
        expert_layer_s = attention_s + gate_s + exchange_s + experts_s
        return ends(tokens, sampled, 1) + dense_layer_s + 2 * expert_layer_s

    return step


def expected_s(prompt: int, chunk: int, step: StepSeconds) -> tuple[float, float]:
    """TTFT and TPOT of one sequence."""
    ttft_s, done = 0.0, 0
    while done < prompt:
        new = min(chunk, prompt - done)
        pairs = sum(done + place + 1 for place in range(new))
        done += new
        ttft_s += step(new, pairs, done, int(done == prompt), False)
    decode_s = [
        step(1, prompt + token, prompt + token, 1, True) for token in range(1, OUTPUT_TOKENS)
    ]
    return ttft_s, sum(decode_s) / len(decode_s)


CASES = {
    "dense": (DENSE, pool(), "per-expert", dense_step),
    "windowed": (WINDOWED, pool(), "per-expert", windowed_step),
    "chunked": (CHUNKED, pool(), "per-expert", chunked_step),
    "dense over two devices, by ring": (DENSE, pool(2), "per-expert", split_step(False)),
    "dense over two devices, in the switch": (DENSE, pool(2), "per-expert", split_step(True)),
    "experts": (CERTAIN, pool(), "per-expert", mixture_step(1, 0)),
    "experts on two devices": (CERTAIN, pool(1, 2), "per-expert", mixture_step(2, 2)),
    "experts on two devices, once each": (CERTAIN, pool(1, 2), "per-device", mixture_step(2, 1)),
}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize(
    ("prompt", "chunk"), [(1, 2048), (12, 2048), (300, 2048), (2000, 2048), (100, 64)]
)
@pytest.mark.parametrize("fidelity", ["auto", "layer"])
def test_one_sequence_alone_takes_the_sum_of_its_phases(
    case: str, prompt: int, chunk: int, fidelity: str
) -> None:
    model, made_of, protocol, step = CASES[case]
    ttft_s, tpot_s = expected_s(prompt, chunk, step)
    in_switch = case.endswith("in the switch")

    run = simulate(
        scenario(
            model,
            made_of,
            on=switched(1, 2, reduces=in_switch),
            engine=engine(max_step_tokens=chunk, all_reduce="in-switch" if in_switch else "ring"),
            experts=Experts.model_validate({"dispatch": protocol}),
            workload=work(1, prompt=prompt, output=OUTPUT_TOKENS),
            fidelity=fidelity,
        )
    )

    row = run.requests.iloc[0]
    assert row["ttft_s"] == pytest.approx(ttft_s, rel=1e-9)
    assert row["tpot_s"] == pytest.approx(tpot_s, rel=1e-9)
    assert isinstance(made_of, Pool)


def test_the_hand_arithmetic_sees_both_roofs() -> None:
    # A long prompt is bound by arithmetic somewhere, a decoding token nowhere.
    assert kernel(2 * 2000 * 512 * 128, 2 * (512 * 128 + 2000 * 640)) == 2 * 2000 * 512 * 128 / 2e12
    assert gemm(1, 512, 128) == 2 * (512 * 128 + 640) / 5e10
