import pytest

from sim.physics.activations import activation_bytes
from sim.physics.memory import (
    decompressed_bytes,
    footprint,
    kv_bytes_per_token,
    state_bytes_per_sequence,
    weights_bytes,
)
from sim.physics.parameters import parameters
from sim.spec.scenario import Engine, Precision

from .catalog_files import device, model, profile

BF16 = Precision()


@pytest.mark.parametrize(
    ("name", "printed"),
    [
        ("gpt-3-175b", 4.5 * 2**20),
        ("llama-4-maverick", 192 * 2**10),
        ("llama-4-scout", 192 * 2**10),
        ("llama-3.1-8b", 128 * 2**10),
        ("llama-3.1-70b", 320 * 2**10),
        ("llama-3.1-405b", 504 * 2**10),
        ("deepseek-r1", 70_272),
        ("deepseek-v2", 69_120),
        ("deepseek-v2-lite", 31_104),
        ("kimi-k2", 70_272),
        ("qwen3-235b-a22b", 188 * 2**10),
        ("qwen3-30b-a3b", 96 * 2**10),
        ("mixtral-8x7b", 128 * 2**10),
        ("mixtral-8x22b", 224 * 2**10),
        ("gpt-oss-120b", 72 * 2**10),
        ("gpt-oss-20b", 48 * 2**10),
        ("glm-4.5", 368 * 2**10),
        ("glm-4.5-air", 184 * 2**10),
        ("grok-1", 256 * 2**10),
        ("minimax-m2.5", 62 * 2 * 8 * 128 * 2),
        ("opt-175b", 4.5 * 2**20),
        # The indexer's key: 128 elements of 8 bits and a scale in fp32.
        ("deepseek-v3.2", 70_272 + 61 * 132),
        ("glm-5", 89_856 + 78 * 132),
        # One layer in four keeps two keys and two values of 256.
        ("qwen3-next-80b-a3b", 12 * 2 * 2 * 256 * 2),
        ("qwen3.5-397b-a17b", 15 * 2 * 2 * 256 * 2),
        ("qwen3.5-35b-a3b", 10 * 2 * 2 * 256 * 2),
    ],
)
def test_a_token_leaves_the_published_bytes_in_the_cache(name: str, printed: float) -> None:
    assert kv_bytes_per_token(model(name), BF16) == printed


def test_kv_heads_are_split_over_tp_until_one_is_left_and_latents_never() -> None:
    llama, r1 = model("llama-3.1-8b"), model("deepseek-r1")

    assert kv_bytes_per_token(llama, BF16, tp=4) == 128 * 2**10 / 4
    assert kv_bytes_per_token(llama, BF16, tp=16) == 128 * 2**10 / 8
    assert kv_bytes_per_token(r1, BF16, tp=8) == 70_272


def test_the_key_of_an_indexer_is_held_whole_in_8_bits_whatever_the_cache() -> None:
    v32 = model("deepseek-v3.2")

    assert kv_bytes_per_token(v32, Precision(kv="fp8"), tp=8) == 61 * (576 + 132)


def test_linear_layers_keep_as_much_of_any_sequence() -> None:
    # 32 matrices of 128 x 128 in fp32, and three tokens of 16 x 2 keys and 32 values of 128.
    of_layer = 32 * 128 * 128 * 4 + (2 * 16 * 128 + 32 * 128) * 3 * 2

    qwen = model("qwen3-next-80b-a3b")

    assert state_bytes_per_sequence(qwen, BF16) == 36 * of_layer
    assert state_bytes_per_sequence(qwen, BF16, tp=4) == 36 * of_layer / 4
    assert state_bytes_per_sequence(model("llama-3.1-8b"), BF16) == 0


def test_an_8_bit_cache_takes_half() -> None:
    assert kv_bytes_per_token(model("deepseek-r1"), Precision(kv="fp8")) == 70_272 / 2


@pytest.mark.parametrize(
    "name",
    ["llama-3.1-8b", "deepseek-r1", "gpt-3-175b", "gpt-oss-20b", "glm-5", "qwen3-next-80b-a3b"],
)
def test_weights_of_one_device_are_all_parameters(name: str) -> None:
    assert weights_bytes(model(name), BF16) == 2 * parameters(model(name))


def test_8_bit_weights_leave_embedding_head_router_and_norms_in_16_bits() -> None:
    r1 = model("deepseek-r1")
    ends = 2 * 129_280 * 7168
    routers = 58 * (7168 * 256 + 256)
    norms = (2 * 61 + 1) * 7168 + 61 * (1536 + 512)

    in_8_bits = weights_bytes(r1, Precision(weights="fp8"))

    assert in_8_bits == parameters(r1) + ends + routers + norms


def test_tp_8_splits_all_of_a_dense_model_but_its_norms() -> None:
    llama = model("llama-3.1-70b")
    norms_bytes = 2 * (2 * 80 + 1) * 8192

    whole, eighth = weights_bytes(llama, BF16), weights_bytes(llama, BF16, tp=8)

    assert eighth == (whole - norms_bytes) / 8 + norms_bytes


def test_beyond_the_kv_heads_tp_repeats_them() -> None:
    llama = model("llama-3.1-8b")
    key_and_value_bytes = 2 * 32 * 4096 * 2 * 1024

    ideal = weights_bytes(llama, BF16) / 16
    repeated = weights_bytes(llama, BF16, tp=16)

    # An eighth instead of a sixteenth, and the norms whole.
    norms_bytes = 2 * 65 * 4096
    assert repeated - ideal == pytest.approx(key_and_value_bytes / 16 + norms_bytes * 15 / 16)


