"""Models from Hugging Face's config.json: a table of architectures to small functions.

Each function gives the keys of a ModelSpec. The text model is taken, never the vision part, and
without the layers that draft further tokens (MTP). How the published weights are quantised goes
into the description and nowhere else: in which precision a run holds weights and cache is the
scenario's to say (`deployment.precision`).
"""

import warnings
from collections.abc import Callable, Mapping
from typing import Any

from sim.catalog.hugging_face_config import Config
from sim.catalog.hugging_face_parts import (
    Keys,
    common,
    expert_groups,
    grouped,
    latent,
    listed,
    routed,
    window,
    windowed,
)
from sim.errors import ScenarioWarning, one_line


def is_config(mapping: Mapping[str, Any]) -> bool:
    """Whether these are the keys of a config.json rather than of a model of ours."""
    return "architectures" in mapping or "model_type" in mapping


def model_keys(mapping: Mapping[str, Any], file: str) -> Keys:
    """The model that a config.json describes, as keys of a ModelSpec.

    An unknown architecture is refused; keys that no one has read are named in a warning.
    """
    text = mapping.get("text_config")
    config = Config(text if isinstance(text, Mapping) else mapping, file)
    architecture = _architecture(mapping, config)
    keys = common(config) | ARCHITECTURES[architecture](config)
    unread = one_line(", ".join(config.unread()))
    if unread:
        says = f"{file}: {unread}: not modelled, the model may cost more or less"
        warnings.warn(says, ScenarioWarning, stacklevel=2)
    return {
        "description": f"{architecture} as in {file}{_quantisation(mapping, config)}.",
        **{key: value for key, value in keys.items() if value is not None},
        "source": f"Hugging Face config.json: {file}",
    }


def _architecture(mapping: Mapping[str, Any], config: Config) -> str:
    listed = mapping.get("architectures") or config.value("architectures")
    first = listed[0] if isinstance(listed, list) and listed else None
    types = [mapping.get("model_type"), config.value("model_type")]
    for name in (first, *(_OF_MODEL_TYPE.get(str(one)) for one in types)):
        if isinstance(name, str) and name in ARCHITECTURES:
            return name
    found = first or mapping.get("model_type")
    known = ", ".join(ARCHITECTURES)
    raise config.refused("architectures", f"{found!r:.60} is not modelled; known: {known}")


def _quantisation(mapping: Mapping[str, Any], config: Config) -> str:
    given = mapping.get("quantization_config") or config.value("quantization_config")
    method = given.get("quant_method") if isinstance(given, Mapping) else None
    return f", published in {one_line(str(method))[:40]}" if method else ""


def _llama(config: Config) -> Keys:
    bias = config.flag("attention_bias")
    return {
        "attention": grouped(config, qkv_bias=bias, output_bias=bias),
        "window": window(config),
        "intermediate_size": config.positive("intermediate_size"),
        "feed_forward_bias": config.flag("mlp_bias"),
    }


def _qwen2(config: Config) -> Keys:
    return _llama(config) | {
        "attention": grouped(config, qkv_bias=True),
        "window": window(config, is_used=config.flag("use_sliding_window")),
    }


def _qwen3(config: Config) -> Keys:
    bias = config.flag("attention_bias")
    return _qwen2(config) | {
        "attention": grouped(config, qk_norm=True, qkv_bias=bias, output_bias=bias)
    }


