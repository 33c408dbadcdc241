"""The kernels of the attention half of a layer: projections, rotary, cache, core.

Latent attention is computed in one of two ways. Expanded: keys and values of every token attended
to, cached ones too, are decompressed for each head. Absorbed: the up-projections are folded into
the query and the context, which attend to the latent vectors themselves. In a step that mixes
prefill and decode the two share projections and have a core kernel each.
"""

from collections.abc import Callable
from operator import attrgetter
from typing import Literal, NamedTuple

from sim.physics.feed_forward_operators import norms
from sim.physics.kernels import (
    Core,
    attention,
    elementwise,
    expanded_core,
    grouped_core,
    latent_core,
    product,
)
from sim.physics.parameters import kv_heads_on_device
from sim.physics.sums import StepSums, SumsOperator
from sim.physics.work import Operator, Phase, Real, Work
from sim.spec.device import ELEMENT_BYTES
from sim.spec.model import GroupedAttention, LatentAttention, ModelSpec
from sim.spec.scenario import Precision

Mla = Literal["auto", "absorbed", "expanded"]
"""auto: decode absorbed, prefill expanded."""


class _Part(NamedTuple):
    """The decoding or the prefilling sequences of a step."""

    name: Literal["decode", "prefill"]
    queries: Callable[[StepSums], Real]
    pairs: Callable[[StepSums], Real]
    kv_tokens: Callable[[StepSums], Real]


_PARTS = (
    _Part(
        "decode",
        attrgetter("decode_tokens"),
        attrgetter("decode_kv_tokens"),
        attrgetter("decode_kv_tokens"),
    ),
    _Part(
        "prefill",
        attrgetter("prefill_tokens"),
        attrgetter("prefill_pairs"),
        attrgetter("prefill_kv_tokens"),
    ),
)
_WINDOWED_PARTS = (
    _Part(
        "decode",
        attrgetter("decode_tokens"),
        attrgetter("decode_window_kv_tokens"),
        attrgetter("decode_window_kv_tokens"),
    ),
    _Part(
        "prefill",
        attrgetter("prefill_tokens"),
        attrgetter("prefill_window_pairs"),
        attrgetter("prefill_window_kv_tokens"),
    ),
)


def attention_operators(
    model: ModelSpec, precision: Precision, tp: int, sums: StepSums, mla: Mla
) -> list[Operator]:
    """The kernels of every layer's attention, on one device of a rank."""
    tokens = sums.decode_tokens + sums.prefill_tokens
    cores = attention_cores(model, precision, tp, mla)
    return projections(model, precision, tp, tokens) + [core.operator(sums) for core in cores]


def projections(model: ModelSpec, precision: Precision, tp: int, tokens: Real) -> list[Operator]:
    """Those that see nothing but the step's tokens: norms, projections, rotary, cache."""
    shape = model.attention
    found = norms(model, precision, "attention", model.layers, tokens)
    if isinstance(shape, LatentAttention):
        return found + _latent_projections(model, shape, precision, tp, tokens)
    return found + _grouped_projections(model, shape, precision, tp, tokens)


def attention_cores(
    model: ModelSpec, precision: Precision, tp: int, mla: Mla
) -> list[SumsOperator]:
    """Those that depend on what the tokens attend to."""
    shape = model.attention
    if isinstance(shape, LatentAttention):
        return _latent_cores(model, shape, precision, shape.heads / tp, mla)
    heads, kv_heads = shape.heads / tp, kv_heads_on_device(shape, tp)
    return _grouped_cores(model, grouped_core(heads, kv_heads, shape.head_size), precision)


def _grouped_projections(
    model: ModelSpec, shape: GroupedAttention, precision: Precision, tp: int, tokens: Real
) -> list[Operator]:
    weights, element = precision.weights, precision.activations
    heads, kv_heads = shape.heads / tp, kv_heads_on_device(shape, tp)
    size, hidden = shape.head_size, model.hidden_size
    rotated = (heads + kv_heads) * size
    found = [
        _gemm(
            model, "qkv", product(tokens, (heads + 2 * kv_heads) * size, hidden, weights, element)
        ),
        _cache_write(model, precision, 2 * kv_heads * size, tokens),
        _gemm(model, "output", product(tokens, hidden, heads * size, weights, element)),
    ]
    if shape.qk_norm:
        found.append(_moves(model, "query and key norm", 2 * rotated * tokens, precision))
    if not model.positions:
        found.append(_moves(model, "rotary", 2 * rotated * tokens, precision))
    return found


