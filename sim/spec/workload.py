"""What arrives: when, and how long the prompts and the answers are."""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from sim.spec.base import (
    AtLeastZero,
    Count,
    MisfitError,
    OrWritten,
    PerSecond,
    Seconds,
    Source,
    Spec,
    Weight,
)

Tokens = Count


class PoissonArrivals(Spec):
    """Independent arrivals at a mean rate."""

    kind: Literal["poisson"]
    rate_per_s: PerSecond


class GammaArrivals(Spec):
    """Gaps with a gamma distribution; `burstiness` is its shape, as in vLLM (1 is Poisson)."""

    kind: Literal["gamma"]
    rate_per_s: PerSecond
    burstiness: Annotated[float, Field(gt=0)]


class FixedArrivals(Spec):
    """One arrival every 1 / rate; the first at 0."""

    kind: Literal["fixed"]
    rate_per_s: PerSecond


class ArrivalsAtOnce(Spec):
    """Everything arrives at 0 (vLLM's request rate `inf`)."""

    kind: Literal["at-once"]


class ClosedLoop(Spec):
    """A fixed number of clients, each of which sends its next request after its last answer."""

    kind: Literal["closed-loop"]
    concurrency: Count
    think_s: Seconds = 0.0


Arrivals = Annotated[
    PoissonArrivals | GammaArrivals | FixedArrivals | ArrivalsAtOnce | ClosedLoop,
    Field(discriminator="kind"),
]


class FixedLength(Spec):
    """Always the same."""

    kind: Literal["fixed"]
    tokens: Tokens


class UniformLength(Spec):
    """Whole numbers from low to high, both included."""

    kind: Literal["uniform"]
    low: Tokens
    high: Tokens

    @model_validator(mode="after")
    def _in_order(self) -> "UniformLength":
        if self.high < self.low:
            raise MisfitError(("high",), f"{self.high} is below low = {self.low}; change one")
        return self


class LognormalLength(Spec):
    """Lognormal with this mean and coefficient of variation, rounded up, cut at `most`."""

    kind: Literal["lognormal"]
    mean: Annotated[float, Field(ge=1, le=1e12)]
    cv: Annotated[float, Field(ge=0, le=1e9)]
    """Standard deviation over mean."""
    most: Tokens


class EmpiricalLength(Spec):
    """One of these lengths, each as likely as its weight."""

    kind: Literal["empirical"]
    tokens: Annotated[tuple[Tokens, ...], Field(strict=False, min_length=1)]
    weights: Annotated[tuple[Weight, ...] | None, Field(strict=False)] = None

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
    """Lengths of vLLM's `--dataset-name random`, by its names and with its defaults."""

    kind: Literal["random"]
    input_len: Tokens = 1024
    output_len: Tokens = 128
    range_ratio: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Both are uniform from (1 - ratio) to (1 + ratio) of what they are."""
    prefix_len: AtLeastZero = 0
    """Tokens before every prompt."""


class PrefixRepetition(Spec):
    """Lengths of vLLM's `--dataset-name prefix_repetition`, by its names and with its defaults."""

    kind: Literal["prefix_repetition"]
    prefix_len: Tokens = 256
    suffix_len: Tokens = 256
    num_prefixes: Count = 10
    """Makes no difference as long as no prefixes are cached."""
    output_len: Tokens = 128


Dataset = Annotated[RandomDataset | PrefixRepetition, Field(discriminator="kind")]

TraceFormat = Literal[
    "azure",
    "moesim",
    "burstgpt",
    "bailian",
    "mooncake",
    "aiperf",
    "vllm",
    "guidellm",
    "inference-perf",
    "otel",
]
"""Formats of traces; `moesim` is our own columns."""


class Workload(Spec):
    """Either a trace, or so many requests with arrivals and lengths drawn from distributions."""

    name: str = ""
    description: str = ""
    trace: str | None = None
    """A file of arrivals and lengths; a relative path starts at the file that names it."""
    trace_format: TraceFormat | None = None
    """Without it, the trace's first line tells."""
    skip_bad: bool = False
    """Whether broken lines of the trace are skipped and counted."""
    rate_scale: Annotated[float, Field(gt=0)] = 1.0
    """A trace's arrivals come this many times as fast."""
    window: Annotated[tuple[Seconds, Seconds] | None, Field(strict=False)] = None
    """Only what arrived in this part [from, to) of the trace, before scaling; it starts at 0."""
    limit: Count | None = None
    """Only the first so many requests of the trace (of its window)."""
    requests: Annotated[int, Field(gt=0, le=10**7)] | None = None
    arrivals: Arrivals | None = None
    prompt_tokens: Length | None = None
    output_tokens: Length | None = None
    dataset: Dataset | None = None
    """Instead of the two, what vLLM's `bench serve` would send."""
    source: Source = ""

    @model_validator(mode="after")
    def _trace_or_distributions(self) -> "Workload":
        if self.trace is None:
            self._check_drawn()
        else:
            self._check_replayed()
        return self

    def _check_drawn(self) -> None:
        if self.dataset is not None:
            self._refuse(_LENGTHS, "is given beside a 'dataset', which says it; leave it out")
        needed = _OF_DRAWN if self.dataset is None else ("requests", "arrivals")
        missing = [name for name in needed if getattr(self, name) is None]
        if missing:
            raise MisfitError(
                (missing[0],), f"is missing; give {', '.join(missing)}, or a 'trace' of requests"
            )
        for name in _OF_TRACE:
            if self._is_set(name):
                raise MisfitError((name,), "is given without a 'trace'; leave it out")

    def _check_replayed(self) -> None:
        said = ("requests", *_LENGTHS, "dataset")
        self._refuse(said, "is given beside a 'trace', which says it; leave it out")
        if self.arrivals is not None and self.arrivals.kind not in ("closed-loop", "at-once"):
            raise MisfitError(
                ("arrivals", "kind"),
                f"{self.arrivals.kind!r} beside a 'trace', which has its own arrivals; write "
                "closed-loop, at-once, or rate_scale instead of arrivals",
            )
        if self.arrivals is not None and self._is_set("rate_scale"):
            raise MisfitError(
                ("rate_scale",),
                f"changes nothing beside arrivals of kind {self.arrivals.kind!r}; leave it out",
            )
        if self.window is not None and self.window[0] >= self.window[1]:
            raise MisfitError(
                ("window",),
                f"from {self.window[0]:g} s to {self.window[1]:g} s; write the earlier one first",
            )

    def _is_set(self, name: str) -> bool:
        return bool(getattr(self, name) != type(self).model_fields[name].default)

    def _refuse(self, names: tuple[str, ...], why: str) -> None:
        for name in names:
            if getattr(self, name) is not None:
                raise MisfitError((name,), why)


_LENGTHS = ("prompt_tokens", "output_tokens")
_OF_DRAWN = ("requests", "arrivals", *_LENGTHS)
_OF_TRACE = ("trace_format", "skip_bad", "rate_scale", "window", "limit")
