"""What a transformer is made of, as far as its cost depends on it."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from sim.spec.base import Count, Source, Spec


class GroupedAttention(Spec):
    """Queries in groups that share a key and value head (MHA: one each; MQA: one for all)."""

    kind: Literal["gqa"] = "gqa"
    heads: Count
    kv_heads: Count
    head_size: Count
    qk_norm: bool = False
    qkv_bias: bool = False
    output_bias: bool = False

    @model_validator(mode="after")
    def _groups_are_whole(self) -> "GroupedAttention":
        if self.heads % self.kv_heads:
            raise ValueError(f"heads = {self.heads} must be a multiple of kv_heads = {self.kv_heads}")
        return self


class LatentAttention(Spec):
    """Multi-head latent attention: one compressed vector a token serves all heads."""

    kind: Literal["mla"]
    heads: Count
    query_rank: Count | None = None
    """Rank of the compressed query; None for a plain query projection."""
    kv_rank: Count
    nope_size: Count
    rope_size: Count
    value_size: Count


Attention = Annotated[GroupedAttention | LatentAttention, Field(discriminator="kind")]


class Window(Spec):
    """Some layers attend to the last `tokens` tokens only."""

    tokens: Count
    layers: Count
    """How many of the model's layers are windowed; the rest attend to everything."""


class RoutedExperts(Spec):
    """A mixture of experts in the place of the dense feed-forward."""

    experts: Count
    experts_per_token: Count
    intermediate_size: Count
    shared_experts: Annotated[int, Field(ge=0)] = 0
    """Experts that every token passes, of the same size as the routed ones."""
    first_dense_layers: Annotated[int, Field(ge=0)] = 0
    every: Count = 1
    """A layer of experts follows `every - 1` dense ones (after the first dense layers)."""
    expert_groups: Count = 1
    groups_per_token: Count = 1
    router_bias: bool = False
    """A bias of each expert that only steers the choice (DeepSeek-V3's load balancing)."""

    @model_validator(mode="after")
    def _choice_exists(self) -> "RoutedExperts":
        if self.experts % self.expert_groups:
            raise ValueError(
                f"experts = {self.experts} must be a multiple of expert_groups = {self.expert_groups}"
            )
        if self.groups_per_token > self.expert_groups:
            raise ValueError(
                f"groups_per_token = {self.groups_per_token} must be at most "
                f"expert_groups = {self.expert_groups}"
            )
        reachable = self.experts // self.expert_groups * self.groups_per_token
        if self.experts_per_token > reachable:
            raise ValueError(
                f"experts_per_token = {self.experts_per_token} must be at most the {reachable} "
                "experts that a token can reach"
            )
        return self


class ModelSpec(Spec):
    """One model. Layers are `attention, feed-forward`, with the norms before each."""

    name: str
    description: str = ""
    layers: Count
    hidden_size: Count
    vocabulary: Count
    positions: Annotated[int, Field(ge=0)] = 0
    """Rows of a learned position embedding; 0 for rotary positions."""
    tied_embeddings: bool = False
    attention: Attention
    window: Window | None = None
    intermediate_size: Annotated[int, Field(ge=0)] = 0
    """Of the dense feed-forward; 0 where every layer has experts."""
    gated: bool = True
    """Three matrices (gate, up, down) instead of two (up, down)."""
    feed_forward_bias: bool = False
    norm_vectors: Count = 1
    """Vectors a norm: 1 (RMS), 2 (scale and shift)."""
    experts: RoutedExperts | None = None
    source: Source

    @property
    def expert_layers(self) -> tuple[int, ...]:
        """The numbers of the layers that have experts, from 0."""
        if self.experts is None:
            return ()
        first, every = self.experts.first_dense_layers, self.experts.every
        return tuple(range(first + every - 1, self.layers, every))

    @model_validator(mode="after")
    def _layers_are_whole(self) -> "ModelSpec":
        if self.experts is not None and not self.expert_layers:
            raise ValueError(
                f"experts: first_dense_layers = {self.experts.first_dense_layers} and every = "
                f"{self.experts.every} leave none of the {self.layers} layers to the experts"
            )
        if len(self.expert_layers) < self.layers and not self.intermediate_size:
            raise ValueError("intermediate_size is missing; the model has dense layers")
        if self.window is not None and self.window.layers > self.layers:
            raise ValueError(
                f"window: layers = {self.window.layers} must be at most the model's {self.layers}"
            )
        if self.window is not None and self.attention.kind == "mla":
            raise ValueError("window: a windowed latent attention is not modelled; leave it out")
        return self
