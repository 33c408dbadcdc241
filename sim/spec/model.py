"""What a transformer is made of, as far as its cost depends on it."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from sim.spec.attention import (
    Attention,
    GroupedAttention,
    LatentAttention,
    LinearAttention,
    SparseIndexer,
    Window,
)
from sim.spec.base import AtLeastZero, Count, MisfitError, Source, Spec

# What a model is made of is asked for here, though attention has a file of its own.
__all__ = [
    "GroupedAttention",
    "LatentAttention",
    "LinearAttention",
    "ModelSpec",
    "RoutedExperts",
    "SparseIndexer",
    "Window",
]


class RoutedExperts(Spec):
    """A mixture of experts in the place of the dense feed-forward."""

    experts: Annotated[int, Field(gt=0, le=100_000)]
    """Routed experts in a layer."""
    experts_per_token: Count
    """How many of them a token passes."""
    intermediate_size: Count
    """Width of an expert."""
    shared_experts: AtLeastZero = 0
    """Experts that every token passes, of the same size as the routed ones."""
    first_dense_layers: AtLeastZero = 0
    """First layers that have no experts."""
    every: Count = 1
    """A layer of experts follows `every - 1` dense ones (after the first dense layers)."""
    expert_groups: Count = 1
    """Groups that the experts are divided into."""
    groups_per_token: Count = 1
    """Groups that a token chooses first; its experts are in these."""
    shared_gate: bool = False
    """A vector that weighs what the shared experts say."""
    router_bias: bool = False
    """A bias of each expert in the choice (as DeepSeek-V3's, that balances the load)."""

    @model_validator(mode="after")
    def _choice_exists(self) -> "RoutedExperts":
        if self.experts % self.expert_groups:
            raise MisfitError(
                ("experts",),
                f"{self.experts} is no multiple of expert_groups = {self.expert_groups}; "
                "change one",
            )
        if self.groups_per_token > self.expert_groups:
            raise MisfitError(
                ("groups_per_token",),
                f"{self.groups_per_token} is above expert_groups = {self.expert_groups}; "
                "change one",
            )
        reachable = self.experts // self.expert_groups * self.groups_per_token
        if self.experts_per_token > reachable:
            raise MisfitError(
                ("experts_per_token",),
                f"{self.experts_per_token} is above the {reachable} experts that a token can "
                "reach; write fewer",
            )
        if self.shared_gate and not self.shared_experts:
            raise MisfitError(("shared_gate",), "needs shared_experts; give them or leave it out")
        return self


class ModelSpec(Spec):
    """One model. Layers are `attention, feed-forward`, with norms before (and after) each."""

    name: str
    """The name in results; by default the file's."""
    description: str = ""
    """One line for `moesim list`."""
    layers: Annotated[int, Field(gt=0, le=100_000)]
    """Number of layers."""
    hidden_size: Count
    """Width of the residual stream."""
    vocabulary: Count
    """Number of tokens there are."""
    positions: AtLeastZero = 0
    """Rows of a learned position embedding; 0 for rotary positions."""
    tied_embeddings: bool = False
    """The head is the embedding, and stored once."""
    attention: Attention
    """How it attends to tokens."""
    window: Window | None = None
    """Layers that attend to near tokens only."""
    linear: LinearAttention | None = None
    """Layers that keep a state instead of attending to tokens."""
    intermediate_size: AtLeastZero = 0
    """Of the dense feed-forward; 0 where every layer has experts."""
    gated: bool = True
    """Three matrices (gate, up, down) instead of two (up, down)."""
    feed_forward_bias: bool = False
    """The matrices have biases, those of experts too."""
    norms_per_layer: Literal[2, 4] = 2
    """2: before attention and before the feed-forward. 4: after each as well."""
    norm_vectors: Count = 1
    """Vectors a norm: 1 (RMS), 2 (scale and shift)."""
    experts: RoutedExperts | None = None
    """A mixture of experts."""
    source: Source
    """Where the numbers are from: one text, or a text for each key."""

    @property
    def expert_layers(self) -> tuple[int, ...]:
        """The numbers of the layers that have experts, from 0."""
        if self.experts is None:
            return ()
        first, every = self.experts.first_dense_layers, self.experts.every
        return tuple(range(first + every - 1, self.layers, every))

    @property
    def attending_layers(self) -> int:
        """Layers that attend to tokens and keep their keys and values; the others are linear."""
        return self.layers - (self.linear.layers if self.linear else 0)

    @property
    def counted_window(self) -> Window | None:
        """What the sums of a step count apart from everything.

        Tokens that an indexer chooses are as many as a sliding window of that size would have.
        """
        sparse = self.attention.sparse if isinstance(self.attention, LatentAttention) else None
        if sparse is None:
            return self.window
        return Window(tokens=sparse.tokens, layers=self.attending_layers)

    @model_validator(mode="after")
    def _layers_are_whole(self) -> "ModelSpec":
        if self.experts is not None and not self.expert_layers:
            raise MisfitError(
                ("experts",),
                f"first_dense_layers = {self.experts.first_dense_layers} and every = "
                f"{self.experts.every} leave none of the {self.layers} layers to the experts; "
                "lower one",
            )
        if len(self.expert_layers) < self.layers and not self.intermediate_size:
            raise MisfitError(
                ("intermediate_size",), "is missing; give it, the model has dense layers"
            )
        self._check_linear()
        self._check_window()
        return self

    def _check_linear(self) -> None:
        if self.linear is not None and self.attending_layers < 1:
            raise MisfitError(
                ("linear", "layers"),
                f"{self.linear.layers} must be below the model's {self.layers}, so that some "
                "layers attend; write fewer",
            )

    def _check_window(self) -> None:
        if self.window is None:
            return
        if self.window.layers > self.attending_layers:
            raise MisfitError(
                ("window", "layers"),
                f"{self.window.layers} is above the model's {self.attending_layers} layers that "
                "attend; write fewer",
            )
        if self.attention.kind == "mla":
            raise MisfitError(("window",), "is not modelled for latent attention; leave it out")
