"""What the small kernels move, in elements of 16 bits a token, by hand."""

import pytest

from sim.physics.operators import operators
from sim.physics.sums import decode
from sim.spec.scenario import Precision

from .catalog_files import model

# Llama-3.1-8B on two devices: 16 heads and 4 key heads of 128 each, feed-forward 7168.
LLAMA_TP_2 = {
    "attention norm": 4 * 4096,  # input and residual read, both written
    "rotary": 2 * (16 + 4) * 128,  # read and written
    "cache write": 2 * 2 * 4 * 128,  # keys and values, read and written
    "dense norm": 4 * 4096,
    "dense activation": 3 * 7168,  # gate and up read, their product written
    "embedding": 2 * 4096,
    "final norm": 3 * 4096,
    "sampling": 128_256 / 2 * (1 + 2 + 2),  # 16 bits read; 32 written, and read
}
# DeepSeek-R1 on one device, per layer of experts or dense.
DEEPSEEK = {
    "latent norm": 2 * (1536 + 512),
    "rotary": 2 * (128 + 1) * 64,
    "cache write": 2 * 576,
    "dense activation": 3 * 18432,
    "experts norm": 4 * 7168,
    "experts top-k": 256,
    "experts shared activation": 3 * 2048,
}
# GPT-3 on one device: a position row more to read, no rotary, and one branch in its feed-forward.
GPT_3 = {"embedding": 3 * 12288, "dense activation": 2 * 49152, "cache write": 2 * 2 * 12288}
QWEN = {"query and key norm": 2 * (32 + 4) * 128}
# Two norms a half: what comes out is read and written before it is added.
GROK = {
    "attention norm": 4 * 6144,
    "attention output norm": 2 * 6144,
    "experts output norm": 2 * 6144,
}


@pytest.mark.parametrize(
    ("name", "tp", "elements"),
    [
        ("llama-3.1-8b", 2, LLAMA_TP_2),
        ("deepseek-r1", 1, DEEPSEEK),
        ("gpt-3-175b", 1, GPT_3),
        ("qwen3-30b-a3b", 1, QWEN),
        ("grok-1", 1, GROK),
    ],
)
def test_small_kernels_move_what_they_read_and_write(
    name: str, tp: int, elements: dict[str, float]
) -> None:
    found = operators(model(name), Precision(), tp, decode(1.0))
    small = [one for one in found if one.kernel == "elementwise"]
    moved = {f"{one.phase} {one.name}": one.work.bytes / 2 for one in small}
    moved |= {one.name: one.work.bytes / 2 for one in small if one.phase in ("attention", "head")}

    assert {key: moved[key] for key in elements} == elements


def test_an_8_bit_cache_is_written_in_8_bits() -> None:
    found = operators(model("deepseek-r1"), Precision(kv="fp8"), 1, decode(1.0))

    (write,) = [one for one in found if one.name == "cache write"]
    assert write.work.bytes == 576 * (2 + 1)


def test_positions_that_are_learned_need_no_rotary() -> None:
    names = {one.name for one in operators(model("gpt-3-175b"), Precision(), 1, decode(1.0))}

    assert "rotary" not in names
