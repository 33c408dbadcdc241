"""The kernels of one forward pass on one device, from the sums over its rank's sequences.

Tensor parallelism splits heads, feed-forward columns and the vocabulary; embeddings look their rows
up. Routed experts are apart (`expert_operators`), because their tokens come from the routing.
Collectives and expert traffic belong to the network.
"""

from sim.physics.attention_operators import Mla, attention_operators
from sim.physics.feed_forward_operators import dense_operators, expert_operators, gate_operators
from sim.physics.kernels import elementwise, product
from sim.physics.sums import StepSums
from sim.physics.work import Operator, Real, Work
from sim.spec.device import ELEMENT_BYTES
from sim.spec.model import ModelSpec
from sim.spec.scenario import Precision

__all__ = ["Mla", "Operator", "expert_operators", "operators"]

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
    found = _ends(model, precision, tp, tokens, sums.sampled_tokens)
    found += attention_operators(model, precision, tp, sums, mla)
    if len(model.expert_layers) < model.layers:
        found += dense_operators(model, precision, tp, tokens)
    if model.experts is not None:
        same = shared_tp or tp
        found += gate_operators(model, model.experts, precision, same, tokens * same / tp)
    return found


def _ends(
    model: ModelSpec, precision: Precision, tp: int, tokens: Real, sampled: Real
) -> list[Operator]:
    hidden, element = model.hidden_size, precision.activations
    rows = 3 if model.positions else 2  # token row, position row, and what is written
    logits = model.vocabulary / tp
    # The logits are read once, written in fp32, and read again.
    sampling_bytes = sampled * logits * (ELEMENT_BYTES[element] + 2 * _FP32_BYTES)
    return [
        Operator(
            "embedding", "head", 1, "elementwise", elementwise(rows * hidden * tokens, element)
        ),
        Operator("final norm", "head", 1, "elementwise", elementwise(3 * hidden * tokens, element)),
        Operator("head", "head", 1, "gemm", product(sampled, logits, hidden, element, element)),
        Operator("sampling", "head", 1, "elementwise", Work(0.0, sampling_bytes, element)),
    ]
