"""How long prompts and answers are."""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from sim.spec.base import AtLeastZero, Count, MisfitError, OrWritten, Spec, Weight

Tokens = Count


class FixedLength(Spec):
    """Always the same."""

    kind: Literal["fixed"]
    tokens: Tokens
    """The length."""


class UniformLength(Spec):
    """Whole numbers from low to high, both included."""

    kind: Literal["uniform"]
    low: Tokens
    """The shortest."""
    high: Tokens
    """The longest."""

    @model_validator(mode="after")
    def _in_order(self) -> "UniformLength":
        if self.high < self.low:
            raise MisfitError(("high",), f"{self.high} is below low = {self.low}; change one")
        return self


class LognormalLength(Spec):
    """Lognormal with this mean and coefficient of variation, rounded up, cut at `most`."""

    kind: Literal["lognormal"]
    mean: Annotated[float, Field(ge=1, le=1e12)]
    """Mean before the cut."""
    cv: Annotated[float, Field(ge=0, le=1e9)]
    """Standard deviation over mean."""
    most: Tokens
    """The longest; what is drawn above it becomes it."""


class EmpiricalLength(Spec):
    """One of these lengths, each as likely as its weight."""

    kind: Literal["empirical"]
    tokens: Annotated[tuple[Tokens, ...], Field(strict=False, min_length=1)]
    """The lengths to draw from."""
    weights: Annotated[tuple[Weight, ...] | None, Field(strict=False)] = None
    """How likely each is, relative to the others; equally without."""

    @model_validator(mode="after")
    def _a_weight_each(self) -> "EmpiricalLength":
        if self.weights is not None and len(self.weights) != len(self.tokens):
            raise MisfitError(
                ("weights",), f"{len(self.weights)} for {len(self.tokens)} tokens; give one each"
            )
        return self


def _plain_number_is_fixed(given: Any) -> Any:
    is_number = isinstance(given, int) and not isinstance(given, bool)
    return {"kind": "fixed", "tokens": given} if is_number else given


Length = Annotated[
    FixedLength | UniformLength | LognormalLength | EmpiricalLength,
    Field(discriminator="kind"),
    BeforeValidator(_plain_number_is_fixed),
    OrWritten({"type": "integer", "exclusiveMinimum": 0}),
]


class RandomDataset(Spec):
    """Prompts of vLLM's `--dataset-name random`, by its names and with its defaults."""

    kind: Literal["random"]
    input_len: Tokens = 1024
    """Tokens of a prompt after the prefix."""
    output_len: Tokens = 128
    """Tokens of an answer."""
    range_ratio: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Both are uniform from (1 - ratio) to (1 + ratio) of what they are."""
    prefix_len: AtLeastZero = 0
    """Tokens before every prompt, the same ones."""


class PrefixRepetition(Spec):
    """Prompts of vLLM's `--dataset-name prefix_repetition`, by its names and with its defaults."""

    kind: Literal["prefix_repetition"]
    prefix_len: Tokens = 256
    """Tokens of a prefix."""
    suffix_len: Tokens = 256
    """Tokens of a prompt after its prefix."""
    num_prefixes: Count = 10
    """Each begins as many prompts as the others (or one more), in random order."""
    output_len: Tokens = 128
    """Tokens of an answer."""


Dataset = Annotated[RandomDataset | PrefixRepetition, Field(discriminator="kind")]
