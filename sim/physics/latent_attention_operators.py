"""The kernels of latent attention.

It is computed in one of two ways. Expanded: keys and values of every token attended to, cached ones
too, are decompressed for each head. Absorbed: the up-projections are folded into the query and the
context, which attend to the latent vectors themselves. In a step that mixes prefill and decode the
two share projections and have a core kernel each. Attention to tokens that an indexer chooses is
always absorbed, as engines do it: each query has tokens of its own, and none to decompress for all.
"""

from sim.physics.attention_parts import Mla, Part, cache_write, core_operator, gemm, moves, parts
from sim.physics.kernels import expanded_core, latent_core, product
from sim.physics.sparse_attention_operators import chosen_parts, indexer_operators
from sim.physics.sums import StepSums
from sim.physics.work import Operator, Work
from sim.spec.model import LatentAttention, ModelSpec
from sim.spec.scenario import Precision


def latent_attention(
    model: ModelSpec,
    shape: LatentAttention,
    precision: Precision,
    tp: int,
    sums: StepSums,
    mla: Mla,
) -> list[Operator]:
    """All kernels but the norm before them."""
    found = _projections(model, shape, precision, tp, sums)
    heads = shape.heads / tp
    if shape.sparse is not None:
        found += indexer_operators(model, shape, shape.sparse, precision, sums)
        for part in chosen_parts(sums):
            found += _absorbed(model, shape, precision, heads, part)
        return found
    for part in parts(sums):
        is_absorbed = mla == "absorbed" or (mla == "auto" and part.name == "decode")
        cores = _absorbed if is_absorbed else _expanded
        found += cores(model, shape, precision, heads, part)
    return found


def _projections(
    model: ModelSpec, shape: LatentAttention, precision: Precision, tp: int, sums: StepSums
) -> list[Operator]:
    """What both ways need. Compressions are whole on each device, their norms with them."""
    tokens = sums.decode_tokens + sums.prefill_tokens
    weights, element = precision.weights, precision.activations
    hidden, heads, query_rank = model.hidden_size, shape.heads / tp, shape.query_rank or 0
    latent = shape.kv_rank + shape.rope_size
    queries = heads * (shape.nope_size + shape.rope_size)
    rotated = (heads + 1) * shape.rope_size
    compression = product(tokens, query_rank + latent, hidden, weights, element)
    query = product(tokens, queries, query_rank or hidden, weights, element)
    output = product(tokens, hidden, heads * shape.value_size, weights, element)
    return [
        gemm(model, "compression", compression),
        moves(model, "latent norm", 2 * (query_rank + shape.kv_rank) * tokens, precision),
        gemm(model, "query", query),
        moves(model, "rotary", 2 * rotated * tokens, precision),
        cache_write(model, precision, latent, tokens),
        gemm(model, "output", output),
    ]


def _absorbed(
    model: ModelSpec, shape: LatentAttention, precision: Precision, heads: float, part: Part
) -> list[Operator]:
    """Queries to latent space and context back, a small matrix for each head."""
    core = latent_core(heads, shape.kv_rank, shape.rope_size)

    def per_head(n: int, k: int) -> Work:
        rows = part.queries
        return product(rows, n, k, precision.weights, precision.activations, batches=heads)

    return [
        gemm(model, f"{part.name} absorption", per_head(shape.kv_rank, shape.nope_size)),
        core_operator(part, "attention", core, model.attending_layers, precision, "mla_decode"),
        gemm(model, f"{part.name} value", per_head(shape.value_size, shape.kv_rank)),
    ]


def _expanded(
    model: ModelSpec, shape: LatentAttention, precision: Precision, heads: float, part: Part
) -> list[Operator]:
    """Keys and values of all tokens attended to, for each head, written and read again."""
    core = expanded_core(heads, shape.nope_size + shape.rope_size, shape.value_size)
    columns = heads * (shape.nope_size + shape.value_size)
    decompression = product(part.kv_tokens, columns, shape.kv_rank, precision.weights, precision.kv)
    return [
        gemm(model, f"{part.name} decompression", decompression),
        core_operator(part, "attention", core, model.attending_layers, precision, "mla_prefill"),
    ]
