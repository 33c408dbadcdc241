"""Architectures of Hugging Face with grouped attention, each as keys of a ModelSpec."""

from sim.catalog.hugging_face_config import Config
from sim.catalog.hugging_face_parts import (
    Keys,
    common,
    expert_groups,
    grouped,
    listed,
    routed,
    window,
    windowed,
)


def llama(config: Config) -> Keys:
    """Llama and Mistral."""
    bias = config.flag("attention_bias")
    return {
        "attention": grouped(config, qkv_bias=bias, output_bias=bias),
        "window": window(config),
        "intermediate_size": config.positive("intermediate_size"),
        "feed_forward_bias": config.flag("mlp_bias"),
    }


def mixtral(config: Config) -> Keys:
    """Mixtral."""
    layers = range(config.positive("num_hidden_layers"))
    return {
        "attention": grouped(config),
        "window": window(config),
        "experts": routed(config, layers, config.positive("intermediate_size")),
    }


def glm4_moe(config: Config) -> Keys:
    """GLM-4.5 and its successors."""
    first = config.count("first_k_dense_replace", default=0)
    numbers = range(first, config.positive("num_hidden_layers"))
    experts = routed(config, numbers, config.positive("moe_intermediate_size"))
    attention = grouped(
        config, qkv_bias=config.flag("attention_bias"), qk_norm=config.flag("use_qk_norm")
    )
    return {
        "attention": attention,
        "intermediate_size": config.positive("intermediate_size"),
        "experts": experts and experts | {"router_bias": True} | expert_groups(config),
    }


def gpt_oss(config: Config) -> Keys:
    """gpt-oss."""
    layers, bias = config.positive("num_hidden_layers"), config.flag("attention_bias", default=True)
    experts = routed(config, range(layers), config.positive("intermediate_size"))
    return {
        "attention": grouped(config, qkv_bias=bias, output_bias=bias, sinks=True),
        "window": window(config, windowed_layers=(layers + 1) // 2),
        "feed_forward_bias": True,
        "experts": experts and experts | {"router_bias": True},
    }


def llama4(config: Config) -> Keys:
    """Llama 4."""
    layers, every = (
        config.positive("num_hidden_layers"),
        config.positive("interleave_moe_layer_step", default=1),
    )
    numbers = config.entries("moe_layers") or range(every - 1, layers, every)
    experts = routed(config, numbers, config.positive("intermediate_size"))
    bias = config.flag("attention_bias")
    return {
        "attention": grouped(config, qkv_bias=bias, output_bias=bias),
        "window": _chunks(config, layers),
        "intermediate_size": config.positive("intermediate_size_mlp"),
        "experts": experts and experts | {"shared_experts": 1},
    }


def _chunks(config: Config, layers: int) -> Keys | None:
    interval = config.positive("no_rope_layer_interval", default=4)
    rotary = config.entries(
        "no_rope_layers"
    )  # 1 where positions are rotary, 0 where there are none
    chunked = sum(map(bool, rotary)) if rotary else layers - layers // interval
    tokens = config.count("attention_chunk_size", default=0)
    return windowed("chunked", tokens, listed(config, "chunked_attention", chunked))


def gemma3(config: Config) -> Keys:
    """Gemma 3."""
    layers, bias = config.positive("num_hidden_layers"), config.flag("attention_bias")
    every = config.positive("sliding_window_pattern", "_sliding_window_pattern", default=6)
    return common(config, tied=True) | {
        "attention": grouped(config, qk_norm=True, qkv_bias=bias, output_bias=bias),
        "window": window(config, windowed_layers=layers - layers // every),
        "intermediate_size": config.positive("intermediate_size"),
        "norms_per_layer": 4,
    }


def minimax_m2(config: Config) -> Keys:
    """MiniMax-M2."""
    if not all(config.entries("attn_type_list") or [1]):
        raise config.refused("attn_type_list", "linear attention is not modelled")
    layers = range(config.positive("num_hidden_layers"))
    experts = routed(config, layers, config.positive("intermediate_size"))
    is_biased = config.flag("use_routing_bias", default=True)
    norm = "all-heads" if config.flag("use_qk_norm", default=True) else False
    return {
        "attention": grouped(config, qk_norm=norm),
        "experts": experts and experts | {"router_bias": is_biased},
    }
