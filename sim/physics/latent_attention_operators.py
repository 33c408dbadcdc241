"""The kernels of latent attention.

It is computed in one of two ways. Expanded: keys and values of every token attended to, cached ones
too, are decompressed for each head. Absorbed: the up-projections are folded into the query and the
context, which attend to the latent vectors themselves. In a step that mixes prefill and decode the
two share projections and have a core kernel each. Attention to tokens that an indexer chooses is
always absorbed, as engines do it: each query has tokens of its own, and none to decompress for all.
"""

from sim.physics.attention_parts import (
    PARTS,
    Mla,
    Part,
    cache_write,
    core_operator,
    gemm,
    moves,
)
from sim.physics.cores import expanded_core, latent_core
from sim.physics.kernels import product, product_of
from sim.physics.sparse_attention_operators import (
    CHOSEN_PARTS,
    index_cores,
    index_projections,
)
from sim.physics.sums import StepSums, SumsOperator
from sim.physics.work import Operator, Real, Work
from sim.spec.model import LatentAttention, ModelSpec
from sim.spec.scenario import Precision


def latent_cores(
    model: ModelSpec, shape: LatentAttention, precision: Precision, tp: int, mla: Mla
) -> list[SumsOperator]:
    """What depends on the tokens attended to: the cores, and what brings queries to them."""
    found = []
    heads = shape.heads / tp
    if shape.sparse is not None:
        found += index_cores(model, shape.sparse, precision)
        for part in CHOSEN_PARTS:
            found += _absorbed(model, shape, precision, heads, part)
        return found
    for part in PARTS:
        is_absorbed = mla == "absorbed" or (mla == "auto" and part.name == "decode")
        cores = _absorbed if is_absorbed else _expanded
        found += cores(model, shape, precision, heads, part)
    return found


def latent_projections(
    model: ModelSpec, shape: LatentAttention, precision: Precision, tp: int, tokens: Real
) -> list[Operator]:
    """What both ways need. Compressions are whole on each device, their norms with them."""
    weights, element = precision.weights, precision.activations
    hidden, heads, query_rank = model.hidden_size, shape.heads / tp, shape.query_rank or 0
    latent = shape.kv_rank + shape.rope_size
    queries = heads * (shape.nope_size + shape.rope_size)
    rotated = (heads + 1) * shape.rope_size
    compression = product(tokens, query_rank + latent, hidden, weights, element)
    query = product(tokens, queries, query_rank or hidden, weights, element)
    output = product(tokens, hidden, heads * shape.value_size, weights, element)
    found = [
        gemm(model, "compression", compression),
        moves(model, "latent norm", 2 * (query_rank + shape.kv_rank) * tokens, precision),
        gemm(model, "query", query),
        moves(model, "rotary", 2 * rotated * tokens, precision),
        cache_write(model, precision, latent, tokens),
        gemm(model, "output", output),
    ]
    if shape.sparse is not None:
        found += index_projections(model, shape, shape.sparse, precision, tokens)
    return found


def _absorbed(
    model: ModelSpec, shape: LatentAttention, precision: Precision, heads: float, part: Part
) -> list[SumsOperator]:
    """Queries to latent space and context back, a small matrix for each head."""
    core = latent_core(heads, shape.kv_rank, shape.rope_size)
    layers = model.attending_layers

    def per_head(name: str, n: int, k: int) -> SumsOperator:
        product_with = product_of(n, k, precision.weights, precision.activations, batches=heads)

        def work(sums: StepSums) -> Work:
            return product_with(part.queries(sums))

        return SumsOperator(f"{part.name} {name}", "attention", layers, "gemm", work, part.prefills)

    return [
        per_head("absorption", shape.kv_rank, shape.nope_size),
        core_operator(part, "attention", core, layers, precision, "mla_decode"),
        per_head("value", shape.value_size, shape.kv_rank),
    ]


def _expanded(
    model: ModelSpec, shape: LatentAttention, precision: Precision, heads: float, part: Part
) -> list[SumsOperator]:
    """Keys and values of all tokens attended to, for each head, written and read again."""
    core = expanded_core(heads, shape.nope_size + shape.rope_size, shape.value_size)
    columns, layers = heads * (shape.nope_size + shape.value_size), model.attending_layers

    product_with = product_of(columns, shape.kv_rank, precision.weights, precision.kv)

    def decompression(sums: StepSums) -> Work:
        return product_with(part.kv_tokens(sums))

    name = f"{part.name} decompression"
    return [
        SumsOperator(name, "attention", layers, "gemm", decompression, part.prefills),
        core_operator(part, "attention", core, layers, precision, "mla_prefill"),
    ]
