"""What the kinds of attention share: who decodes and who prefills, and the simple kernels."""

from typing import Literal, NamedTuple

from sim.physics.kernels import Core, attention, elementwise
from sim.physics.sums import StepSums
from sim.physics.work import Operator, Phase, Real, Work
from sim.spec.device import ELEMENT_BYTES
from sim.spec.model import ModelSpec
from sim.spec.scenario import Precision

Mla = Literal["auto", "absorbed", "expanded"]
"""auto: decode absorbed, prefill expanded; where an indexer chooses tokens, both absorbed."""


class Part(NamedTuple):
    """The decoding or the prefilling sequences of a step."""

    name: Literal["decode", "prefill"]
    queries: Real
    pairs: Real
    kv_tokens: Real


def parts(sums: StepSums) -> tuple[Part, Part]:
    """Both, in layers that attend to everything."""
    kv_tokens = sums.decode_kv_tokens
    return (
        Part("decode", sums.decode_tokens, kv_tokens, kv_tokens),
        Part("prefill", sums.prefill_tokens, sums.prefill_pairs, sums.prefill_kv_tokens),
    )


def windowed_parts(sums: StepSums) -> tuple[Part, Part]:
    """Both, in layers with a window."""
    kv_tokens, pairs = sums.decode_window_kv_tokens, sums.prefill_window_pairs
    return (
        Part("decode", sums.decode_tokens, kv_tokens, kv_tokens),
        Part("prefill", sums.prefill_tokens, pairs, sums.prefill_window_kv_tokens),
    )


def core_operator(
    part: Part, phase: Phase, core: Core, layers: int, precision: Precision, kernel: str
) -> Operator:
    """Attention proper."""
    work = attention(
        core, part.queries, part.pairs, part.kv_tokens, precision.kv, precision.activations
    )
    name = "windowed core" if phase == "windowed attention" else "core"
    return Operator(f"{part.name} {name}", phase, layers, kernel, work)


def gemm(model: ModelSpec, name: str, work: Work) -> Operator:
    """A product in every layer that attends to tokens."""
    return Operator(name, "attention", model.attending_layers, "gemm", work)


def moves(model: ModelSpec, name: str, elements: Real, precision: Precision) -> Operator:
    """A kernel that only reads and writes activations."""
    work = elementwise(elements, precision.activations)
    return Operator(name, "attention", model.attending_layers, "elementwise", work)


def cache_write(model: ModelSpec, precision: Precision, elements: float, tokens: Real) -> Operator:
    """What the new tokens leave in the cache."""
    moved_bytes = elements * (ELEMENT_BYTES[precision.activations] + ELEMENT_BYTES[precision.kv])
    work = Work(0.0, moved_bytes * tokens, precision.activations)
    return Operator("cache write", "attention", model.attending_layers, "elementwise", work)
