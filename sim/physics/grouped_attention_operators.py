"""The kernels of attention with heads in groups (MHA, GQA, MQA), in full and windowed layers."""

from sim.physics.attention_parts import (
    PARTS,
    WINDOWED_PARTS,
    cache_write,
    core_operator,
    gemm,
    moves,
)
from sim.physics.cores import grouped_core
from sim.physics.kernels import product
from sim.physics.parameters import kv_heads_on_device
from sim.physics.sums import SumsOperator
from sim.physics.work import Operator, Phase, Real
from sim.spec.model import GroupedAttention, ModelSpec
from sim.spec.scenario import Precision


def grouped_projections(
    model: ModelSpec, shape: GroupedAttention, precision: Precision, tp: int, tokens: Real
) -> list[Operator]:
    """All kernels but the norm before them and the cores."""
    weights, element = precision.weights, precision.activations
    heads, kv_heads = shape.heads / tp, kv_heads_on_device(shape, tp)
    size, hidden = shape.head_size, model.hidden_size
    rotated = (heads + kv_heads) * size
    columns = ((1 + shape.output_gate) * heads + 2 * kv_heads) * size
    found = [
        gemm(model, "qkv", product(tokens, columns, hidden, weights, element)),
        cache_write(model, precision, 2 * kv_heads * size, tokens),
        gemm(model, "output", product(tokens, hidden, heads * size, weights, element)),
    ]
    if shape.qk_norm:
        found.append(moves(model, "query and key norm", 2 * rotated * tokens, precision))
    if not model.positions:
        found.append(moves(model, "rotary", 2 * rotated * tokens, precision))
    if shape.output_gate:  # context and gate are read, their product written
        found.append(moves(model, "output gate", 3 * heads * size * tokens, precision))
    return found


def grouped_cores(
    model: ModelSpec, shape: GroupedAttention, precision: Precision, tp: int
) -> list[SumsOperator]:
    """Attention proper, of full and of windowed layers."""
    core = grouped_core(shape.heads / tp, kv_heads_on_device(shape, tp), shape.head_size)
    windowed = model.window.layers if model.window else 0
    found = []
    if windowed < model.attending_layers:
        full_layers = model.attending_layers - windowed
        phase: Phase = "full attention" if windowed else "attention"
        found += [
            core_operator(part, phase, core, full_layers, precision, f"gqa_{part.name}")
            for part in PARTS
        ]
    if windowed:
        found += [
            core_operator(part, "windowed attention", core, windowed, precision, f"gqa_{part.name}")
            for part in WINDOWED_PARTS
        ]
    return found
