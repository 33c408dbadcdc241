"""When requests arrive."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from sim.spec.base import Count, MisfitError, PerSecond, Seconds, Spec


class PoissonArrivals(Spec):
    """Independent arrivals at a mean rate."""

    kind: Literal["poisson"]
    rate_per_s: PerSecond
    """Mean rate of requests."""


class GammaArrivals(Spec):
    """Gaps with a gamma distribution; `burstiness` is its shape, as in vLLM (1 is Poisson)."""

    kind: Literal["gamma"]
    rate_per_s: PerSecond
    """Mean rate of requests."""
    burstiness: Annotated[float, Field(gt=0)]
    """1 is Poisson; less comes in bursts, more is steadier."""


class FixedArrivals(Spec):
    """One arrival every 1 / rate; the first at 0."""

    kind: Literal["fixed"]
    rate_per_s: PerSecond
    """Rate of requests."""


class ArrivalsAtOnce(Spec):
    """Everything arrives at 0 (vLLM's request rate `inf`)."""

    kind: Literal["at-once"]


class ClosedLoop(Spec):
    """A fixed number of clients, each of which sends its next request after its last answer."""

    kind: Literal["closed-loop"]
    concurrency: Count
    """How many clients."""
    think_s: Seconds = 0.0
    """From a client's answer to its next request."""


class VllmArrivals(Spec):
    """What vLLM's `bench serve` does with its options of these names; without a rate, all at 0."""

    kind: Literal["vllm"]
    request_rate_per_s: PerSecond | None = None
    """Unlike with the other kinds, the last request comes at exactly requests / rate."""
    burstiness: Annotated[float, Field(gt=0)] = 1.0
    """Shape of the gamma distribution of gaps; 1 is Poisson."""
    max_concurrency: Count | None = None
    """A request that would be one too many is sent when another is answered."""
    ramp_up_strategy: Literal["linear", "exponential"] | None = None
    """How the rate rises from request to request."""
    ramp_up_start_rps: Count | None = None
    """Requests a second at the first request's gap."""
    ramp_up_end_rps: Count | None = None
    """Requests a second: of the first request's gap, and of the last one's."""

    @model_validator(mode="after")
    def _a_rate_or_a_ramp(self) -> "VllmArrivals":
        ends = ("ramp_up_start_rps", "ramp_up_end_rps")
        for name in ends:
            if (getattr(self, name) is None) != (self.ramp_up_strategy is None):
                raise MisfitError((name,), f"belongs to ramp_up_strategy; give {', '.join(ends)}")
        if self.ramp_up_strategy is not None and self.request_rate_per_s is not None:
            raise MisfitError(
                ("request_rate",), "is given beside a ramp_up_strategy, which says it; leave it out"
            )
        return self


Arrivals = Annotated[
    PoissonArrivals | GammaArrivals | FixedArrivals | ArrivalsAtOnce | ClosedLoop | VllmArrivals,
    Field(discriminator="kind"),
]


def concurrency(arrivals: Arrivals | None) -> int | None:
    """How many requests are under way at most; None without a bound."""
    match arrivals:
        case ClosedLoop():
            return arrivals.concurrency
        case VllmArrivals():
            return arrivals.max_concurrency
        case _:
            return None
