"""What arrives: a trace, or requests that are drawn."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from sim.spec.arrivals import Arrivals
from sim.spec.base import Count, MisfitError, PerSecond, Seconds, Source, Spec
from sim.spec.lengths import Dataset, Length

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


class ClientGroup(Spec):
    """So many clients, each of which sends by itself, alike but for their rates."""

    count: Annotated[int, Field(gt=0, le=10**5)] = 1
    """How many clients."""
    rate_per_s: PerSecond
    """Of one client, on average over the group."""
    exponent: Annotated[float, Field(ge=0, le=10)] = 0.0
    """The rate of the n-th client falls as 1 / n ** exponent: a few send most."""
    burstiness: Annotated[float, Field(ge=0.01, le=1e6)] = 1.0
    """Shape of the gamma distribution of a client's gaps."""
    prompt_tokens: Length
    """How long their prompts are."""
    output_tokens: Length
    """How long their answers are."""
    slo_class: str | None = None
    """A name that their requests carry along."""
    model: str | None = None
    """A name that their requests carry along."""


class Workload(Spec):
    """A trace, a folder of ServeGen's clients, or requests drawn from distributions."""

    name: str = ""
    """The name in results; by default the file's."""
    description: str = ""
    """One line for `moesim list`."""
    trace: str | None = None
    """A file of arrivals and lengths; a relative path starts at the file that names it."""
    trace_format: TraceFormat | None = None
    """Without it, the trace's first line tells."""
    skip_bad: bool = False
    """Whether broken lines of the trace are skipped and counted."""
    rate_scale: Annotated[float, Field(gt=0)] = 1.0
    """Arrivals come this many times as fast; think times stay."""
    time_scale: Annotated[float, Field(gt=0)] = 1.0
    """All of a trace's times, think times too, are this many times as long."""
    window: Annotated[tuple[Seconds, Seconds] | None, Field(strict=False)] = None
    """Only what arrived in this part [from, to) of the trace, before scaling; it starts at 0."""
    limit: Count | None = None
    """Only the first so many requests of the trace (of its window)."""
    servegen: str | None = None
    """A folder of `chunk-i-trace.csv` and `chunk-i-dataset.json`, a pair a client."""
    rate_per_s: PerSecond | None = None
    """The mean rate to which the clients of that folder are scaled together."""
    requests: Annotated[int, Field(gt=0, le=10**7)] | None = None
    """How many are drawn."""
    arrivals: Arrivals | None = None
    """When they arrive."""
    prompt_tokens: Length | None = None
    """How long prompts are."""
    output_tokens: Length | None = None
    """How long answers are."""
    dataset: Dataset | None = None
    """Instead of the two, what vLLM's `bench serve` would send."""
    clients: Annotated[tuple[ClientGroup, ...] | None, Field(strict=False, min_length=1)] = None
    """Instead of these, clients that differ."""
    prefilled: bool = False
    """Whether prompts are in the KV cache when they come, as from a prefill cluster: nothing but
    decoding is left. A request that is preempted is computed anew, its prompt too."""
    source: Source = ""
    """Where the numbers are from: one text, or a text for each key."""

    @model_validator(mode="after")
    def _of_one_kind(self) -> "Workload":
        kind = next((one for one in _KINDS if getattr(self, one) is not None), "distributions")
        taken = _TAKEN_BY[kind]
        for name in _DECIDING:
            if name not in taken and self._is_set(name):
                raise MisfitError((name,), _why_not(name, kind))
        missing = [name for name in _NEEDED_BY[kind] if getattr(self, name) is None]
        if missing:
            raise MisfitError(
                (missing[0],), f"is missing; give {', '.join(missing)}, or a 'trace' of requests"
            )
        self._check_arrivals_of_a_trace()
        self._check_part()
        return self

    def _check_arrivals_of_a_trace(self) -> None:
        if self.trace is None or self.arrivals is None:
            return
        if self.arrivals.kind not in ("closed-loop", "at-once"):
            raise MisfitError(
                ("arrivals", "kind"),
                f"{self.arrivals.kind!r} beside a 'trace', which has its own arrivals; write "
                "closed-loop, at-once, or rate_scale instead of arrivals",
            )
        for name in ("rate_scale", "time_scale"):
            if self._is_set(name):
                raise MisfitError(
                    (name,),
                    f"changes nothing beside arrivals of kind {self.arrivals.kind!r}; leave it out",
                )

    def _check_part(self) -> None:
        if self.rate_per_s is not None and self._is_set("rate_scale"):
            raise MisfitError(("rate_scale",), "is given beside a rate, which says it; keep one")
        if self.window is not None and self.window[0] >= self.window[1]:
            raise MisfitError(
                ("window",),
                f"from {self.window[0]:g} s to {self.window[1]:g} s; write the earlier one first",
            )

    def _is_set(self, name: str) -> bool:
        return bool(getattr(self, name) != type(self).model_fields[name].default)


_KINDS = ("trace", "servegen", "clients", "dataset")
_TAKEN_BY = {
    "trace": (
        *("trace", "trace_format", "skip_bad", "rate_scale", "time_scale", "window", "limit"),
        "arrivals",
    ),
    "servegen": ("servegen", "skip_bad", "rate_scale", "rate_per_s", "window", "limit"),
    "clients": ("clients", "requests"),
    "dataset": ("dataset", "requests", "arrivals"),
    "distributions": ("requests", "arrivals", "prompt_tokens", "output_tokens"),
}
_NEEDED_BY = {
    "trace": (),
    "servegen": (),
    "clients": ("requests",),
    "dataset": ("requests", "arrivals"),
    "distributions": _TAKEN_BY["distributions"],
}
_DECIDING = tuple(dict.fromkeys(name for names in _TAKEN_BY.values() for name in names))


def _why_not(name: str, kind: str) -> str:
    owners = [one for one in _KINDS if name in _TAKEN_BY[one]]
    if name in _TAKEN_BY["distributions"] or name in _KINDS:
        return f"is given beside a {kind!r}, which says it; leave it out"
    return f"is given without a {owners[0]!r}; leave it out"
