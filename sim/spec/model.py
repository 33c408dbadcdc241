"""What a transformer is made of, as far as its cost depends on it."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from sim.spec.base import AtLeastZero, Count, MisfitError, Source, Spec


class GroupedAttention(Spec):
    """Queries in groups that share a key and value head (MHA: one each; MQA: one for all)."""

    kind: Literal["gqa"] = "gqa"
    heads: Count
    kv_heads: Count
    head_size: Count
    qk_norm: bool | Literal["all-heads"] = False
    """Queries and keys are normed: head by head with one vector, or all heads as one."""
    qkv_bias: bool = False
    output_bias: bool = False
    sinks: bool = False
    """A learned logit for each head, which takes attention that no token should have."""
    output_gate: bool = False
    """A second query projection, which weighs what the heads say."""

    @model_validator(mode="after")
    def _groups_are_whole(self) -> "GroupedAttention":
        if self.heads % self.kv_heads:
            raise MisfitError(
                ("heads",), f"{self.heads} is no multiple of kv_heads = {self.kv_heads}; change one"
            )
        return self


class SparseIndexer(Spec):
    """A small attention of its own that scores all tokens and chooses those to attend to."""

    tokens: Count
    """Each token attends to so many, or to all where there are fewer."""
    heads: Count
    head_size: Count
    """Of a query, and of the one key that a token leaves for all heads."""


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
    sparse: SparseIndexer | None = None
    """Attention to the tokens that an indexer chooses (DeepSeek sparse attention)."""

    @model_validator(mode="after")
    def _indexer_has_queries(self) -> "LatentAttention":
        if self.sparse is not None and self.query_rank is None:
            raise MisfitError(
                ("query_rank",), "is missing; give it, the indexer's queries come from it"
            )
        return self


Attention = Annotated[GroupedAttention | LatentAttention, Field(discriminator="kind")]


class Window(Spec):
    """Some layers attend to near tokens only."""

    kind: Literal["sliding", "chunked"] = "sliding"
    """sliding: to the last `tokens` tokens. chunked: the sequence is cut into chunks of `tokens`
    tokens, and each attends to what came before it in its own chunk."""
    tokens: Count
    layers: Count
    """How many of the model's layers are windowed; the rest attend to everything."""


class LinearAttention(Spec):
    """Some layers keep a state of fixed size instead of every token (gated delta net).

    Each value head has a matrix of key_size x value_size; key heads are shared by value heads. A
    short convolution over queries, keys and values precedes it.
    """

    layers: Count
    """How many of the model's layers are linear; the rest attend to tokens."""
    key_heads: Count
    value_heads: Count
    key_size: Count
    value_size: Count
    convolution_tokens: Count
    """Tokens that the convolution sees, the new one included."""

    @property
    def convolved_elements(self) -> int:
        """Queries, keys and values of a token."""
        return 2 * self.key_heads * self.key_size + self.value_elements

    @property
    def value_elements(self) -> int:
        """Values of a token, of all heads."""
        return self.value_heads * self.value_size

    @model_validator(mode="after")
    def _groups_are_whole(self) -> "LinearAttention":
        if self.value_heads % self.key_heads:
            raise MisfitError(
                ("value_heads",),
                f"{self.value_heads} is no multiple of key_heads = {self.key_heads}; change one",
            )
        return self


class RoutedExperts(Spec):
    """A mixture of experts in the place of the dense feed-forward."""

    experts: Annotated[int, Field(gt=0, le=100_000)]
    experts_per_token: Count
    intermediate_size: Count
    shared_experts: AtLeastZero = 0
    """Experts that every token passes, of the same size as the routed ones."""
    first_dense_layers: AtLeastZero = 0
    every: Count = 1
    """A layer of experts follows `every - 1` dense ones (after the first dense layers)."""
    expert_groups: Count = 1
    groups_per_token: Count = 1
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
    description: str = ""
    layers: Annotated[int, Field(gt=0, le=100_000)]
    hidden_size: Count
    vocabulary: Count
    positions: AtLeastZero = 0
    """Rows of a learned position embedding; 0 for rotary positions."""
    tied_embeddings: bool = False
    attention: Attention
    window: Window | None = None
    linear: LinearAttention | None = None
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
    source: Source

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
