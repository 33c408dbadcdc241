"""What lies in a device's memory: weights, working space, states, and room for keys and values.

One rank's cache is as large on each of its devices, so the tokens of a rank are those of a device.
Where routed experts or the cache lie on devices of their own, each kind of device holds its part.
Windowed layers are given room for every token, as engines without a separate pool for them do. The
states of linear layers are kept ready for as many sequences as the engine serves at a time.
"""

from collections.abc import Collection
from dataclasses import dataclass

from sim.physics.activations import EVERYTHING, Holding, activation_bytes
from sim.physics.parameters import STATE_ELEMENT, Split, kv_heads_on_device, tensors
from sim.physics.sparse_attention_operators import index_key_bytes
from sim.physics.work import Real
from sim.spec.device import ELEMENT_BYTES, DeviceSpec
from sim.spec.model import LatentAttention, ModelSpec
from sim.spec.scenario import Engine, Precision


@dataclass(frozen=True, slots=True)
class Footprint:
    """How one device's memory is given out."""

    usable_bytes: float
    """The engine's share of the memory, less what is kept free."""
    weights_bytes: float
    activation_bytes: float
    state_bytes: float
    """Of all sequences that are served at a time; 0 without linear layers."""
    kv_bytes_per_token: float
    kv_block_tokens: int

    @property
    def kv_bytes(self) -> float:
        """Room for keys and values; below 0 where the rest does not fit."""
        taken_bytes = self.weights_bytes + self.activation_bytes + self.state_bytes
        return self.usable_bytes - taken_bytes

    @property
    def kv_blocks(self) -> int:
        """Whole blocks that fit; none where no keys and values are held."""
        block_bytes = self.kv_block_tokens * self.kv_bytes_per_token
        if not block_bytes:
            return 0
        return max(0, int(self.kv_bytes // block_bytes))

    @property
    def kv_tokens(self) -> int:
        """Tokens that fit, in whole blocks."""
        return self.kv_blocks * self.kv_block_tokens

    @property
    def fits(self) -> bool:
        """Whether there is room for all, and for a block of the cache where that is held."""
        return self.kv_blocks > 0 if self.kv_bytes_per_token else self.kv_bytes >= 0


def footprint(
    model: ModelSpec,
    precision: Precision,
    device: DeviceSpec,
    engine: Engine,
    *,
    tp: int = 1,
    ep: int = 1,
    expert_tp: int = 1,
    shared_tp: int | None = None,
    dp: int | None = None,
    redundant_experts: int = 0,
    holds: Collection[Holding] = EVERYTHING,
) -> Footprint:
    """The memory of each device of a replica; experts lie evenly over `ep * expert_tp` devices.

    Of `redundant_experts` of each layer there is a further copy. `shared_tp` devices (by default
    tp) share the weights of the shared experts. `dp` ranks (by default as many as have tp of these
    devices each) send tokens to the experts.
    """
    copies = redundant_experts * len(model.expert_layers) if "experts" in holds else 0
    copies_bytes = copies * expert_bytes(model, precision) / (ep * expert_tp)
    return Footprint(
        usable_bytes=device.memory_bytes * engine.memory_share - engine.reserve_bytes,
        weights_bytes=weights_bytes(
            model,
            precision,
            tp=tp,
            ep=ep,
            expert_tp=expert_tp,
            shared_tp=shared_tp,
            holds=holds,
        )
        + copies_bytes,
        activation_bytes=activation_bytes(
            model,
            precision,
            engine.max_step_tokens,
            engine.max_sequences,
            tp=tp,
            expert_tp=expert_tp,
            ranks_per_group=None if dp is None else dp / ep,
            holds=holds,
        ),
        state_bytes=engine.max_sequences * state_bytes_per_sequence(model, precision, tp=tp)
        if "cache" in holds
        else 0.0,
        kv_bytes_per_token=kv_bytes_per_token(model, precision, tp=tp) if "cache" in holds else 0.0,
        kv_block_tokens=engine.kv_block_tokens,
    )


def weights_bytes(
    model: ModelSpec,
    precision: Precision,
    *,
    tp: int = 1,
    ep: int = 1,
    expert_tp: int = 1,
    shared_tp: int | None = None,
    holds: Collection[Holding] = EVERYTHING,
) -> float:
    """Weights on one device."""
    weights, others = ELEMENT_BYTES[precision.weights], ELEMENT_BYTES[precision.activations]
    ways: dict[Split, float] = {
        "whole": 1,
        "tp": tp,
        "kv_heads": _kv_ways(model, tp),
        "shared": shared_tp or tp,
        "experts": ep * expert_tp,
    }
    held = (
        tensor.elements * (weights if tensor.is_quantised else others) / ways[tensor.split]
        for tensor in tensors(model)
        if ("experts" if tensor.split == "experts" else "ranks") in holds
    )
    return sum(held, 0.0)


def expert_bytes(model: ModelSpec, precision: Precision) -> float:
    """Weights of one routed expert of one layer; 0 of a dense model."""
    if model.experts is None:
        return 0.0
    weights, others = ELEMENT_BYTES[precision.weights], ELEMENT_BYTES[precision.activations]
    total_bytes = sum(
        tensor.elements * (weights if tensor.is_quantised else others)
        for tensor in tensors(model)
        if tensor.split == "experts"
    )
    return total_bytes / (len(model.expert_layers) * model.experts.experts)


def kv_bytes_per_token(model: ModelSpec, precision: Precision, *, tp: int = 1) -> float:
    """What one token leaves in the cache of one device, over all layers.

    Key and value heads are split over tp; the latent vector of MLA is held whole by each device,
    and so is the key of an indexer, in its own type. Linear layers keep nothing of a token.
    """
    attention, layers = model.attention, model.attending_layers
    if not isinstance(attention, LatentAttention):
        elements = 2 * kv_heads_on_device(attention, tp) * attention.head_size
        return layers * elements * ELEMENT_BYTES[precision.kv]
    latent_bytes = (attention.kv_rank + attention.rope_size) * ELEMENT_BYTES[precision.kv]
    index_bytes = index_key_bytes(attention.sparse) if attention.sparse else 0.0
    return layers * (latent_bytes + index_bytes)


def state_bytes_per_sequence(model: ModelSpec, precision: Precision, *, tp: int = 1) -> float:
    """What the linear layers keep of a sequence on one device, however long it is.

    A matrix for each value head, and what the convolution sees of the tokens before the next one.
    """
    linear = model.linear
    if linear is None:
        return 0.0
    matrices = linear.value_heads * linear.key_size * linear.value_size
    convolved = linear.convolved_elements * (linear.convolution_tokens - 1)
    state_bytes = matrices * ELEMENT_BYTES[STATE_ELEMENT]
    state_bytes += convolved * ELEMENT_BYTES[precision.activations]
    return linear.layers * state_bytes / tp


def decompressed_bytes(
    model: ModelSpec, precision: Precision, kv_tokens: Real, *, tp: int = 1
) -> Real:
    """Keys and values of so many cached tokens, written out for one layer of expanded MLA.

    Not part of `activation_bytes`: engines decompress prompts in chunks. Who decodes expanded holds
    those of the whole batch at a time.
    """
    attention = model.attention
    assert isinstance(attention, LatentAttention), "only latent attention is decompressed"
    per_head = attention.nope_size + attention.rope_size + attention.value_size
    return kv_tokens * per_head * attention.heads / tp * ELEMENT_BYTES[precision.kv]


def _kv_ways(model: ModelSpec, tp: int) -> float:
    """Over how many devices key and value projections are spread."""
    attention = model.attention
    if isinstance(attention, LatentAttention):
        return tp
    return attention.kv_heads / kv_heads_on_device(attention, tp)
