"""What arrives: when, and how long the prompts and the answers are."""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from sim.spec.base import Count, MisfitError, PerSecond, Seconds, Source, Spec

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
    weights: Annotated[tuple[Annotated[float, Field(gt=0)], ...] | None, Field(strict=False)] = None

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
]


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
    requests: Count | None = None
    arrivals: Arrivals | None = None
    prompt_tokens: Length | None = None
    output_tokens: Length | None = None
    source: Source = ""

    @model_validator(mode="after")
    def _trace_or_distributions(self) -> "Workload":
        if self.trace is None:
            self._check_drawn()
        else:
            self._check_replayed()
        return self

    def _check_drawn(self) -> None:
        missing = [name for name in _OF_DRAWN if getattr(self, name) is None]
        if missing:
            raise MisfitError(
                (missing[0],), f"is missing; give {', '.join(missing)}, or a 'trace' of requests"
            )
        for name in _OF_TRACE:
            if getattr(self, name) != type(self).model_fields[name].default:
                raise MisfitError((name,), "is given without a 'trace'; leave it out")

    def _check_replayed(self) -> None:
        for name in _OF_DRAWN:
            if name != "arrivals" and getattr(self, name) is not None:
                raise MisfitError((name,), "is given beside a 'trace', which says it; leave it out")
        if self.arrivals is not None and self.arrivals.kind not in ("closed-loop", "at-once"):
            raise MisfitError(
                ("arrivals", "kind"),
                f"{self.arrivals.kind!r} beside a 'trace', which has its own arrivals; write "
                "closed-loop, at-once, or rate_scale instead of arrivals",
            )
        if self.window is not None and self.window[0] >= self.window[1]:
            raise MisfitError(
                ("window",),
                f"from {self.window[0]:g} s to {self.window[1]:g} s; write the earlier one first",
            )


_OF_DRAWN = ("requests", "arrivals", "prompt_tokens", "output_tokens")
_OF_TRACE = ("trace_format", "skip_bad", "rate_scale", "window", "limit")
