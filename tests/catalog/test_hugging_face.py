"""Models read from config.json files of Hugging Face."""

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
from sim.spec.model import LinearAttention, ModelSpec, Window
from tests.catalog.hugging_face_configs import (
    GEMMA3,
    GOLDEN,
    MINIMAX,
    MISTRAL,
    QWEN2_MOE,
    QWEN3_NEXT,
    V3,
    V32,
    gpt_oss,
    llama,
    llama4,
    qwen3,
    qwen3_5_moe,
)

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


def test_linear_layers_are_those_listed_else_all_but_one_in_so_many(tmp_path: Path) -> None:
    shape = {"key_heads": 16, "value_heads": 32, "key_size": 128, "value_size": 128}
    one_full = QWEN3_NEXT | {"layer_types": ["linear_attention"] * 47 + ["full_attention"]}
    every_sixth = QWEN3_NEXT | {"full_attention_interval": 6}
    none = QWEN3_NEXT | {"full_attention_interval": 1}

    found = [loaded(tmp_path, config).linear for config in (one_full, every_sixth, none)]

    assert found == [
        LinearAttention(layers=47, convolution_tokens=4, **shape),
        LinearAttention(layers=40, convolution_tokens=4, **shape),
        None,
    ]


def test_a_hybrid_without_experts_is_read(tmp_path: Path) -> None:
    config = qwen3_5_moe(1, 1, 1, 64, 5120, 24, 48)["text_config"]
    dense = {key: config[key] for key in config if "expert" not in key and "moe" not in key}

    model = loaded(tmp_path, dense | {"model_type": "qwen3_5_text", "intermediate_size": 17408})

    assert model.experts is None
    assert model.linear is not None
    assert model.linear.layers == 48


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


NVFP4 = {"quantization": {"quant_algo": "NVFP4", "kv_cache_quant_algo": "FP8"}}


@pytest.mark.parametrize(
    ("given", "beside", "says"),
    [
        ({}, NVFP4, "config.json, published in NVFP4, for a cache in FP8."),
        (
            {"quant_method": "modelopt", "quant_algo": "FP8"},
            NVFP4,
            ", published in NVFP4, for a cache in FP8.",
        ),
        ({"quant_method": "modelopt", "quant_algo": "NVFP4"}, None, "json, published in NVFP4."),
        (
            {"quant_method": "fp8", "kv_cache_scheme": {"num_bits": 8, "type": "float"}},
            None,
            ", published in fp8, for a cache in 8-bit float.",
        ),
        ({"quant_method": "awq", "bits": 4}, None, ", published in 4-bit (awq)."),
        (
            {
                "quant_method": "compressed-tensors",
                "config_groups": {"group_0": {"weights": {"num_bits": 8, "type": "float"}}},
            },
            None,
            ", published in 8-bit float (compressed-tensors).",
        ),
        ({}, {"quantization": {"quant_algo": None}}, "config.json."),
    ],
)
def test_the_published_precision_is_in_either_of_two_files(
    given: dict[str, Any], beside: dict[str, Any] | None, says: str, tmp_path: Path
) -> None:
    if beside is not None:
        (tmp_path / "hf_quant_config.json").write_text(json.dumps(beside))

    model = loaded(tmp_path, V3 | {"quantization_config": given})

    assert model.description.endswith(says)


@pytest.mark.parametrize("text", ["{}", '{"quantization": [1]}', '{"quantization": '])
def test_a_broken_file_of_the_precision_is_refused_in_one_line(text: str, tmp_path: Path) -> None:
    (tmp_path / "hf_quant_config.json").write_text(text)

    with pytest.raises(ScenarioError) as refusal:
        loaded(tmp_path, V3)

    (line,) = str(refusal.value).splitlines()
    assert "hf_quant_config.json" in line


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
            gpt_oss(24, 32) | {"layer_types": ["linear_attention"] * 24},
            "layer_types: 'linear_attention'",
        ),
        (gpt_oss(24, 32) | {"layer_types": "full"}, "layer_types: 'full' is not a list"),
        (
            QWEN3_NEXT | {"layer_types": ["linear_attention"] * 3},
            "layer_types: 3 entries for num_hidden_layers = 48; give one each",
        ),
        (QWEN2_MOE | {"mlp_only_layers": [3]}, "follow no pattern that is modelled"),
        (QWEN2_MOE | {"shared_expert_intermediate_size": 100}, "100 is no multiple"),
        (MISTRAL | {"num_hidden_layers": 10**12}, "num_hidden_layers: 1000000000000 is above"),
        (llama4(16, 1)["text_config"] | {"moe_layers": ["a"]}, "follow no pattern"),
        (llama4(16, 1)["text_config"] | {"moe_layers": [1, 1]}, "follow no pattern"),
        (MINIMAX | {"attn_type_list": [0, 1]}, "attn_type_list: linear attention"),
        (V32 | {"q_lora_rank": None}, "attention.query_rank: is missing"),
        (V32 | {"index_topk": 0}, "index_topk: 0 must be above 0"),
        (QWEN3_NEXT | {"full_attention_interval": 49}, "linear.layers: 48 must be below"),
        (QWEN3_NEXT | {"mamba_ssm_dtype": "bfloat16"}, "mamba_ssm_dtype: 'bfloat16' is not"),
        (QWEN3_NEXT | {"linear_num_value_heads": 24}, "linear.value_heads: 24 is no multiple"),
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
@settings(deadline=None)
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
