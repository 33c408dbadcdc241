"""What is written down while a run goes on: append-only rows, beside the sums in usage.py.

Nothing is computed here that can be computed from the rows afterwards.
"""

from array import array
from dataclasses import dataclass, field
from typing import Literal, NamedTuple, Self

import numpy as np

from sim.record.row_table import RowTable
from sim.record.usage import DeviceUsage, ExpertTokens, LinkUsage

Status = Literal["finished", "rejected", "failed: kv", "unfinished"]
"""How a request ended: `rejected` never fits the cache, `failed: kv` outgrew it alone."""

StepKind = Literal["prefill", "decode", "mixed"]


def step_kind(decoded: int, tokens: int) -> StepKind:
    """What a step does that decodes so many sequences and computes so many tokens."""
    if not decoded:
        return "prefill"
    return "decode" if decoded == tokens else "mixed"


class RequestRow(NamedTuple):
    """A request that ended, or was open when the run ended."""

    request: int
    arrival_s: float
    first_scheduled_s: float | None
    first_token_s: float | None
    finish_s: float | None
    prompt_tokens: int
    cached_tokens: int
    output_tokens: int
    """Produced so far."""
    pool: str
    replica: int
    rank: int | None
    preemptions: int
    status: Status


class StepRow(NamedTuple):
    """A step of a replica, or a stretch of them that differ in nothing but what is in the cache.

    Tokens and seconds are of all steps of the row.
    """

    pool: str
    replica: int
    step: int
    steps: int
    """How many like it the row stands for: 1, or those of a stretch, of which it is the first."""
    start_s: float
    end_s: float
    kind: StepKind
    sequences: int
    tokens: int
    """Fed to the model."""
    output_tokens: int
    """Produced by it."""
    attention_s: float
    dense_s: float
    experts_s: float
    dispatch_s: float
    combine_s: float
    collective_s: float
    overhead_s: float
    wait_s: float
    """What a device waited for slower ones, on average."""
    exposed_communication_s: float
    """With no computation at the same time."""


class Stall(NamedTuple):
    """A request that was preempted between two of its tokens."""

    request: int
    last_token_s: float
    next_token_s: float
    """When its recomputation was done."""


class TransferRow(NamedTuple):
    """One transfer of a step."""

    pool: str
    replica: int
    step: int
    kind: str
    start_s: float
    duration_s: float
    link_bytes: float
    """Added up over the links that they cross."""
    was_alone: bool
    """Whether nobody else used its links meanwhile."""


class MovementRow(NamedTuple):
    """Bytes that moved beside serving, once."""

    name: str
    start_s: float
    end_s: float | None
    """None where the end of the run cut it off; then its bytes are not in those of links."""
    bytes: float
    """Of all pairs of devices."""
    alone_s: float
    """How long it would have taken on the network as it began, had nobody else been there."""


@dataclass(slots=True)
class Stop:
    """A time in which a replica stood still, as some of its devices had no way to the others."""

    pool: str
    replica: int
    why: str
    links: tuple[str, ...]
    """What failed, as the scenario names it."""
    from_s: float
    until_s: float | None = None
    """None where that lasted to the end of the run."""


def _floats() -> "array[float]":
    return array("d")


def _counts() -> "array[int]":
    return array("i")


@dataclass(slots=True)
class Recorder:
    """All records of one run."""

    links: LinkUsage
    devices: DeviceUsage
    requests: RowTable[RequestRow] = field(default_factory=lambda: RowTable(RequestRow))
    steps: RowTable[StepRow] = field(default_factory=lambda: RowTable(StepRow))
    transfers: RowTable[TransferRow] = field(default_factory=lambda: RowTable(TransferRow))
    movements: RowTable[MovementRow] = field(default_factory=lambda: RowTable(MovementRow))
    stops: list[Stop] = field(default_factory=list)
    experts: list[ExpertTokens] = field(default_factory=list)
    stalls: list[Stall] = field(default_factory=list)
    gap_s: "array[float]" = field(default_factory=_floats)
    """Times between two tokens of one request, all requests together."""
    gap_weights: "array[int]" = field(default_factory=_counts)
    """How many times each of these happened."""
    output_at_s: "array[float]" = field(default_factory=_floats)
    """When tokens were produced; kept even when steps are not."""
    output_tokens: "array[int]" = field(default_factory=_counts)
    """How many tokens, at each of these instants."""
    skipped_lines: int = 0
    """Broken ones of the workload's trace."""
    looked_at: dict[tuple[str, int], list[np.ndarray]] = field(default_factory=dict)
    """By pool and replica: sums (fields; steps, ranks) of some of its steps."""
    elapsed_s: float = 0.0
    """When the run ended."""

    def look_at(self, replica: tuple[str, int], sums: np.ndarray) -> None:
        """Keep the sums (fields; steps, ranks) of steps, to look at them once more in the end."""
        self.looked_at.setdefault(replica, []).append(sums)

    @classmethod
    def of(cls, links: int, devices: int) -> Self:
        """The records of a run that has not begun, on so many links and devices."""
        return cls(LinkUsage.of(links), DeviceUsage.of(devices))

    def add_gap(self, length_s: float, weight: int) -> None:
        """So many requests waited so long for their next token."""
        self.gap_s.append(length_s)
        self.gap_weights.append(weight)

    def add_output(self, at_s: float, tokens: int) -> None:
        """So many tokens were produced at this instant."""
        self.output_at_s.append(at_s)
        self.output_tokens.append(tokens)

    def add_gaps(self, lengths_s: np.ndarray, weights: np.ndarray) -> None:
        """The same for many such times."""
        _extend(self.gap_s, lengths_s)
        _extend(self.gap_weights, weights)

    def add_outputs(self, at_s: np.ndarray, tokens: np.ndarray) -> None:
        """The same for many instants."""
        _extend(self.output_at_s, at_s)
        _extend(self.output_tokens, tokens)


def _extend(kept: "array[float] | array[int]", more: np.ndarray) -> None:
    kept.frombytes(np.asarray(more).astype(kept.typecode).tobytes())
