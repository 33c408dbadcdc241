"""Attention in three stages, so that its core and the cache can lie on devices of their own.

Input: norm, projections, rotary and, absorbed, the way of queries into latent space. Core: the
cache is written, and attended to. Output: the way back, and the output projection. What moves in
between is a query for each head and what the token leaves in the cache, then a context for each
head. Layers that keep a state and those with an indexer are not cut.
"""

from typing import Literal, NamedTuple

from sim.physics.cores import Core, grouped_core, latent_core
from sim.physics.parameters import kv_heads_on_device
from sim.physics.work import Phase
from sim.spec.model import LatentAttention, ModelSpec

Stage = Literal["input", "core", "output"]

ATTENTION: frozenset[Phase] = frozenset({"attention", "full attention", "windowed attention"})
"""The parts of a model that are cut."""

_AFTER_CORES = (" value", "output", "output gate", "output norm")


def stage(name: str) -> Stage:
    """Where a kernel of attention belongs, by its name."""
    if name == "cache write" or name.endswith(" core"):
        return "core"
    return "output" if name.endswith(_AFTER_CORES) else "input"


class Crossing(NamedTuple):
    """Elements of one token that cross between the stages of a layer, for one device of a rank."""

    to_core: float
    """Queries, and what is written to the cache."""
    from_core: float
    """Contexts."""


def crossing(model: ModelSpec, tp: int) -> Crossing:
    """Of one layer; latent attention is absorbed."""
    core = _core(model, tp)
    queries, contexts = core.heads * core.query_size, core.heads * core.value_size
    return Crossing(queries + core.kv_elements, contexts)


def _core(model: ModelSpec, tp: int) -> Core:
    attention = model.attention
    if isinstance(attention, LatentAttention):
        return latent_core(attention.heads / tp, attention.kv_rank, attention.rope_size)
    kv_heads = kv_heads_on_device(attention, tp)
    return grouped_core(attention.heads / tp, kv_heads, attention.head_size)
