"""How kernels are cut into blocks, and by which measured kernel's curve each is priced.

Engines have several kernels for one operation and choose by shape; those that behave differently
are told apart here and have curves of their own. Tile sizes are not those of one kernel, of which
libraries have hundreds, but those with which the curves fit measured times best (A100, H100 and
H200 in aiconfigurator-core 0.12.0).
"""

from collections.abc import Callable, Mapping
from math import ceil, log2
from typing import NamedTuple

from sim.physics.work import Grid, Real
from sim.spec.device import ElementType

MEASURED_TYPE: Mapping[str, str] = {
    "bfloat16": "bf16",
    "float16": "bf16",
    "bf16": "bf16",
    "fp8": "fp8",
    "fp8_block": "fp8_block",
    "nvfp4": "fp4",
    "fp4": "fp4",
    "fp32": "fp32",
}
"""The type in the name of a curve, by the type under which a kernel is measured."""
WEIGHT_TYPE: Mapping[ElementType, str] = {
    "fp32": "fp32",
    "bf16": "bf16",
    "fp8": "fp8_block",
    "fp4": "fp4",
}
"""The same for a model's weights: those in fp8 are scaled block by block, as DeepSeek's are."""

_PRODUCT_KERNELS = {element: f"gemm/{name}" for element, name in WEIGHT_TYPE.items()}
_STAGED = ("fp8", "fp4")
"""Types to which activations, which flow in 16 bits, are brought for each product."""
_TILE_ROWS, _TILE_COLUMNS = 32.0, 64.0
_EXPERT_TILE_ROWS, _EXPERT_TILE_COLUMNS = 16.0, 128.0
_FEW_EXPERTS = 8
QUERY_TILE_TOKENS = 128.0
_LATENT_TILE_HEADS = 16.0
_WIDEST_GROUP, _BROAD_GROUP = 32, 8
_LEAST_GROUP_ROWS = 8
_GROUP_ELEMENTS = 2048.0
_FAST_HEAD_SIZE = 128


def product_kernel(weights: ElementType) -> str:
    """Of a product with a model's weights."""
    return _PRODUCT_KERNELS[weights]


def product_grid(
    n: float, k: float, weights: ElementType, batches: float
) -> Callable[[Real], Grid]:
    """Tiles of the result, each of which loops over k; by rows."""
    columns, steps = ceil(n / _TILE_COLUMNS), batches * k
    staged_per_row = steps if weights in _STAGED else 0.0

    def grid(m: Real) -> Grid:
        rows = m if batches == 1 else batches * m
        staged = staged_per_row * m if staged_per_row else 0.0
        return Grid(batches, columns, steps, rows, _TILE_ROWS, staged)

    return grid


def expert_kernel(weights: str, experts: int) -> str:
    """Grouped products; for the few experts of Mixtral and its like engines have tuned ones."""
    return f"moe_experts/{weights}/{'few' if experts <= _FEW_EXPERTS else 'many'}"


def expert_grid(
    tokens: Real, activated_experts: Real, hidden: float, intermediate: float, matrices: int
) -> Grid:
    """Tiles of both products of each expert with tokens."""
    columns = ((matrices - 1) * intermediate + hidden) / _EXPERT_TILE_COLUMNS
    steps = (hidden + intermediate) * activated_experts
    return Grid(activated_experts, columns, steps, tokens, _EXPERT_TILE_ROWS)


class AttentionKernel(NamedTuple):
    """A measured kernel of attention."""

    name: str
    blocks_each: float
    """Of a query that decodes, or of a tile of a prompt's queries."""
    is_tiled: bool
    """Queries of a sequence share blocks, as in prefill; else each is by itself."""


def attention_kernel(
    kind: str, heads: float, kv_heads: float, head_size: int, kv: str
) -> AttentionKernel:
    """The kernel that engines choose for this shape; `kind` is its measured kind."""
    if kind == "gqa_decode":
        return _grouped_decode(heads, kv_heads, head_size, kv)
    if kind == "mla_decode":
        return AttentionKernel(f"{kind}/{kv}", max(1.0, heads / _LATENT_TILE_HEADS), is_tiled=False)
    return AttentionKernel(f"{kind}/{kv}", heads, is_tiled=True)


def _grouped_decode(heads: float, kv_heads: float, head_size: int, kv: str) -> AttentionKernel:
    """wide: so many heads share a key that the engine falls back to a block a head.

    single: nothing is shared, or (in fp8) heads are too small for the fast kernel. broad: more
    than the rows of a tile share one. mqa: all on the device share one, for which some engines need
    not rearrange. A block's fixed cost grows with its rows and their size.
    """
    group = heads / kv_heads
    if group > _WIDEST_GROUP:
        return AttentionKernel(f"gqa_decode/{kv}/wide", heads, is_tiled=False)
    rows = max(_LEAST_GROUP_ROWS, 2 ** ceil(log2(group))) if group > 1 else _LEAST_GROUP_ROWS
    blocks = kv_heads * (1 + rows * head_size / _GROUP_ELEMENTS)
    name = "broad" if group > _BROAD_GROUP else "grouped"
    if group <= 1 or (kv == "fp8" and head_size < _FAST_HEAD_SIZE):
        name = "single"
    elif kv_heads <= 1:
        name += "/mqa"
    return AttentionKernel(f"gqa_decode/{kv}/{name}", blocks, is_tiled=False)
