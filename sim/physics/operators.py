"""The kernels of one forward pass on one device, from the sums over its rank's sequences.

Tensor parallelism splits heads, feed-forward columns and the vocabulary; embeddings look their rows
up. Routed experts are apart (`expert_operators`), because their tokens come from the routing.
Collectives and expert traffic belong to the network.
"""

from sim.physics.attention_operators import Mla, attention_operators, projections
from sim.physics.feed_forward_operators import dense_operators, expert_operators, gate_operators
from sim.physics.kernels import elementwise, product
from sim.physics.sums import StepSums
from sim.physics.work import Operator, Real, Work
from sim.spec.device import ELEMENT_BYTES
from sim.spec.model import ModelSpec
from sim.spec.scenario import Precision

__all__ = [
    "Mla",
    "Operator",
    "expert_operators",
    "operators",
    "operators_by_sampled",
    "operators_by_tokens",
]

_FP32_BYTES = ELEMENT_BYTES["fp32"]


def operators(
    model: ModelSpec,
    precision: Precision,
    tp: int,
    sums: StepSums,
    mla: Mla = "auto",
    shared_tp: int | None = None,
) -> list[Operator]:
    """Every kernel of a step but the routed experts, with its work on one device.

    `shared_tp` devices (by default tp) have the same tokens where the experts are entered, and
    share the weights of the shared ones; the rank's tokens are spread over the others.
    """
    tokens = sums.decode_tokens + sums.prefill_tokens
    same = shared_tp or tp
    return [
        *_embedding(model, precision, tokens),
        *operators_by_sampled(model, precision, tp, sums.sampled_tokens),
        *attention_operators(model, precision, tp, sums, mla),
        *_feed_forward(model, precision, tp, same, tokens),
    ]


def operators_by_tokens(
    model: ModelSpec, precision: Precision, tp: int, shared_tp: int, tokens: Real
) -> list[Operator]:
    """Those of `operators` that see nothing but how many tokens a step has."""
    return [
        *_embedding(model, precision, tokens),
        *projections(model, precision, tp, tokens),
        *_feed_forward(model, precision, tp, shared_tp, tokens),
    ]


def _feed_forward(
    model: ModelSpec, precision: Precision, tp: int, shared_tp: int, tokens: Real
) -> list[Operator]:
    found: list[Operator] = []
    if len(model.expert_layers) < model.layers:
        found += dense_operators(model, precision, tp, tokens)
    if model.experts is not None:
        found += gate_operators(model, model.experts, precision, shared_tp, tokens * shared_tp / tp)
    return found


def _embedding(model: ModelSpec, precision: Precision, tokens: Real) -> list[Operator]:
    hidden, element = model.hidden_size, precision.activations
    rows = 3 if model.positions else 2  # token row, position row, and what is written
    return [
        Operator(
            "embedding", "head", 1, "elementwise", elementwise(rows * hidden * tokens, element)
        ),
        Operator("final norm", "head", 1, "elementwise", elementwise(3 * hidden * tokens, element)),
    ]


def operators_by_sampled(
    model: ModelSpec, precision: Precision, tp: int, sampled: Real
) -> list[Operator]:
    """Those that depend on how many sequences get a token."""
    hidden, element = model.hidden_size, precision.activations
    logits = model.vocabulary / tp
    # The logits are read once, written in fp32, and read again.
    sampling_bytes = sampled * logits * (ELEMENT_BYTES[element] + 2 * _FP32_BYTES)
    return [
        Operator("head", "head", 1, "gemm", product(sampled, logits, hidden, element, element)),
        Operator("sampling", "head", 1, "elementwise", Work(0.0, sampling_bytes, element)),
    ]
