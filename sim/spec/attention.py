"""How a model's layers attend: in groups, through a latent vector, to near tokens, with a state."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from sim.spec.base import Count, MisfitError, Spec


class GroupedAttention(Spec):
    """Queries in groups that share a key and value head (MHA: one each; MQA: one for all)."""

    kind: Literal["gqa"] = "gqa"
    heads: Count
    """Query heads."""
    kv_heads: Count
    """Heads of keys and values: as many as heads (MHA), one (MQA), or between."""
    head_size: Count
    """Elements of a head."""
    qk_norm: bool | Literal["all-heads"] = False
    """Queries and keys are normed: head by head with one vector, or all heads as one."""
    qkv_bias: bool = False
    """Queries, keys and values have biases."""
    output_bias: bool = False
    """The output projection has a bias."""
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
    """Query heads of the indexer."""
    head_size: Count
    """Of a query, and of the one key that a token leaves for all heads."""


class LatentAttention(Spec):
    """Multi-head latent attention: one compressed vector a token serves all heads."""

    kind: Literal["mla"]
    heads: Count
    """Query heads."""
    query_rank: Count | None = None
    """Rank of the compressed query; None for a plain query projection."""
    kv_rank: Count
    """Elements of the latent vector, which stands for keys and values in the cache."""
    nope_size: Count
    """Elements of a head of queries and keys without positions."""
    rope_size: Count
    """Elements of a head with rotary positions; of keys, all heads share them."""
    value_size: Count
    """Elements of a head's value."""
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
    """How far a token looks back, or how long a chunk is."""
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
    """Heads of queries and keys."""
    value_heads: Count
    """Heads of values, a multiple of key_heads."""
    key_size: Count
    """Elements of a head of queries and keys."""
    value_size: Count
    """Elements of a head of values."""
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