def _grouped_cores(model: ModelSpec, core: Core, precision: Precision) -> list[SumsOperator]:
    windowed = model.window.layers if model.window else 0
    found = []
    if windowed < model.layers:
        full_layers = model.layers - windowed
        phase: Phase = "full attention" if windowed else "attention"
        found += [_core(part, phase, core, full_layers, precision) for part in _PARTS]
    if windowed:
        found += [
            _core(part, "windowed attention", core, windowed, precision) for part in _WINDOWED_PARTS
        ]
    return found


def _latent_cores(
    model: ModelSpec, shape: LatentAttention, precision: Precision, heads: float, mla: Mla
) -> list[SumsOperator]:
    found = []
    for part in _PARTS:
        is_absorbed = mla == "absorbed" or (mla == "auto" and part.name == "decode")
        cores = _absorbed if is_absorbed else _expanded
        found += cores(model, shape, precision, heads, part)
    return found


def _latent_projections(
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
    return [
        _gemm(model, "compression", compression),
        _moves(model, "latent norm", 2 * (query_rank + shape.kv_rank) * tokens, precision),
        _gemm(model, "query", query),
        _moves(model, "rotary", 2 * rotated * tokens, precision),
        _cache_write(model, precision, latent, tokens),
        _gemm(model, "output", output),
    ]


def _absorbed(
    model: ModelSpec, shape: LatentAttention, precision: Precision, heads: float, part: _Part
) -> list[SumsOperator]:
    """Queries to latent space and context back, a small matrix for each head."""
    core = latent_core(heads, shape.kv_rank, shape.rope_size)

    def per_head(name: str, n: int, k: int) -> SumsOperator:
        def work(sums: StepSums) -> Work:
            rows = part.queries(sums)
            return product(rows, n, k, precision.weights, precision.activations, batches=heads)

        return SumsOperator(f"{part.name} {name}", "attention", model.layers, "gemm", work)

    return [
        per_head("absorption", shape.kv_rank, shape.nope_size),
        _core(part, "attention", core, model.layers, precision, kernel="mla_decode"),
        per_head("value", shape.value_size, shape.kv_rank),
    ]


def _expanded(
    model: ModelSpec, shape: LatentAttention, precision: Precision, heads: float, part: _Part
) -> list[SumsOperator]:
    """Keys and values of all tokens attended to, for each head, written and read again."""
    core = expanded_core(heads, shape.nope_size + shape.rope_size, shape.value_size)
    columns = heads * (shape.nope_size + shape.value_size)

    def decompression(sums: StepSums) -> Work:
        rows = part.kv_tokens(sums)
        return product(rows, columns, shape.kv_rank, precision.weights, precision.kv)

    name = f"{part.name} decompression"
    return [
        SumsOperator(name, "attention", model.layers, "gemm", decompression),
        _core(part, "attention", core, model.layers, precision, kernel="mla_prefill"),
    ]


def _core(
    part: _Part,
    phase: Phase,
    core: Core,
    layers: int,
    precision: Precision,
    kernel: str | None = None,
) -> SumsOperator:
    def work(sums: StepSums) -> Work:
        queries, pairs, kv_tokens = part.queries(sums), part.pairs(sums), part.kv_tokens(sums)
        return attention(core, queries, pairs, kv_tokens, precision.kv, precision.activations)

    name = "windowed core" if phase == "windowed attention" else "core"
    kind = kernel or f"gqa_{part.name}"
    return SumsOperator(f"{part.name} {name}", phase, layers, kind, work)


def _gemm(model: ModelSpec, name: str, work: Work) -> Operator:
    return Operator(name, "attention", model.layers, "gemm", work)


def _moves(model: ModelSpec, name: str, elements: Real, precision: Precision) -> Operator:
    work = elementwise(elements, precision.activations)
    return Operator(name, "attention", model.layers, "elementwise", work)


def _cache_write(model: ModelSpec, precision: Precision, elements: float, tokens: Real) -> Operator:
    moved_bytes = elements * (ELEMENT_BYTES[precision.activations] + ELEMENT_BYTES[precision.kv])
    work = Work(0.0, moved_bytes * tokens, precision.activations)
    return Operator("cache write", "attention", model.layers, "elementwise", work)
