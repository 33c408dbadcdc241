"""Configurations written from the makers' values, against totals counted by transformers 5.23.0."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.catalog.hugging_face import ARCHITECTURES
from sim.catalog.load import load_model, load_scenario
from sim.errors import ScenarioError, ScenarioWarning
from sim.physics.parameters import parameters, router_bias_elements
from sim.spec.model import ModelSpec, Window


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
# Which transformers counts as parameters; those of the others are buffers there.
ROUTER_BIASES_ARE_COUNTED = ("gpt-oss-20b", "gpt-oss-120b")


def written(folder: Path, config: dict[str, Any]) -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / "config.json"
    path.write_text(json.dumps(config, indent="\t"))
    return path


def loaded(folder: Path, config: dict[str, Any]) -> ModelSpec:
    return load_model(written(folder, config))


@pytest.mark.parametrize("name", GOLDEN)
def test_a_config_has_the_parameters_that_transformers_counts(name: str, tmp_path: Path) -> None:
    config, total = GOLDEN[name]

    model = loaded(tmp_path, config)

    buffers = 0 if name in ROUTER_BIASES_ARE_COUNTED else router_bias_elements(model)
    assert parameters(model) - buffers == total


@pytest.mark.parametrize("name", [name for name in GOLDEN if not name.startswith("default")])
def test_a_config_is_the_model_of_the_catalog(name: str, tmp_path: Path) -> None:
    free = {"name", "description", "source"}
    of_catalog = load_model(name)

    model = loaded(tmp_path, GOLDEN[name][0])

    # A dense width that no layer has is in some files.
    if len(model.expert_layers) == model.layers:
        free.add("intermediate_size")
    assert model.model_dump(exclude=free) == of_catalog.model_dump(exclude=free)


@pytest.mark.parametrize(
    ("config", "window"),
    [
        (MISTRAL, Window(tokens=4096, layers=32)),
        (GEMMA3, Window(tokens=4096, layers=22)),  # every sixth of 26 layers sees everything
        (gpt_oss(24, 32) | {"layer_types": None}, Window(tokens=128, layers=12)),
        (qwen3(36, 4096, 32, 8, 12288), None),
        (
            qwen3(36, 4096, 32, 8, 12288)
            | {"use_sliding_window": True, "sliding_window": 4096, "max_window_layers": 28},
            Window(tokens=4096, layers=8),
        ),
    ],
)
def test_windows_are_read(config: dict[str, Any], window: Window | None, tmp_path: Path) -> None:
    assert loaded(tmp_path, config).window == window


def test_dense_layers_among_those_with_experts_are_found(tmp_path: Path) -> None:
    config = QWEN2_MOE | {"decoder_sparse_step": 2, "mlp_only_layers": [1]}

    assert loaded(tmp_path, config).expert_layers == tuple(range(3, 24, 2))


def test_a_config_in_a_scenario_is_named_for_its_folder(tmp_path: Path) -> None:
    path = written(tmp_path / "my-llama", llama(16, 4096, 32, 14336))

    model = load_scenario("chat-llama-70b", [f"model={path}", "model.layers=5"]).model

    assert (model.name, model.layers, model.hidden_size) == ("my-llama", 5, 4096)


def test_the_published_precision_is_described_and_changes_nothing(tmp_path: Path) -> None:
    fp8 = loaded(tmp_path, V3 | {"quantization_config": {"quant_method": "fp8"}})

    assert "published in fp8" in fp8.description
    assert parameters(fp8) == parameters(loaded(tmp_path, V3))


@pytest.mark.parametrize(
    ("config", "says"),
    [
        ({"architectures": ["BertModel"]}, "architectures: 'BertModel' is not modelled; known: "),
        ({"model_type": 5}, "architectures: 5 is not modelled; known: "),
        ({"architectures": []}, "architectures: None is not modelled; known: "),
        ({"model_type": "llama"}, "num_hidden_layers: is missing"),
        (MISTRAL | {"hidden_size": "4k"}, "hidden_size: '4k' is not a whole number"),
        (MISTRAL | {"num_attention_heads": 0}, "num_attention_heads: 0 must be above 0"),
        (MISTRAL | {"mlp_bias": 1}, "mlp_bias: 1 is not one of true and false"),
        (MISTRAL | {"num_key_value_heads": 5}, "attention.heads: 32 is no multiple of kv_heads"),
        (
            gpt_oss(24, 32) | {"layer_types": ["linear_attention"]},
            "layer_types: 'linear_attention'",
        ),
        (gpt_oss(24, 32) | {"layer_types": "full"}, "layer_types: 'full' is not a list"),
        (QWEN2_MOE | {"mlp_only_layers": [3]}, "follow no pattern that is modelled"),
        (QWEN2_MOE | {"shared_expert_intermediate_size": 100}, "100 is no multiple"),
        (MISTRAL | {"num_hidden_layers": 10**12}, "num_hidden_layers: 1000000000000 is above"),
        (llama4(16, 1)["text_config"] | {"moe_layers": ["a"]}, "follow no pattern"),
        (llama4(16, 1)["text_config"] | {"moe_layers": [1, 1]}, "follow no pattern"),
        (MINIMAX | {"attn_type_list": [0, 1]}, "attn_type_list: linear attention"),
    ],
)
def test_what_is_not_modelled_is_refused_in_one_line(
    config: dict[str, Any], says: str, tmp_path: Path
) -> None:
    with pytest.raises(ScenarioError) as refusal:
        loaded(tmp_path, config)

    (line,) = str(refusal.value).splitlines()
    assert says in line
    assert "config.json" in line


@pytest.mark.filterwarnings("ignore::sim.errors.ScenarioWarning")
@settings(max_examples=150, deadline=None)
@given(changed=st.data())
def test_any_value_of_any_key_is_read_or_refused(
    changed: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    config = changed.draw(st.sampled_from([config for config, _ in GOLDEN.values()]))
    config = config.get("text_config", config)
    key = changed.draw(st.sampled_from([*config, "moe_layers", "layer_types", "text_config"]))
    plain = st.none() | st.booleans() | st.integers(-2, 70) | st.just(10**15) | st.text(max_size=3)
    value = changed.draw(plain | st.lists(plain, max_size=3) | st.just({"a": 1}))

    try:
        model = loaded(tmp_path_factory.mktemp("one"), config | {key: value})
    except ScenarioError:
        return
    assert parameters(model) > 0


def test_the_known_architectures_are_listed(tmp_path: Path) -> None:
    with pytest.raises(ScenarioError) as refusal:
        loaded(tmp_path, {"architectures": ["BertModel"]})

    assert all(name in str(refusal.value) for name in ARCHITECTURES)


def test_keys_that_may_cost_are_named_in_a_warning(tmp_path: Path) -> None:
    config = llama(32, 4096, 32, 14336) | {"index_topk": 2048, "rms_norm_eps": 1e-5, "other": None}

    with pytest.warns(ScenarioWarning, match=r"config\.json: index_topk: not modelled"):
        loaded(tmp_path, config)
