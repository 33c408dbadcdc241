"""The tensors of a model: how many elements, in which type, and how they are split over devices.

One table serves the parameter count, the memory of a device and the check that a step reads every
weight once.
"""

from typing import Literal, NamedTuple

from sim.spec.device import ElementType
from sim.spec.model import (
    GroupedAttention,
    LatentAttention,
    LinearAttention,
    ModelSpec,
    RoutedExperts,
    SparseIndexer,
)

Split = Literal["whole", "tp", "kv_heads", "shared", "experts"]
"""whole: a copy on each device. tp: a slice. kv_heads: a slice, but at least one head. shared: a
slice where the rank's devices have the same tokens, else a copy. experts: an expert lies in one
group, a slice of it on each of the group's devices."""

STATE_ELEMENT: ElementType = "fp32"
"""Of the states of linear attention. Qwen3.5's config.json asks for it (mamba_ssm_dtype), for sums
over a whole sequence lose in 16 bits; what its convolution keeps is in the activations' type."""


class Tensor(NamedTuple):
    """The like tensors of all layers."""

    name: str
    elements: int
    split: Split = "tp"
    is_quantised: bool = True
    """Held in the weights' type; else, as norms and the head, in the activations'."""


def parameters(model: ModelSpec) -> int:
    """How many parameters the model has, router biases included."""
    return sum(tensor.elements for tensor in tensors(model))


def router_bias_elements(model: ModelSpec) -> int:
    """Biases that steer the routing; libraries that keep them as buffers do not count them."""
    return sum(tensor.elements for tensor in tensors(model) if tensor.name == "router bias")


def tensors(model: ModelSpec) -> list[Tensor]:
    """Everything that is loaded before the first token."""
    found = _ends(model) + _attention(model) + _dense(model)
    found += _linear(model, model.linear) if model.linear else []
    return found + (_experts(model, model.experts) if model.experts else [])


def kv_heads_on_device(attention: GroupedAttention, tp: int) -> float:
    """Key and value heads of one device; where tp exceeds them, each is held more than once."""
    return max(attention.kv_heads / tp, 1.0)


def _ends(model: ModelSpec) -> list[Tensor]:
    size = model.vocabulary * model.hidden_size
    norms = (model.norms_per_layer * model.layers + 1) * model.norm_vectors * model.hidden_size
    found = [
        Tensor("embedding", size, is_quantised=False),
        Tensor("positions", model.positions * model.hidden_size, "whole", is_quantised=False),
        Tensor("norms", norms, "whole", is_quantised=False),
    ]
    return found if model.tied_embeddings else [*found, Tensor("head", size, is_quantised=False)]


def _attention(model: ModelSpec) -> list[Tensor]:
    if isinstance(model.attention, LatentAttention):
        return _latent(model, model.attention)
    return _grouped(model, model.attention)


def _grouped(model: ModelSpec, attention: GroupedAttention) -> list[Tensor]:
    layers, hidden = model.attending_layers, model.hidden_size
    queries = attention.heads * attention.head_size
    keys_and_values = 2 * attention.kv_heads * attention.head_size
    found = [
        Tensor("query", layers * hidden * queries * (1 + attention.output_gate)),
        Tensor("key and value", layers * hidden * keys_and_values, "kv_heads"),
        Tensor("attention output", layers * queries * hidden),
    ]
    if attention.qkv_bias:
        found += [
            Tensor(
                "query bias", layers * queries * (1 + attention.output_gate), is_quantised=False
            ),
            Tensor("key and value bias", layers * keys_and_values, "kv_heads", is_quantised=False),
        ]
    if attention.output_bias:
        found.append(Tensor("output bias", layers * hidden, "whole", is_quantised=False))
    if attention.sinks:
        found.append(Tensor("sink biases", layers * attention.heads, is_quantised=False))
    if attention.qk_norm:
        in_one = attention.qk_norm == "all-heads"
        heads = attention.heads + attention.kv_heads if in_one else 2
        size = layers * heads * attention.head_size
        found.append(Tensor("query and key norms", size, "whole", is_quantised=False))
    return found


