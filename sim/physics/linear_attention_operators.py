"""The kernels of linear attention: a state for each sequence in the place of its tokens.

The gated delta rule of Yang, Kautz and Hatamizadeh (arXiv 2412.06464), as Qwen3-Next and Qwen3.5
have it. A decoding sequence reads and writes its state once. A prompt is computed in chunks of 64
tokens, between which the state is handed on. Tensor parallelism splits heads.
"""

from sim.physics.kernels import elementwise, product
from sim.physics.parameters import STATE_ELEMENT
from sim.physics.sums import StepSums, SumsOperator
from sim.physics.work import Operator, Real, Work, where_any
from sim.spec.device import ELEMENT_BYTES
from sim.spec.model import LinearAttention, ModelSpec
from sim.spec.scenario import Precision

_CHUNK_TOKENS = 64
"""Of the kernels of flash-linear-attention and FlashInfer, which vLLM and SGLang run."""
_STATE_BYTES = ELEMENT_BYTES[STATE_ELEMENT]


def linear_projections(
    model: ModelSpec, shape: LinearAttention, precision: Precision, tp: int, tokens: Real
) -> list[Operator]:
    """The kernels of the linear layers that see nothing but tokens, without the norm before."""
    weights, element, hidden = precision.weights, precision.activations, model.hidden_size
    values = shape.value_elements / tp
    into = (shape.convolved_elements + shape.value_elements) / tp
    gates = product(tokens, 2 * shape.value_heads / tp, hidden, element, element)
    works = [
        ("qkv and output gate", "gemm", product(tokens, into, hidden, weights, element)),
        # Decay and step size of each head stay in the activations' type, as published.
        ("decay and step size", "gemm", gates),
        ("gated norm", "elementwise", elementwise(3 * values * tokens, element)),
        ("linear output", "gemm", product(tokens, hidden, values, weights, element)),
    ]
    return [
        Operator(name, "linear attention", shape.layers, kernel, work)
        for name, kernel, work in works
    ]


def linear_cores(shape: LinearAttention, precision: Precision, tp: int) -> list[SumsOperator]:
    """Convolution and states, which go by sequences too."""

    def convolution(sums: StepSums) -> Work:
        return _convolution(shape, precision, tp, sums)

    def decoding(sums: StepSums) -> Work:
        return recurrent_update(shape, precision, tp, sums.decode_tokens)

    def prefilling(sums: StepSums) -> Work:
        return chunked_scan(shape, precision, tp, sums.prefill_tokens, sums.prefill_sequences)

    return [
        SumsOperator("convolution", "linear attention", shape.layers, "elementwise", convolution),
        SumsOperator("decode state", "linear attention", shape.layers, "gdn_decode", decoding),
        SumsOperator(
            "prefill state", "linear attention", shape.layers, "gdn_prefill", prefilling, True
        ),
    ]


def recurrent_update(
    shape: LinearAttention, precision: Precision, tp: int, sequences: Real
) -> Work:
    """One new token of each of these sequences, in one layer.

    Three products of a vector with each head's matrix S: what the key finds in it (S k), the
    correction added to it (an outer product with k), and what the query finds then (S q). S is read
    and written once.
    """
    heads, key, value = shape.value_heads / tp, shape.key_size, shape.value_size
    rows = _rows_bytes(shape, precision, tp)
    return Work(
        flop=2 * 3 * heads * key * value * sequences,
        bytes=(2 * heads * key * value * _STATE_BYTES + rows) * sequences,
        arithmetic=precision.activations,
    )


def chunked_scan(
    shape: LinearAttention, precision: Precision, tp: int, tokens: Real, sequences: Real
) -> Work:
    """The prompt tokens of a step in chunks of C, in one layer.

    The paper's chunked form, for each head and token: K K', Q K' and W = T K are 3 C d_k
    multiply-adds, U = T V and (Q K') V are 2 C d_v, and W S, Q S and K' V (with the state S)
    are 3 d_k d_v. Fused, as attention is: moved are rows in and out, and the state of each sequence
    before and after; nothing in between. Left out: T, the inverse of a triangle of C x C, whose
    C^2 / 3 are less than 2 % of that at d_k = d_v = 128.
    """
    heads, key, value = shape.value_heads / tp, shape.key_size, shape.value_size
    multiply_adds = _CHUNK_TOKENS * (3 * key + 2 * value) + 3 * key * value
    state_bytes = 2 * heads * key * value * _STATE_BYTES
    return Work(
        flop=2 * heads * multiply_adds * tokens,
        bytes=_rows_bytes(shape, precision, tp) * tokens + state_bytes * sequences,
        arithmetic=precision.activations,
    )


def _rows_bytes(shape: LinearAttention, precision: Precision, tp: int) -> float:
    """Query, key, value, and what comes out, of one token."""
    elements = shape.convolved_elements + shape.value_elements
    return elements / tp * ELEMENT_BYTES[precision.activations]


def _convolution(shape: LinearAttention, precision: Precision, tp: int, sums: StepSums) -> Work:
    """Its rows, weights, and the last tokens of each sequence, which are read and written."""
    channels = shape.convolved_elements / tp
    tokens = sums.decode_tokens + sums.prefill_tokens
    sequences = sums.decode_tokens + sums.prefill_sequences
    kept = 2 * (shape.convolution_tokens - 1) * channels * sequences
    weights = where_any(tokens, shape.convolution_tokens * channels)
    return elementwise(2 * channels * tokens + kept + weights, precision.activations)
