"""The work of single kernels: the same functions price a measured kernel and a model's operator.

The functions named in `KERNELS` take exactly the parameters under which kernels are measured.
Counted are matrix multiplications (2 FLOP a multiply-add) and each operand once on its way from or
to memory. Left out: softmax and other vector arithmetic, the scales of quantised blocks, a second
read of keys and values where a long prefill does not fit on the chip.
"""

from collections.abc import Callable

from sim.physics.cores import attention, expanded_core, grouped_core, latent_core
from sim.physics.grids import (
    MEASURED_TYPE,
    expert_grid,
    expert_kernel,
    product_grid,
    product_kernel,
)
from sim.physics.skew import busiest_rank
from sim.physics.sums import causal_pairs
from sim.physics.work import Real, Work, where_any
from sim.spec.device import ELEMENT_BYTES, ElementType

ELEMENT_OF_DTYPE: dict[str, ElementType] = {
    "bfloat16": "bf16",
    "float16": "bf16",
    "fp8_block": "fp8",
    "nvfp4": "fp4",
    "fp32": "fp32",
    "bf16": "bf16",
    "fp8": "fp8",
    "fp4": "fp4",
}


def product_of(
    n: float,
    k: float,
    weights: ElementType,
    activations: ElementType = "bf16",
    batches: float = 1.0,
) -> Callable[[Real], Work]:
    """`batches` products of m rows of activations with a k x n matrix of weights each, by m."""
    flop_per_row = 2 * batches * n * k
    weight_bytes = batches * n * k * ELEMENT_BYTES[weights]
    row_bytes = batches * (n + k) * ELEMENT_BYTES[activations]
    kernel, grid_of = product_kernel(weights), product_grid(n, k, weights, batches)

    def work(m: Real) -> Work:
        moved = row_bytes * m + where_any(m, weight_bytes)
        return Work(flop_per_row * m, moved, weights, kernel, grid_of(m))

    return work


def product(
    m: Real,
    n: float,
    k: float,
    weights: ElementType,
    activations: ElementType = "bf16",
    batches: float = 1.0,
) -> Work:
    """The same for m rows."""
    return product_of(n, k, weights, activations, batches)(m)


def grouped_product(
    tokens: Real,
    activated_experts: Real,
    hidden: float,
    intermediate: float,
    weights: ElementType,
    activations: ElementType = "bf16",
    matrices: int = 3,
    kernel: str = "",
) -> Work:
    """Routed experts on one device: `tokens` copies over the experts that got any.

    `matrices` are gate, up and down, or up and down. In between, rows are written and read.
    """
    size = matrices * hidden * intermediate
    row_elements = 2 * hidden + (2 * matrices - 2) * intermediate
    return Work(
        flop=2 * size * tokens,
        bytes=size * ELEMENT_BYTES[weights] * activated_experts
        + row_elements * ELEMENT_BYTES[activations] * tokens,
        arithmetic=weights,
        kernel=kernel,
        grid=expert_grid(tokens, activated_experts, hidden, intermediate, matrices),
    )


def elementwise(elements: Real, element: ElementType) -> Work:
    """Vector arithmetic on so many elements read or written: it hides behind their traffic."""
    return Work(0.0, elements * ELEMENT_BYTES[element], element)


def gemm(m: Real, n: float, k: float, dtype: str) -> Work:
    """Multiply m x k with k x n, both in `dtype`; the result in 16 bits."""
    element = ELEMENT_OF_DTYPE[dtype]
    in_16_bits = product(m, n, k, element)
    saved = (2.0 - ELEMENT_BYTES[element]) * k * m if element in ("fp8", "fp4") else 0.0
    return Work(
        in_16_bits.flop,
        in_16_bits.bytes - saved,
        element,
        f"gemm/{MEASURED_TYPE[dtype]}",
        in_16_bits.grid,
    )


def gqa_decode(
    batch: Real, kv_tokens: Real, heads: int, kv_heads: int, head_dim: int, kv_dtype: str
) -> Work:
    """One new token of each of `batch` sequences with `kv_tokens` in the cache."""
    core = grouped_core(heads, kv_heads, head_dim)
    work = attention("gqa_decode", core, ELEMENT_OF_DTYPE[kv_dtype])
    return work(batch, batch, batch * kv_tokens, batch * kv_tokens)


def gqa_prefill(
    batch: Real,
    new_tokens: Real,
    prefix_tokens: Real,
    heads: int,
    kv_heads: int,
    head_dim: int,
    kv_dtype: str,
    *,
    causal: bool = True,
) -> Work:
    """`new_tokens` of each of `batch` sequences after a cached prefix."""
    core = grouped_core(heads, kv_heads, head_dim)
    pairs, kv_tokens = _prefill_sums(new_tokens, prefix_tokens, causal)
    work = attention("gqa_prefill", core, ELEMENT_OF_DTYPE[kv_dtype])
    return work(batch * new_tokens, batch, batch * pairs, batch * kv_tokens)


def mla_decode(
    batch: Real, kv_tokens: Real, heads: int, kv_rank: int, rope_dim: int, kv_dtype: str
) -> Work:
    """Absorbed latent attention of one new token a sequence, without the projections."""
    core = latent_core(heads, kv_rank, rope_dim)
    work = attention("mla_decode", core, ELEMENT_OF_DTYPE[kv_dtype])
    return work(batch, batch, batch * kv_tokens, batch * kv_tokens)


def mla_prefill(
    batch: Real,
    new_tokens: Real,
    prefix_tokens: Real,
    heads: int,
    qk_dim: int,
    v_dim: int,
    kv_dtype: str,
) -> Work:
    """Latent attention with keys and values decompressed, causal, without the projections."""
    core = expanded_core(heads, qk_dim, v_dim)
    pairs, kv_tokens = _prefill_sums(new_tokens, prefix_tokens, causal=True)
    work = attention("mla_prefill", core, ELEMENT_OF_DTYPE[kv_dtype])
    return work(batch * new_tokens, batch, batch * pairs, batch * kv_tokens)


def moe_experts(
    group_tokens: float,
    hidden: int,
    intermediate: int,
    experts: int,
    top_k: int,
    tp: int,
    ep: int,
    dtype: str,
    distribution: str,
) -> Work:
    """The busiest of `ep` ranks when `group_tokens` tokens choose `top_k` experts each."""
    tokens, activated = busiest_rank(group_tokens, experts, top_k, ep, distribution)
    kernel = expert_kernel(MEASURED_TYPE[dtype], experts)
    element = ELEMENT_OF_DTYPE[dtype]
    return grouped_product(tokens, activated, hidden, intermediate / tp, element, kernel=kernel)


KERNELS: dict[str, Callable[..., Work]] = {
    "gemm": gemm,
    "gqa_decode": gqa_decode,
    "gqa_prefill": gqa_prefill,
    "mla_decode": mla_decode,
    "mla_prefill": mla_prefill,
    "moe_experts": moe_experts,
}
"""The work of each kind of measured kernel, from its parameters."""


def _prefill_sums(new_tokens: Real, prefix_tokens: Real, causal: bool) -> tuple[Real, Real]:
    kv_tokens = prefix_tokens + new_tokens
    pairs = causal_pairs(new_tokens, prefix_tokens) if causal else new_tokens * kv_tokens
    return pairs, kv_tokens
