"""What the kinds of attention share: who decodes and who prefills, and the simple kernels."""

from collections.abc import Callable
from operator import attrgetter
from typing import Literal, NamedTuple

from sim.physics.cores import Core, attention
from sim.physics.kernels import elementwise
from sim.physics.sums import StepSums, SumsOperator
from sim.physics.work import Operator, Phase, Real, Work
from sim.spec.device import ELEMENT_BYTES
from sim.spec.model import ModelSpec
from sim.spec.scenario import Precision

Mla = Literal["auto", "absorbed", "expanded"]
"""auto: decode absorbed, prefill expanded; where an indexer chooses tokens, both absorbed."""


class Part(NamedTuple):
    """The decoding or the prefilling sequences of a step, and where in its sums they stand."""

    name: Literal["decode", "prefill"]
    queries: Callable[[StepSums], Real]
    pairs: Callable[[StepSums], Real]
    kv_tokens: Callable[[StepSums], Real]

    @property
    def prefills(self) -> bool:
        """Whether it is of prompts."""
        return self.name == "prefill"

    @classmethod
    def of(
        cls, name: Literal["decode", "prefill"], queries: str, pairs: str, kv_tokens: str
    ) -> "Part":
        """With these fields of the sums."""
        return cls(name, attrgetter(queries), attrgetter(pairs), attrgetter(kv_tokens))


PARTS = (
    Part.of("decode", "decode_tokens", "decode_kv_tokens", "decode_kv_tokens"),
    Part.of("prefill", "prefill_tokens", "prefill_pairs", "prefill_kv_tokens"),
)
"""Both, in layers that attend to everything."""
WINDOWED_PARTS = (
    Part.of("decode", "decode_tokens", "decode_window_kv_tokens", "decode_window_kv_tokens"),
    Part.of("prefill", "prefill_tokens", "prefill_window_pairs", "prefill_window_kv_tokens"),
)
"""Both, in layers with a window."""


def core_operator(
    part: Part, phase: Phase, core: Core, layers: int, precision: Precision, kernel: str
) -> SumsOperator:
    """Attention proper."""
    work_of = attention(kernel, core, precision.kv, precision.activations)

    def work(sums: StepSums) -> Work:
        queries = part.queries(sums)
        sequences = sums.prefill_sequences if part.prefills else queries
        return work_of(queries, sequences, part.pairs(sums), part.kv_tokens(sums))

    name = "windowed core" if phase == "windowed attention" else "core"
    return SumsOperator(f"{part.name} {name}", phase, layers, kernel, work, part.prefills)


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
