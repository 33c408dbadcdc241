"""Configurations written from the makers' values, and totals counted by transformers 5.23.0."""

from typing import Any


def llama(layers: int, hidden: int, heads: int, size: int) -> dict[str, Any]:
    return {
        "architectures": ["LlamaForCausalLM"],
        "num_hidden_layers": layers,
        "hidden_size": hidden,
        "num_attention_heads": heads,
        "num_key_value_heads": 8,
        "intermediate_size": size,
        "vocab_size": 128256,
        "rope_theta": 500000.0,
        "attention_bias": False,
        "max_position_embeddings": 131072,
    }


def qwen3(layers: int, hidden: int, heads: int, kv_heads: int, size: int) -> dict[str, Any]:
    return {
        "architectures": ["Qwen3ForCausalLM"],
        "num_hidden_layers": layers,
        "hidden_size": hidden,
        "num_attention_heads": heads,
        "num_key_value_heads": kv_heads,
        "head_dim": 128,
        "intermediate_size": size,
        "vocab_size": 151936,
        "use_sliding_window": False,
        "sliding_window": None,
        "max_window_layers": layers,
    }


def qwen3_moe(size: int, *shape: int) -> dict[str, Any]:
    return qwen3(*shape) | {
        "architectures": ["Qwen3MoeForCausalLM"],
        "num_experts": 128,
        "num_experts_per_tok": 8,
        "moe_intermediate_size": size,
        "decoder_sparse_step": 1,
        "mlp_only_layers": [],
    }


def mixtral(layers: int, hidden: int, heads: int, size: int) -> dict[str, Any]:
    return llama(layers, hidden, heads, size) | {
        "architectures": ["MixtralForCausalLM"],
        "head_dim": None,
        "vocab_size": 32000,
        "num_local_experts": 8,
        "num_experts_per_tok": 2,
        "sliding_window": None,
    }


def deepseek(experts: int, heads: int, first: int, vocabulary: int) -> dict[str, Any]:
    return {
        "architectures": ["DeepseekV3ForCausalLM"],
        "num_hidden_layers": 61,
        "hidden_size": 7168,
        "num_attention_heads": heads,
        "num_key_value_heads": heads,
        "q_lora_rank": 1536,
        "kv_lora_rank": 512,
        "qk_nope_head_dim": 128,
        "qk_rope_head_dim": 64,
        "v_head_dim": 128,
        "intermediate_size": 18432,
        "n_routed_experts": experts,
        "num_experts_per_tok": 8,
        "n_shared_experts": 1,
        "moe_intermediate_size": 2048,
        "first_k_dense_replace": first,
        "moe_layer_freq": 1,
        "topk_method": "noaux_tc",
        "n_group": 1,
        "topk_group": 1,
        "num_nextn_predict_layers": 1,
        "vocab_size": vocabulary,
    }


