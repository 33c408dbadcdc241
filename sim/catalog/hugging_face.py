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
from sim.catalog.hugging_face_grouped import (
    gemma3,
    glm4_moe,
    gpt_oss,
    llama,
    llama4,
    minimax_m2,
    mixtral,
)
from sim.catalog.hugging_face_latent import deepseek_v2, deepseek_v3, deepseek_v32
from sim.catalog.hugging_face_parts import Keys, common
from sim.catalog.hugging_face_quantisation import published_precision
from sim.catalog.hugging_face_qwen import qwen2, qwen2_moe, qwen3, qwen3_5, qwen3_moe, qwen3_next
from sim.errors import ScenarioWarning, one_line


def is_config(mapping: Mapping[str, Any]) -> bool:
    """Whether these are the keys of a config.json rather than of a model of ours."""
    return "architectures" in mapping or "model_type" in mapping


def model_keys(
    mapping: Mapping[str, Any], file: str, beside: Mapping[str, Any] | None = None
) -> Keys:
    """The model that a config.json describes, as keys of a ModelSpec.

    `beside` is what a hf_quant_config.json says of it. An unknown architecture is refused; keys
    that no one has read are named in a warning.
    """
    text = mapping.get("text_config")
    config = Config(text if isinstance(text, Mapping) else mapping, file)
    architecture = _architecture(mapping, config)
    keys = common(config) | ARCHITECTURES[architecture](config)
    unread = one_line(", ".join(config.unread()))
    if unread:
        says = f"{file}: {unread}: not modelled, the model may cost more or less"
        warnings.warn(says, ScenarioWarning, stacklevel=2)
    in_config = mapping.get("quantization_config") or config.value("quantization_config")
    precision = published_precision(in_config, beside or {})
    return {
        "description": f"{architecture} as in {file}{precision}.",
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


_TABLE: tuple[tuple[str, str, Callable[[Config], Keys]], ...] = (
    ("LlamaForCausalLM", "llama", llama),
    ("MistralForCausalLM", "mistral", llama),
    ("Qwen2ForCausalLM", "qwen2", qwen2),
    ("Qwen3ForCausalLM", "qwen3", qwen3),
    ("Qwen2MoeForCausalLM", "qwen2_moe", qwen2_moe),
    ("Qwen3MoeForCausalLM", "qwen3_moe", qwen3_moe),
    ("Qwen3NextForCausalLM", "qwen3_next", qwen3_next),
    ("Qwen3_5MoeForConditionalGeneration", "qwen3_5_moe", qwen3_next),
    ("Qwen3_5MoeForCausalLM", "qwen3_5_moe_text", qwen3_next),
    ("Qwen3_5ForConditionalGeneration", "qwen3_5", qwen3_5),
    ("Qwen3_5ForCausalLM", "qwen3_5_text", qwen3_5),
    ("MixtralForCausalLM", "mixtral", mixtral),
    ("DeepseekV2ForCausalLM", "deepseek_v2", deepseek_v2),
    ("DeepseekV3ForCausalLM", "deepseek_v3", deepseek_v3),
    ("DeepseekV3ForCausalLM", "kimi_k2", deepseek_v3),
    ("DeepseekV32ForCausalLM", "deepseek_v32", deepseek_v32),
    ("GlmMoeDsaForCausalLM", "glm_moe_dsa", deepseek_v32),
    ("Glm4MoeForCausalLM", "glm4_moe", glm4_moe),
    ("GptOssForCausalLM", "gpt_oss", gpt_oss),
    ("Llama4ForConditionalGeneration", "llama4", llama4),
    ("Llama4ForCausalLM", "llama4_text", llama4),
    ("Gemma3ForConditionalGeneration", "gemma3", gemma3),
    ("Gemma3ForCausalLM", "gemma3_text", gemma3),
    ("MiniMaxM2ForCausalLM", "minimax_m2", minimax_m2),
)
"""The first of `architectures`, `model_type`, and what reads it."""
ARCHITECTURES = {architecture: read for architecture, _, read in _TABLE}
_OF_MODEL_TYPE = {model_type: architecture for architecture, model_type, _ in _TABLE}