def test_deepseek_over_32_devices_holds_8_experts_a_layer_and_all_else_on_each() -> None:
    r1 = model("deepseek-r1")
    experts_bytes = 58 * 256 * 44_040_192 * 2

    on_device = weights_bytes(r1, BF16, ep=32)

    assert on_device == 2 * parameters(r1) - experts_bytes * 31 / 32


def test_experts_over_4_groups_of_2_devices_are_in_8_parts() -> None:
    mixtral = model("mixtral-8x7b")

    assert weights_bytes(mixtral, BF16, ep=4, expert_tp=2) == weights_bytes(mixtral, BF16, ep=8)


# arXiv 2507.15465, figure 9: the largest batch that 32 B200 of 192 GiB hold at 8192 tokens.
CAPACITY = [
    ("deepseek-r1-60-layers", 1, 32, 7360),
    ("llama-4-maverick", 8, 32, 3328),
    ("gpt-3-175b", 8, 1, 124),
]


@pytest.mark.parametrize(("name", "tp", "ep", "printed"), CAPACITY)
def test_32_devices_hold_the_papers_batch(name: str, tp: int, ep: int, printed: int) -> None:
    engine = Engine(
        profile=profile("ideal"), memory_share=1.0, max_step_tokens=512, max_sequences=512
    )
    b200 = device("b200-sxm").model_copy(update={"memory_bytes": 192 * 2.0**30})

    of_rank = footprint(model(name), BF16, b200, engine, tp=tp, ep=ep)

    batch = of_rank.kv_tokens // 8192 * (32 // tp)
    assert batch == pytest.approx(printed, rel=0.07)


def test_working_space_of_a_dense_step() -> None:
    # 2048 tokens: residual and input (2 x 4096) and gate, up, product (3 x 14336), 2 bytes each;
    # 128 sequences of 128256 logits of 4 bytes.
    needed = activation_bytes(model("llama-3.1-8b"), BF16, 2048, 128)

    assert needed == 2048 * (2 * 4096 + 3 * 14336) * 2 + 128 * 128_256 * 4


def test_a_model_that_does_not_fit_has_no_blocks() -> None:
    engine = Engine(profile=profile("ideal"))

    over = footprint(model("llama-3.1-70b"), BF16, device("h100-sxm"), engine)

    assert over.kv_bytes < 0
    assert over.kv_blocks == 0


def test_room_for_keys_and_values_is_what_weights_and_working_space_leave() -> None:
    engine = Engine(profile=profile("ideal"), memory_share=0.9, reserve_bytes=1e9)

    given = footprint(model("llama-3.1-8b"), BF16, device("h100-sxm"), engine)

    held = given.weights_bytes + given.activation_bytes + given.kv_blocks * 64 * 131_072
    assert held <= 80e9 * 0.9 - 1e9 < held + 64 * 131_072
    assert given.kv_tokens == given.kv_blocks * 64


@pytest.mark.parametrize(("batch", "fits"), [(64, True), (128, False)])
def test_expanded_decode_of_long_contexts_is_limited_by_what_it_decompresses(
    batch: int, fits: bool
) -> None:
    # Figure 6 of arXiv 2507.15465 ends at 64 requests of 8192 tokens on each of 32 B200.
    r1 = model("deepseek-r1-60-layers")
    tokens = batch * 8192
    held_bytes = weights_bytes(r1, BF16, ep=32) + tokens * kv_bytes_per_token(r1, BF16)

    needed_bytes = held_bytes + decompressed_bytes(r1, BF16, tokens)

    assert (needed_bytes < 192 * 2.0**30) is fits


@pytest.mark.parametrize(
    ("linear_layers", "widest"),
    [
        (36, 2 * 16 * 128 + 3 * 32 * 128),  # queries, keys, values, gate and output
        (0, (3 * 16 + 2 * 2) * 256),  # queries, gate and context; keys and values
    ],
)
def test_working_space_of_a_hybrid_is_that_of_its_widest_layer(
    linear_layers: int, widest: int
) -> None:
    qwen = model("qwen3-next-80b-a3b").model_copy(update={"experts": None, "intermediate_size": 1})
    spec = qwen if linear_layers else qwen.model_copy(update={"linear": None})

    needed = activation_bytes(spec, BF16, 100, 1)

    assert needed - 4 * 151_936 == 100 * 2 * (2 * 2048 + widest)


def test_working_space_of_experts_is_that_of_the_copies_they_get() -> None:
    # DeepSeek-R1, 100 tokens a rank of two devices. 8 copies a token: 4 on each device, or, with
    # experts in two slices, 8 with half the width (3 x 1024); in and out 2 x 7168 each.
    r1 = model("deepseek-r1")
    logits_bytes = 4 * 129_280 / 2

    needed = activation_bytes(r1, BF16, 100, 1, tp=2, expert_tp=2)

    assert needed - logits_bytes == 100 * 2 * (2 * 7168 + 8 * (2 * 7168 + 3 * 1024))
    without_slices = activation_bytes(r1, BF16, 100, 1, tp=2)
    assert without_slices - logits_bytes == 100 * 2 * (2 * 7168 + 4 * (2 * 7168 + 3 * 2048))
