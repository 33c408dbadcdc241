"""Working space of a step: what flows between the operators, on each kind of device."""

from collections.abc import Collection
from typing import Literal

from sim.physics.attention_stages import crossing
from sim.physics.parameters import kv_heads_on_device
from sim.spec.device import ELEMENT_BYTES
from sim.spec.model import LatentAttention, ModelSpec, RoutedExperts
from sim.spec.scenario import Precision

Holding = Literal["ranks", "experts", "cache"]
"""experts: the routed ones. cache: keys and values, and the cores of attention over them. ranks:
all else."""
EVERYTHING: tuple[Holding, ...] = ("ranks", "experts", "cache")

_LOGIT_BYTES = ELEMENT_BYTES["fp32"]  # engines sample from logits in fp32


def activation_bytes(
    model: ModelSpec,
    precision: Precision,
    step_tokens: int,
    sequences: int,
    *,
    tp: int = 1,
    expert_tp: int = 1,
    ranks_per_group: float | None = None,
    holds: Collection[Holding] = EVERYTHING,
) -> float:
    """Working space for the largest step.

    Two hidden vectors a token (residual and input), the widest part of a layer (its inputs and
    outputs at one time), and the logits of each sequence. Experts are taken to be balanced;
    `ranks_per_group` is how many ranks send to a group of them, where they are not those that lie
    on its devices. A model of an engine's peak, not of its allocator: fragmentation and CUDA graphs
    belong to memory_share.
    """
    parts = []
    if "ranks" in holds:
        parts += _widths_of_ranks(model, tp, holds)
    if "experts" in holds and model.experts is not None:
        chosen = model.experts.experts_per_token
        # tp * dp devices hold the copies of dp ranks, expert_tp of them the same ones.
        copies = chosen * expert_tp / tp if ranks_per_group is None else chosen * ranks_per_group
        parts.append(copies * _copy_width(model, model.experts, expert_tp))
    if "cache" in holds and "ranks" not in holds:
        parts.append(sum(crossing(model, tp)))
    per_token, logits_bytes = max(parts), 0.0
    if "ranks" in holds:
        per_token += 2 * model.hidden_size
        logits_bytes = sequences * model.vocabulary / tp * _LOGIT_BYTES
    return step_tokens * per_token * ELEMENT_BYTES[precision.activations] + logits_bytes


def _widths_of_ranks(model: ModelSpec, tp: int, holds: Collection[Holding]) -> list[float]:
    """Elements a token of each part of a layer but the routed experts."""
    rows = _rows(model)
    parts = [_attention_width(model, tp), _linear_width(model, tp)]
    if model.experts is None or len(model.expert_layers) < model.layers:
        parts.append(rows * model.intermediate_size / tp)
    if model.experts is not None and "experts" not in holds:  # copies come back to be added up
        parts.append(model.experts.experts_per_token * model.hidden_size / tp)
    return parts


def _copy_width(model: ModelSpec, experts: RoutedExperts, expert_tp: int) -> float:
    """Of a copy of a token on one of its expert's devices."""
    return 2 * model.hidden_size + _rows(model) * experts.intermediate_size / expert_tp


def _rows(model: ModelSpec) -> int:
    """Gate and up, and their product."""
    return 3 if model.gated else 2


def _attention_width(model: ModelSpec, tp: int) -> float:
    """Queries, keys, values and the context vectors."""
    attention = model.attention
    heads = attention.heads / tp
    if isinstance(attention, LatentAttention):
        query = attention.nope_size + attention.rope_size
        return heads * (2 * query + 2 * attention.value_size)
    rows = 2 + attention.output_gate
    return (rows * heads + 2 * kv_heads_on_device(attention, tp)) * attention.head_size


def _linear_width(model: ModelSpec, tp: int) -> float:
    """Queries, keys, values, the output gate and what comes out."""
    linear = model.linear
    return (linear.convolved_elements + 2 * linear.value_elements) / tp if linear else 0.0