def gpt_oss(layers: int, experts: int) -> dict[str, Any]:
    return {
        "architectures": ["GptOssForCausalLM"],
        "num_hidden_layers": layers,
        "hidden_size": 2880,
        "num_attention_heads": 64,
        "num_key_value_heads": 8,
        "head_dim": 64,
        "attention_bias": True,
        "sliding_window": 128,
        "layer_types": ["sliding_attention", "full_attention"] * (layers // 2),
        "intermediate_size": 2880,
        "num_local_experts": experts,
        "num_experts_per_tok": 4,
        "experts_per_token": 4,
        "vocab_size": 201088,
        "quantization_config": {"quant_method": "mxfp4"},
    }


def llama4(experts: int, every: int) -> dict[str, Any]:
    return {
        "architectures": ["Llama4ForConditionalGeneration"],
        "vision_config": {"hidden_size": 1408},
        "text_config": {
            "model_type": "llama4_text",
            "num_hidden_layers": 48,
            "hidden_size": 5120,
            "num_attention_heads": 40,
            "num_key_value_heads": 8,
            "head_dim": 128,
            "attention_chunk_size": 8192,
            "no_rope_layers": [],
            "intermediate_size": 8192,
            "intermediate_size_mlp": 16384,
            "num_local_experts": experts,
            "num_experts_per_tok": 1,
            "interleave_moe_layer_step": every,
            "use_qk_norm": every == 1,
            "vocab_size": 202048,
        },
    }


# Here and in the next ones, the defaults of transformers' configuration classes.
GLM4_MOE = {
    "model_type": "glm4_moe",
    "num_hidden_layers": 46,
    "hidden_size": 4096,
    "num_attention_heads": 96,
    "num_key_value_heads": 8,
    "intermediate_size": 10944,
    "moe_intermediate_size": 1408,
    "n_routed_experts": 128,
    "num_experts_per_tok": 8,
    "n_shared_experts": 1,
    "first_k_dense_replace": 1,
    "vocab_size": 151552,
}
QWEN2_MOE = {
    "model_type": "qwen2_moe",
    "num_hidden_layers": 24,
    "hidden_size": 2048,
    "num_attention_heads": 16,
    "num_key_value_heads": 16,
    "intermediate_size": 5632,
    "moe_intermediate_size": 1408,
    "shared_expert_intermediate_size": 5632,
    "num_experts": 60,
    "num_experts_per_tok": 4,
    "vocab_size": 151936,
}
DEEPSEEK_V2 = {
    "model_type": "deepseek_v2",
    "num_hidden_layers": 32,
    "hidden_size": 4096,
    "num_attention_heads": 32,
    "q_lora_rank": 1536,
    "kv_lora_rank": 512,
    "qk_nope_head_dim": 128,
    "qk_rope_head_dim": 64,
    "v_head_dim": 128,
    "intermediate_size": 11008,
    "moe_intermediate_size": 1408,
    "n_routed_experts": 64,
    "n_shared_experts": 2,
    "num_experts_per_tok": 6,
    "topk_method": "greedy",
    "vocab_size": 102400,
}
GEMMA3 = {
    "model_type": "gemma3_text",
    "num_hidden_layers": 26,
    "hidden_size": 2304,
    "num_attention_heads": 8,
    "num_key_value_heads": 4,
    "head_dim": 256,
    "intermediate_size": 9216,
    "sliding_window": 4096,
    "sliding_window_pattern": 6,
    "vocab_size": 262208,
}
MINIMAX = {
    "architectures": ["MiniMaxM2ForCausalLM"],
    "num_hidden_layers": 62,
    "hidden_size": 3072,
    "num_attention_heads": 48,
    "num_key_value_heads": 8,
    "head_dim": 128,
    "use_qk_norm": True,
    "qk_norm_type": "per_layer",
    "intermediate_size": 1536,
    "num_local_experts": 256,
    "num_experts_per_tok": 8,
    "use_routing_bias": True,
    "num_mtp_modules": 3,
    "attn_type_list": [1] * 62,
    "vocab_size": 200064,
}
V3 = deepseek(256, 128, 3, 129280) | {"n_group": 8, "topk_group": 4}
KIMI = deepseek(384, 64, 1, 163840) | {"model_type": "kimi_k2"}
MISTRAL = llama(32, 4096, 32, 14336) | {
    "architectures": ["MistralForCausalLM"],
    "sliding_window": 4096,
    "vocab_size": 32000,
}
V32 = V3 | {
    "architectures": ["DeepseekV32ForCausalLM"],
    "index_topk": 2048,
    "index_n_heads": 64,
    "index_head_dim": 128,
}
GLM5 = deepseek(256, 64, 3, 154880) | {
    "architectures": ["GlmMoeDsaForCausalLM"],
    "num_hidden_layers": 78,
    "hidden_size": 6144,
    "head_dim": 64,
    "q_lora_rank": 2048,
    "qk_nope_head_dim": 192,
    "qk_head_dim": 256,
    "v_head_dim": 256,
    "intermediate_size": 12288,
    "index_topk": 2048,
    "index_n_heads": 32,
    "index_head_dim": 128,
    "indexer_rope_interleave": True,
}


def qwen_hybrid(layers: int, hidden: int, heads: int, value_heads: int) -> dict[str, Any]:
    return {
        "num_hidden_layers": layers,
        "hidden_size": hidden,
        "num_attention_heads": heads,
        "num_key_value_heads": 2,
        "head_dim": 256,
        "full_attention_interval": 4,
        "layer_types": (["linear_attention"] * 3 + ["full_attention"]) * (layers // 4),
        "linear_conv_kernel_dim": 4,
        "linear_num_key_heads": 16,
        "linear_num_value_heads": value_heads,
        "linear_key_head_dim": 128,
        "linear_value_head_dim": 128,
        "mlp_only_layers": [],
        "vocab_size": 248320,
    }


def qwen3_5_moe(experts: int, chosen: int, size: int, *shape: int) -> dict[str, Any]:
    return {
        "architectures": ["Qwen3_5MoeForConditionalGeneration"],
        "vision_config": {"hidden_size": 1152},
        "text_config": qwen_hybrid(*shape)
        | {
            "model_type": "qwen3_5_moe_text",
            "attn_output_gate": True,
            "mamba_ssm_dtype": "float32",
            "mtp_num_hidden_layers": 1,
            "mtp_use_dedicated_embeddings": False,
            "num_experts": experts,
            "num_experts_per_tok": chosen,
            "moe_intermediate_size": size,
            "shared_expert_intermediate_size": size,
        },
    }


# Without the layers' types, as the file of Qwen/Qwen3-Next-80B-A3B-Instruct is written.
QWEN3_NEXT = qwen_hybrid(48, 2048, 16, 32) | {
    "architectures": ["Qwen3NextForCausalLM"],
    "layer_types": None,
    "vocab_size": 151936,
    "decoder_sparse_step": 1,
    "intermediate_size": 5120,
    "num_experts": 512,
    "num_experts_per_tok": 10,
    "moe_intermediate_size": 512,
    "shared_expert_intermediate_size": 512,
}
GOLDEN = {
    "llama-3.1-8b": (llama(32, 4096, 32, 14336), 8_030_261_248),
    "llama-3.1-70b": (llama(80, 8192, 64, 28672), 70_553_706_496),
    "llama-3.1-405b": (llama(126, 16384, 128, 53248), 405_853_388_800),
    "mixtral-8x7b": (mixtral(32, 4096, 32, 14336), 46_702_792_704),
    "mixtral-8x22b": (mixtral(56, 6144, 48, 16384), 140_620_634_112),
    "qwen3-8b": (qwen3(36, 4096, 32, 8, 12288), 8_190_735_360),
    "qwen3-32b": (qwen3(64, 5120, 64, 8, 25600), 32_762_123_264),
    "qwen3-30b-a3b": (qwen3_moe(768, 48, 2048, 32, 4, 6144), 30_532_122_624),
    "qwen3-235b-a22b": (qwen3_moe(1536, 94, 4096, 64, 4, 12288), 235_093_634_560),
    "deepseek-v3": (V3, 671_026_404_352),
    "kimi-k2": (KIMI, 1_026_408_209_408),
    "deepseek-v3.2": (V32, 671_877_929_216),
    "glm-5": (GLM5, 743_911_199_232),
    "qwen3-next-80b-a3b": (QWEN3_NEXT, 79_674_391_296),
    "qwen3.5-397b-a17b": (qwen3_5_moe(512, 10, 1024, 60, 4096, 32, 64), 396_346_350_336),
    "qwen3.5-35b-a3b": (qwen3_5_moe(256, 8, 512, 40, 2048, 16, 32), 34_660_610_688),
    "gpt-oss-20b": (gpt_oss(24, 32), 20_914_757_184),
    "gpt-oss-120b": (gpt_oss(36, 128), 116_829_156_672),
    "llama-4-scout": (llama4(16, 1), 107_769_861_120),
    "llama-4-maverick": (llama4(128, 2), 400_711_848_960),
    "minimax-m2.5": (MINIMAX, 228_689_748_992),
    "default-glm4_moe": (GLM4_MOE, 103_481_200_640),
    "default-qwen2_moe": (QWEN2_MOE, 14_315_784_192),
    "default-deepseek_v2": (DEEPSEEK_V2, 38_638_260_224),
    "default-gemma3_text": (GEMMA3, 2_628_658_432),
}