def _qwen2_moe(config: Config) -> Keys:
    experts = _qwen_experts(config)
    size = config.positive("moe_intermediate_size")
    shared = config.positive("shared_expert_intermediate_size")
    if shared % size:
        raise config.refused(
            "shared_expert_intermediate_size",
            f"{shared} is no multiple of moe_intermediate_size = {size}, which is not modelled",
        )
    if experts:
        experts |= {"shared_experts": shared // size, "shared_gate": True}
    bias = config.flag("qkv_bias", default=True)
    return _qwen2(config) | {"attention": grouped(config, qkv_bias=bias), "experts": experts}


def _qwen3_moe(config: Config) -> Keys:
    return _qwen3(config) | {"experts": _qwen_experts(config)}


def _qwen_experts(config: Config) -> Keys | None:
    layers, every = (
        config.positive("num_hidden_layers"),
        config.positive("decoder_sparse_step", default=1),
    )
    dense = {one for one in config.entries("mlp_only_layers") or [] if isinstance(one, int)}
    numbers = [one for one in range(every - 1, layers, every) if one not in dense]
    return routed(config, numbers, config.positive("moe_intermediate_size"))


def _mixtral(config: Config) -> Keys:
    layers = range(config.positive("num_hidden_layers"))
    return {
        "attention": grouped(config),
        "window": window(config),
        "experts": routed(config, layers, config.positive("intermediate_size")),
    }


def _deepseek_v2(config: Config) -> Keys:
    layers, every = (
        config.positive("num_hidden_layers"),
        config.positive("moe_layer_freq", default=1),
    )
    first = config.count("first_k_dense_replace", default=0)
    numbers = [one for one in range(first, layers) if one % every == 0]
    experts = routed(config, numbers, config.positive("moe_intermediate_size"))
    if experts and config.value("topk_method") != "greedy":
        experts |= expert_groups(config)
    return {
        "attention": latent(config),
        "intermediate_size": config.positive("intermediate_size"),
        "experts": experts,
    }


def _deepseek_v3(config: Config) -> Keys:
    keys = _deepseek_v2(config)
    return keys | {"experts": keys["experts"] and keys["experts"] | {"router_bias": True}}


def _glm4_moe(config: Config) -> Keys:
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


def _gpt_oss(config: Config) -> Keys:
    layers, bias = config.positive("num_hidden_layers"), config.flag("attention_bias", default=True)
    experts = routed(config, range(layers), config.positive("intermediate_size"))
    return {
        "attention": grouped(config, qkv_bias=bias, output_bias=bias, sinks=True),
        "window": window(config, windowed_layers=(layers + 1) // 2),
        "feed_forward_bias": True,
        "experts": experts and experts | {"router_bias": True},
    }


def _llama4(config: Config) -> Keys:
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


def _gemma3(config: Config) -> Keys:
    layers, bias = config.positive("num_hidden_layers"), config.flag("attention_bias")
    every = config.positive("sliding_window_pattern", "_sliding_window_pattern", default=6)
    return common(config, tied=True) | {
        "attention": grouped(config, qk_norm=True, qkv_bias=bias, output_bias=bias),
        "window": window(config, windowed_layers=layers - layers // every),
        "intermediate_size": config.positive("intermediate_size"),
        "norms_per_layer": 4,
    }


def _minimax_m2(config: Config) -> Keys:
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


_TABLE: tuple[tuple[str, str, Callable[[Config], Keys]], ...] = (
    ("LlamaForCausalLM", "llama", _llama),
    ("MistralForCausalLM", "mistral", _llama),
    ("Qwen2ForCausalLM", "qwen2", _qwen2),
    ("Qwen3ForCausalLM", "qwen3", _qwen3),
    ("Qwen2MoeForCausalLM", "qwen2_moe", _qwen2_moe),
    ("Qwen3MoeForCausalLM", "qwen3_moe", _qwen3_moe),
    ("MixtralForCausalLM", "mixtral", _mixtral),
    ("DeepseekV2ForCausalLM", "deepseek_v2", _deepseek_v2),
    ("DeepseekV3ForCausalLM", "deepseek_v3", _deepseek_v3),
    ("DeepseekV3ForCausalLM", "kimi_k2", _deepseek_v3),
    ("Glm4MoeForCausalLM", "glm4_moe", _glm4_moe),
    ("GptOssForCausalLM", "gpt_oss", _gpt_oss),
    ("Llama4ForConditionalGeneration", "llama4", _llama4),
    ("Llama4ForCausalLM", "llama4_text", _llama4),
    ("Gemma3ForConditionalGeneration", "gemma3", _gemma3),
    ("Gemma3ForCausalLM", "gemma3_text", _gemma3),
    ("MiniMaxM2ForCausalLM", "minimax_m2", _minimax_m2),
)
"""The first of `architectures`, `model_type`, and what reads it."""
ARCHITECTURES = {architecture: read for architecture, _, read in _TABLE}
_OF_MODEL_TYPE = {model_type: architecture for architecture, model_type, _ in _TABLE}
