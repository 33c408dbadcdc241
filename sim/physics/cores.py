"""The work of attention proper, between the projections: scores and context, fused."""

from collections.abc import Callable
from typing import NamedTuple

from sim.physics.grids import QUERY_TILE_TOKENS, attention_kernel
from sim.physics.work import Grid, Real, Work
from sim.spec.device import ELEMENT_BYTES, ElementType


class Core(NamedTuple):
    """The shape of attention proper, between the projections, on one device."""

    heads: float
    query_size: int
    """Of a query, and of the key that it is multiplied with."""
    value_size: int
    kv_elements: float
    """Read for each token attended to, once for all heads that share it."""
    kv_heads: float
    """That share none."""


def grouped_core(heads: float, kv_heads: float, head_size: int) -> Core:
    """Heads in groups that share a key and a value."""
    return Core(heads, head_size, head_size, 2 * kv_heads * head_size, kv_heads)


def latent_core(heads: float, kv_rank: int, rope_size: int) -> Core:
    """Absorbed latent attention: one vector, read once, is key and value of every head."""
    return Core(heads, kv_rank + rope_size, kv_rank, kv_rank + rope_size, 1)


def expanded_core(heads: float, query_size: int, value_size: int) -> Core:
    """Latent attention with a decompressed key and value for each head."""
    return Core(heads, query_size, value_size, heads * (query_size + value_size), heads)


AttentionWork = Callable[[Real, Real, Real, Real], Work]
"""Of so many queries of so many sequences, of pairs of a query and what it attends to, and of
tokens read."""


def attention(
    kind: str, core: Core, kv: ElementType, activations: ElementType = "bf16"
) -> AttentionWork:
    """Fused attention: score and context in one pass, nothing in between.

    `kind` is that of the measured kernel. What does not depend on a step is worked out here, once.
    """
    per_pair = core.heads * (core.query_size + core.value_size)
    flop_per_pair, row_bytes = 2 * per_pair, per_pair * ELEMENT_BYTES[activations]
    kv_bytes = core.kv_elements * ELEMENT_BYTES[kv]
    name, blocks_each, is_tiled = attention_kernel(
        kind, core.heads, core.kv_heads, core.query_size, kv
    )

    def work(queries: Real, sequences: Real, pairs: Real, kv_tokens: Real) -> Work:
        flop, moved = flop_per_pair * pairs, kv_bytes * kv_tokens + row_bytes * queries
        if is_tiled:
            grid = Grid(sequences, blocks_each, kv_tokens, queries, QUERY_TILE_TOKENS)
        else:
            grid = Grid(queries, blocks_each, pairs)
        return Work(flop, moved, kv, name, grid)

    return work
