"""Qwen's architectures on Hugging Face, each as keys of a ModelSpec."""

from sim.catalog.hugging_face_config import Config
from sim.catalog.hugging_face_grouped import llama
from sim.catalog.hugging_face_parts import Keys, grouped, listed, routed, window


def qwen2(config: Config) -> Keys:
    """Qwen2."""
    return llama(config) | {
        "attention": grouped(config, qkv_bias=True),
        "window": window(config, is_used=config.flag("use_sliding_window")),
    }


def qwen3(config: Config) -> Keys:
    """Qwen3."""
    bias = config.flag("attention_bias")
    return qwen2(config) | {
        "attention": grouped(config, qk_norm=True, qkv_bias=bias, output_bias=bias)
    }


def qwen2_moe(config: Config) -> Keys:
    """Qwen2 with experts."""
    bias = config.flag("qkv_bias", default=True)
    return qwen2(config) | {
        "attention": grouped(config, qkv_bias=bias),
        "experts": _gated_experts(config),
    }


def qwen3_moe(config: Config) -> Keys:
    """Qwen3 with experts."""
    return qwen3(config) | {"experts": _qwen_experts(config)}


def _qwen_experts(config: Config) -> Keys | None:
    layers, every = (
        config.positive("num_hidden_layers"),
        config.positive("decoder_sparse_step", default=1),
    )
    dense = {one for one in config.entries("mlp_only_layers") or [] if isinstance(one, int)}
    numbers = [one for one in range(every - 1, layers, every) if one not in dense]
    return routed(config, numbers, config.positive("moe_intermediate_size"))


def qwen3_next(config: Config) -> Keys:
    """Qwen3-Next, and Qwen3.5 with experts."""
    return _hybrid(config) | {
        # A dense width that no layer has is in some files.
        "intermediate_size": config.count("intermediate_size", default=0),
        "experts": _gated_experts(config),
    }


def qwen3_5(config: Config) -> Keys:
    """Qwen3.5 without experts."""
    config.entries("mlp_only_layers")  # of dense layers among those with experts
    return _hybrid(config) | {"intermediate_size": config.positive("intermediate_size")}


def _hybrid(config: Config) -> Keys:
    """Linear layers, and some with gated queries that attend to everything."""
    bias, is_gated = config.flag("attention_bias"), config.flag("attn_output_gate", default=True)
    return {
        "attention": grouped(
            config, qk_norm=True, output_gate=is_gated, qkv_bias=bias, output_bias=bias
        ),
        "linear": _linear(config),
    }


def _linear(config: Config) -> Keys | None:
    layers = config.positive("num_hidden_layers")
    attending = layers // config.positive("full_attention_interval", default=4)
    state = config.value("mamba_ssm_dtype")
    if state not in (None, "float32"):
        raise config.refused("mamba_ssm_dtype", f"{state!r:.60} is not modelled; float32 is")
    linear = {
        "layers": listed(config, "linear_attention", layers - attending),
        "key_heads": config.positive("linear_num_key_heads"),
        "value_heads": config.positive("linear_num_value_heads"),
        "key_size": config.positive("linear_key_head_dim"),
        "value_size": config.positive("linear_value_head_dim"),
        "convolution_tokens": config.positive("linear_conv_kernel_dim"),
    }
    return linear if linear["layers"] else None


def _gated_experts(config: Config) -> Keys | None:
    """With shared experts, whose output a gate weighs."""
    experts = _qwen_experts(config)
    size = config.positive("moe_intermediate_size")
    shared = config.positive("shared_expert_intermediate_size")
    if shared % size:
        raise config.refused(
            "shared_expert_intermediate_size",
            f"{shared} is no multiple of moe_intermediate_size = {size}, which is not modelled",
        )
    return experts and experts | {"shared_experts": shared // size, "shared_gate": True}
