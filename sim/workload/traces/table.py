"""The one table that every trace becomes: requests in order of arrival, turns linked to parents."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple


class TraceRow(NamedTuple):
    """One request of a trace; the clock starts at the first."""

    arrival_s: float
    """As recorded; of a turn that only has a think time, the earliest it could be."""
    prompt_tokens: int
    output_tokens: int
    session: str | None = None
    turn: int | None = None
    """From 0, where the file says it."""
    parent: int | None = None
    """The row (from 0) whose answer this one follows."""
    think_s: float | None = None
    """From the parent's answer to this request; None where the file does not tell."""
    hash_ids: tuple[int, ...] = ()
    """One a block of the prompt; equal ids at the start of two prompts are a shared prefix."""
    block_tokens: int | None = None
    source_row: int | str = 0
    """The line of the file (from 1), or the place in its document."""
    slo_class: str | None = None
    """What its user was promised, by the name that the file has for it."""
    model: str | None = None
    """Which one was asked."""


class Trace(NamedTuple):
    """Requests in order of arrival, and how many of the file are not among them."""

    rows: list[TraceRow]
    skipped: int = 0
    """Broken lines."""
    failed: int = 0
    """Requests that the file itself calls failed, or warm-up."""


class Record(NamedTuple):
    """A request as its file tells it; instants in the ticks of the format."""

    source_row: int | str
    at: float | None
    """None: the think time after the turn before it says when."""
    prompt_tokens: int
    output_tokens: int
    session: str | None = None
    turn: int | None = None
    key: str | None = None
    parent_key: str | None = None
    """Without one, the parent is the turn before it in its session."""
    opens: str | None = None
    """The session that it opens where it has neither a session nor a parent."""
    think: float | None = None
    answered_at: float | None = None
    """When its answer was complete."""
    hash_ids: tuple[int, ...] = ()
    block_tokens: int | None = None
    slo_class: str | None = None
    model: str | None = None


class Bad(NamedTuple):
    """A line that is no request, and why."""

    source_row: int | str
    problem: str


class Failed(NamedTuple):
    """A request that the file itself calls failed."""

    source_row: int | str


Read = Record | Bad | Failed


def timed(reads: Iterator[Read]) -> Iterator[Bad | Failed | tuple[float, Record]]:
    """Every record with its instant; that of a turn without one follows from the turn before."""
    before: dict[str, float] = {}
    for one in reads:
        if not isinstance(one, Record):
            yield one
            continue
        at = one.at
        if at is None and one.session in before:
            at = before[one.session] + (one.think or 0.0)
        if at is None:
            yield Bad(one.source_row, "no instant, and no turn before it; give it a timestamp")
            continue
        if one.session is not None:
            before[one.session] = at
        yield at, one


def linked(records: Sequence[tuple[float, Record]], ticks_per_s: float) -> list[TraceRow]:
    """The table: ordered by instant, then as in the file.

    A parent that is not there, or comes later, is none: traces are cut out of longer ones.
    """
    ordered = sorted(records, key=lambda record: record[0])
    of_key: dict[str, int] = {}
    of_session: dict[str, int] = {}
    rows: list[TraceRow] = []
    for number, (at, one) in enumerate(ordered):
        parent = of_key.get(one.parent_key) if one.parent_key else of_session.get(one.session or "")
        session = one.session
        if session is None:
            session = one.opens if parent is None else rows[parent].session
        if one.key is not None:
            of_key[one.key] = number
        if one.session is not None:
            of_session[one.session] = number
        think = None if parent is None else _think(at, one, ordered[parent][1])
        rows.append(
            TraceRow(
                (at - ordered[0][0]) / ticks_per_s,
                one.prompt_tokens,
                one.output_tokens,
                session,
                one.turn,
                parent,
                None if think is None else think / ticks_per_s,
                one.hash_ids,
                one.block_tokens,
                one.source_row,
                one.slo_class,
                one.model,
            )
        )
    return rows


def _think(at: float, one: Record, parent: Record) -> float | None:
    """Given, or from when the parent was answered; a turn that did not wait thought for 0."""
    if one.think is not None or parent.answered_at is None:
        return one.think
    return max(0, at - parent.answered_at)
