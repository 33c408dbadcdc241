"""Layers that keep a state in the place of tokens."""

import pytest

from sim.physics.linear_attention_operators import chunked_scan, recurrent_update
from sim.physics.operators import Operator, operators
from sim.physics.sums import StepSums, decode, prefill, total
from sim.spec.model import LinearAttention
from sim.spec.scenario import Precision

from .catalog_files import model

BF16 = Precision()
SHAPE = LinearAttention(
    layers=1, key_heads=16, value_heads=32, key_size=128, value_size=128, convolution_tokens=4
)
STEP = total([decode(5000.0), prefill(300.0, 20.0)])


def of_phase(found: list[Operator], phase: str) -> list[Operator]:
    return [one for one in found if one.phase == phase]


def test_layers_that_attend_cost_what_they_cost_in_a_model_without_linear_ones() -> None:
    hybrid = model("qwen3-next-80b-a3b")
    plain = hybrid.model_copy(update={"linear": None, "layers": hybrid.attending_layers})

    found, alone = (operators(spec, BF16, 2, STEP) for spec in (hybrid, plain))

    assert of_phase(found, "attention") == of_phase(alone, "attention")
    assert of_phase(found, "head") == of_phase(alone, "head")
    assert not of_phase(alone, "linear attention")
    assert {one.layers for one in of_phase(found, "linear attention")} == {36}


def test_the_length_of_a_sequence_costs_a_linear_layer_nothing() -> None:
    hybrid = model("qwen3-next-80b-a3b")

    short, long = (operators(hybrid, BF16, 1, decode(length)) for length in (10.0, 100_000.0))

    assert of_phase(short, "linear attention") == of_phase(long, "linear attention")
    assert of_phase(short, "attention") != of_phase(long, "attention")


def test_decode_reads_and_writes_a_state_in_fp32() -> None:
    work = recurrent_update(SHAPE, BF16, 1, 3.0)

    state = 32 * 128 * 128
    rows_bytes = (2 * 16 * 128 + 2 * 32 * 128) * 2
    assert work.flop == 3 * (6 * state)
    assert work.bytes == 3 * (8 * state + rows_bytes)


def test_a_prompt_costs_its_chunks_of_64() -> None:
    # In each chunk and head of size d = 128: five products of 64 x 64 x d, three of 64 x d x d.
    in_chunk = 2 * 32 * (5 * 64 * 64 * 128 + 3 * 64 * 128 * 128)

    work = chunked_scan(SHAPE, BF16, 1, 640.0, 1.0)

    assert work.flop == 10 * in_chunk


def test_a_prompt_of_one_token_moves_what_a_decoding_one_moves() -> None:
    one, of_prompt = recurrent_update(SHAPE, BF16, 1, 1.0), chunked_scan(SHAPE, BF16, 1, 1.0, 1.0)

    assert of_prompt.bytes == one.bytes
    assert of_prompt.flop > one.flop


@pytest.mark.parametrize("tp", [2, 4, 16])
def test_tp_splits_the_work_on_states_evenly(tp: int) -> None:
    whole, split = (
        [recurrent_update(SHAPE, BF16, ways, 5.0), chunked_scan(SHAPE, BF16, ways, 500.0, 2.0)]
        for ways in (1, tp)
    )

    for one, part in zip(whole, split, strict=True):
        assert part.flop == pytest.approx(one.flop / tp)
        assert part.bytes == pytest.approx(one.bytes / tp)


def test_a_gate_on_the_output_doubles_the_queries() -> None:
    plain = model("llama-3.1-8b")
    attention = plain.attention.model_copy(update={"output_gate": True})
    gated = plain.model_copy(update={"attention": attention})

    flop = [
        {one.name: one.work.flop for one in operators(spec, BF16, 1, StepSums(decode_tokens=1.0))}
        for spec in (plain, gated)
    ]

    assert flop[1]["qkv"] - flop[0]["qkv"] == 2 * 4096 * 4096
