"""The kernels of the attention half of a layer: projections, rotary, cache, core.

Layers that attend to tokens are of one kind (grouped or latent); beside them a model may have
layers with linear attention. Projections see nothing but how many tokens a step has; cores see
what these attend to.
"""

from sim.physics.attention_parts import Mla
from sim.physics.feed_forward_operators import norms
from sim.physics.grouped_attention_operators import grouped_cores, grouped_projections
from sim.physics.latent_attention_operators import latent_cores, latent_projections
from sim.physics.linear_attention_operators import linear_cores, linear_projections
from sim.physics.sums import StepSums, SumsOperator
from sim.physics.work import Operator, Real
from sim.spec.model import LatentAttention, ModelSpec
from sim.spec.scenario import Precision

__all__ = ["Mla", "attention_cores", "attention_operators", "projections"]


def attention_operators(
    model: ModelSpec, precision: Precision, tp: int, sums: StepSums, mla: Mla
) -> list[Operator]:
    """The kernels of every layer's attention, on one device of a rank."""
    tokens = sums.decode_tokens + sums.prefill_tokens
    cores = attention_cores(model, precision, tp, mla)
    return projections(model, precision, tp, tokens) + [core.operator(sums) for core in cores]


def projections(model: ModelSpec, precision: Precision, tp: int, tokens: Real) -> list[Operator]:
    """Those that see nothing but the step's tokens, norms and cache writes with them."""
    shape = model.attention
    found = norms(model, precision, "attention", model.attending_layers, tokens)
    if isinstance(shape, LatentAttention):
        found += latent_projections(model, shape, precision, tp, tokens)
    else:
        found += grouped_projections(model, shape, precision, tp, tokens)
    if model.linear is not None:
        found += norms(model, precision, "linear attention", model.linear.layers, tokens)
        found += linear_projections(model, model.linear, precision, tp, tokens)
    return found


def attention_cores(
    model: ModelSpec, precision: Precision, tp: int, mla: Mla
) -> list[SumsOperator]:
    """Those that depend on what the tokens attend to."""
    shape = model.attention
    if isinstance(shape, LatentAttention):
        found = latent_cores(model, shape, precision, tp, mla)
    else:
        found = grouped_cores(model, shape, precision, tp)
    if model.linear is not None:
        found += linear_cores(model.linear, precision, tp)
    return found
