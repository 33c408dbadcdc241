"""A sequence that is alone in a model with linear layers, or with chosen tokens, from its formulas.

As in `test_by_hand`, nothing of sim.physics is called. The device multiplies 8 bits as fast as 16.
"""

import pytest

from sim.simulation import check, simulate
from tests.laws.attention_models import HYBRID, SPARSE
from tests.laws.scenarios import engine, pool, scenario, switched, work
from tests.laws.test_by_hand import (
    HIDDEN,
    LAYERS,
    OUTPUT_TOKENS,
    ends,
    expected_s,
    feed_forward,
    gemm,
    grouped_attention,
    kernel,
    latent_attention,
    norm,
    vector,
)

TOKENS = 16
"""That a token of the sparse model attends to."""


def linear_attention(tokens: int, decodes: bool) -> float:
    """4 key heads of 8, 8 value heads of 16; a convolution of 4 tokens; chunks of 64."""
    convolved, values = 2 * 4 * 8 + 8 * 16, 8 * 16
    rows_bytes, matrix = 2 * (convolved + values), 8 * 8 * 16
    convolution_s = vector(2 * convolved * tokens + 2 * 3 * convolved + 4 * convolved)
    if decodes:
        state_s = kernel(2 * 3 * matrix, 2 * 4 * matrix + rows_bytes)
    else:
        state_s = kernel(
            2 * 8 * (64 * (3 * 8 + 2 * 16) + 3 * 8 * 16) * tokens,
            rows_bytes * tokens + 2 * 4 * matrix,
        )
    return (
        norm(tokens)
        + gemm(tokens, convolved + values, HIDDEN)
        + gemm(tokens, 2 * 8, HIDDEN)  # decay and step size
        + convolution_s
        + state_s
        + vector(3 * values * tokens)
        + gemm(tokens, HIDDEN, values)
    )


def hybrid_step(tokens: int, pairs: float, cached: int, sampled: int, decodes: bool) -> float:
    """Two layers are linear; the queries of the third come with a gate."""
    columns = (8 + 2 * 2) * 16
    gate_s = gemm(tokens, columns + 8 * 16, HIDDEN) - gemm(tokens, columns, HIDDEN)
    full_s = grouped_attention(tokens, pairs, cached, 1) + gate_s + vector(3 * 8 * 16 * tokens)
    rest_s = LAYERS * (norm(tokens) + feed_forward(tokens, 256))
    return ends(tokens, sampled, 1) + 2 * linear_attention(tokens, decodes) + full_s + rest_s


def indexer(tokens: int, pairs: float, cached: int, chosen: float) -> float:
    """4 heads of 16 score 16 elements and a scale of 4 bytes for each token in the cache."""
    written_bytes = (5 * 16 * (2 + 1) + 5 * 4) * tokens
    return (
        gemm(tokens, 4 * 16, 48)
        + gemm(tokens, 16, HIDDEN)
        + gemm(tokens, 4, HIDDEN)
        + vector(2 * 16 * tokens)
        + vector(2 * (4 + 1) * 8 * tokens)
        + kernel(0, written_bytes)
        + kernel(2 * 64 * pairs, (16 + 4) * cached + (64 + 4 * 4) * tokens + 4 * pairs)
        + kernel(0, 4 * pairs + 4 * chosen)
    )


def sparse_step(tokens: int, pairs: float, cached: int, sampled: int, decodes: bool) -> float:
    """Every layer attends to 16 tokens at most, absorbed, and feeds forward densely."""
    before = cached - tokens
    chosen = sum(min(before + place + 1, TOKENS) for place in range(tokens))
    read = min(cached, TOKENS) if decodes else cached
    attention_s = latent_attention(tokens, chosen, read, True)
    layer_s = attention_s + indexer(tokens, pairs, cached, chosen)
    rest_s = norm(tokens) + feed_forward(tokens, 256)
    return ends(tokens, sampled, 1) + LAYERS * (layer_s + rest_s)


CASES = {
    "hybrid": (HYBRID, hybrid_step),
    "sparse": (SPARSE.model_copy(update={"experts": None}), sparse_step),
}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize(("prompt", "chunk"), [(1, 2048), (12, 2048), (300, 2048), (100, 64)])
@pytest.mark.parametrize("fidelity", ["auto", "layer"])
def test_one_sequence_alone_takes_the_sum_of_its_phases(
    case: str, prompt: int, chunk: int, fidelity: str
) -> None:
    model, step = CASES[case]
    ttft_s, tpot_s = expected_s(prompt, chunk, step)

    run = simulate(
        scenario(
            model,
            on=switched(1, 2),
            engine=engine(max_step_tokens=chunk),
            workload=work(1, prompt=prompt, output=OUTPUT_TOKENS),
            fidelity=fidelity,
        )
    )

    row = run.requests.iloc[0]
    assert row["ttft_s"] == pytest.approx(ttft_s, rel=1e-9)
    assert row["tpot_s"] == pytest.approx(tpot_s, rel=1e-9)


@pytest.mark.parametrize("tp", [1, 2])
def test_states_take_their_room_from_the_cache(tp: int) -> None:
    # Two layers of 8 matrices of 8 x 16 in fp32, and of three tokens with 192 elements in 16 bits.
    of_sequence = 2 * (8 * 8 * 16 * 4 + 3 * 192 * 2) / tp

    few, many = (
        check(scenario(HYBRID, pool(tp), engine=engine(max_sequences=count))).replicas[0].footprint
        for count in (1, 8)
    )

    assert many.state_bytes == 8 * of_sequence
    # Beside the states, seven sequences more need their logits in fp32.
    assert few.kv_bytes - many.kv_bytes == pytest.approx(7 * (of_sequence + 4 * 1000 / tp))