def _latent(model: ModelSpec, attention: LatentAttention) -> list[Tensor]:
    layers, hidden, heads = model.attending_layers, model.hidden_size, attention.heads
    query_rank, kv_rank = attention.query_rank, attention.kv_rank
    queries = heads * (attention.nope_size + attention.rope_size)
    expanded = heads * (attention.nope_size + attention.value_size)
    norms = layers * (kv_rank + (query_rank or 0))
    found = [
        Tensor("query", layers * (query_rank or hidden) * queries),
        Tensor("kv compression", layers * hidden * (kv_rank + attention.rope_size), "whole"),
        Tensor("kv decompression", layers * kv_rank * expanded),
        Tensor("attention output", layers * heads * attention.value_size * hidden),
        Tensor("latent norms", norms, "whole", is_quantised=False),
    ]
    if query_rank is not None:
        found.append(Tensor("query compression", layers * hidden * query_rank, "whole"))
        found += _indexer(model, attention.sparse, query_rank) if attention.sparse else []
    return found


def _indexer(model: ModelSpec, indexer: SparseIndexer, query_rank: int) -> list[Tensor]:
    """Its key's norm scales and shifts."""
    layers, hidden = model.attending_layers, model.hidden_size
    queries, size = indexer.heads * indexer.head_size, indexer.head_size
    return [
        Tensor("index query", layers * query_rank * queries, "whole"),
        Tensor("index key", layers * hidden * size, "whole"),
        Tensor("index weights", layers * hidden * indexer.heads, "whole", is_quantised=False),
        Tensor("index key norm", layers * 2 * size, "whole", is_quantised=False),
    ]


def _linear(model: ModelSpec, linear: LinearAttention) -> list[Tensor]:
    layers, hidden = linear.layers, model.hidden_size
    heads, values, convolved = linear.value_heads, linear.value_elements, linear.convolved_elements
    convolution = layers * convolved * linear.convolution_tokens
    return [
        Tensor("linear input", layers * hidden * (convolved + values)),
        Tensor("decay and step size", layers * hidden * 2 * heads, is_quantised=False),
        Tensor("decay biases", layers * 2 * heads, is_quantised=False),
        Tensor("convolution", convolution, is_quantised=False),
        Tensor("linear norm", layers * linear.value_size, "whole", is_quantised=False),
        Tensor("linear output", layers * values * hidden),
    ]


def _dense(model: ModelSpec) -> list[Tensor]:
    layers = model.layers - len(model.expert_layers)
    columns = (2 if model.gated else 1) * model.intermediate_size
    size = model.hidden_size * (columns + model.intermediate_size)
    found = [Tensor("dense feed-forward", layers * size)]
    if not model.feed_forward_bias:
        return found
    return [
        *found,
        Tensor("feed-forward bias", layers * columns, is_quantised=False),
        Tensor("down bias", layers * model.hidden_size, "whole", is_quantised=False),
    ]


def _experts(model: ModelSpec, experts: RoutedExperts) -> list[Tensor]:
    layers, hidden = len(model.expert_layers), model.hidden_size
    columns = (2 if model.gated else 1) * experts.intermediate_size
    expert = hidden * (columns + experts.intermediate_size)
    router_bias = layers * experts.experts if experts.router_bias else 0
    choices = experts.experts + experts.shared_gate
    found = [
        Tensor("router", layers * hidden * choices, "whole", is_quantised=False),
        Tensor("router bias", router_bias, "whole", is_quantised=False),
        Tensor("shared experts", layers * experts.shared_experts * expert, "shared"),
        Tensor("routed experts", layers * experts.experts * expert, "experts"),
    ]
    if not model.feed_forward_bias:
        return found
    biases = layers * (columns + hidden)
    return [
        *found,
        Tensor("shared biases", experts.shared_experts * biases, "shared", is_quantised=False),
        Tensor("expert biases", experts.experts * biases, "experts", is_quantised=False),
    ]
