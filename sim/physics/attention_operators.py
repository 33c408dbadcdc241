"""The kernels of the attention half of a layer: projections, rotary, cache, core.

Layers that attend to tokens are of one kind (grouped or latent); beside them a model may have
layers with linear attention.
"""

from sim.physics.attention_parts import Mla
from sim.physics.feed_forward_operators import norms
from sim.physics.grouped_attention_operators import grouped_attention
from sim.physics.latent_attention_operators import latent_attention
from sim.physics.linear_attention_operators import linear_attention
from sim.physics.sums import StepSums
from sim.physics.work import Operator
from sim.spec.model import LatentAttention, ModelSpec
from sim.spec.scenario import Precision

__all__ = ["Mla", "attention_operators"]


def attention_operators(
    model: ModelSpec, precision: Precision, tp: int, sums: StepSums, mla: Mla
) -> list[Operator]:
    """The kernels of every layer's attention, on one device of a rank."""
    shape = model.attention
    tokens = sums.decode_tokens + sums.prefill_tokens
    found = norms(model, precision, "attention", model.attending_layers, tokens)
    if isinstance(shape, LatentAttention):
        found += latent_attention(model, shape, precision, tp, sums, mla)
    else:
        found += grouped_attention(model, shape, precision, tp, sums)
    if model.linear is not None:
        found += norms(model, precision, "linear attention", model.linear.layers, tokens)
        found += linear_attention(model, model.linear, precision, tp, sums)
    return found
