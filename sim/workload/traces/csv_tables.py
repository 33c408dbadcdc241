"""CSV files whose first line names the columns: Azure, BurstGPT and our own.

Columns are found by name, in any order, and others may stand beside them. A field may be quoted
but not hold a line end.
"""

import csv
from collections.abc import Callable, Iterator, Sequence

from sim.workload.traces.fields import clock_ns, count, name_or_none, seconds
from sim.workload.traces.files import lines_of
from sim.workload.traces.table import Bad, Failed, Read, Record

AZURE = ("TIMESTAMP", "ContextTokens", "GeneratedTokens")
BURSTGPT = ("Timestamp", "Request tokens", "Response tokens")
OWN = ("arrival_s", "prompt_tokens", "output_tokens")
OWN_OF_SESSIONS = (
    *("session", "turn", "parent", "think_s", "hash_ids", "block_tokens"),
    *("slo_class", "model"),
)
"""Columns that may be left out or empty."""


def columns(line: str) -> list[str]:
    """The fields of one line."""
    return next(csv.reader([line], strict=True), []) if '"' in line else line.split(",")


def read_azure(text: str) -> Iterator[Read]:
    """The Azure LLM inference traces of 2023, 2024 and (multimodal, without images) 2025."""
    return _in_order(_rows(text, AZURE, _azure), "TIMESTAMP")


def read_burstgpt(text: str) -> Iterator[Read]:
    """BurstGPT, all models; a request without an answer failed."""
    return _rows(text, BURSTGPT, _burstgpt)


def read_own(text: str) -> Iterator[Read]:
    """Our own columns."""
    return _in_order(_rows(text, OWN, _own), "arrival_s")


def _rows(
    text: str, needed: Sequence[str], row: Callable[[int, dict[str, str]], Read]
) -> Iterator[Read]:
    lines = lines_of(text)
    header = columns(lines[0]) if lines else []
    _check_header(header, needed)
    for number, line in enumerate(lines[1:], 2):
        try:
            fields = columns(line)
            if len(fields) != len(header):
                raise ValueError(_what_is_wrong(line, len(fields), len(header)))
            yield row(number, dict(zip(header, fields, strict=True)))
        except (ValueError, csv.Error) as problem:
            yield Bad(number, str(problem))


def _check_header(header: list[str], needed: Sequence[str]) -> None:
    twice = [name for name in header if header.count(name) > 1]
    if twice:
        raise ValueError(f"column {twice[0]!r:.60} is there twice; remove one")
    if not set(needed) <= set(header):
        raise ValueError(
            f"columns {','.join(header)!r:.200}; the first line must name {','.join(needed)}"
        )


def _what_is_wrong(line: str, fields: int, wanted: int) -> str:
    if not line:
        return "the line is empty; remove it"
    return f"{fields} fields where the first line has {wanted}; write one for each column"


def _in_order(reads: Iterator[Read], column: str) -> Iterator[Read]:
    """These files are sorted, so a line out of order is broken."""
    before = float("-inf")
    for one in reads:
        if isinstance(one, Record) and one.at is not None:
            if one.at < before:
                problem = f"{column} is before the line above; sort the lines by it"
                yield Bad(one.source_row, problem)
                continue
            before = one.at
        yield one


def _azure(number: int, fields: dict[str, str]) -> Record:
    return Record(
        number,
        clock_ns(fields["TIMESTAMP"], "TIMESTAMP"),
        count(fields["ContextTokens"], "ContextTokens"),
        count(fields["GeneratedTokens"], "GeneratedTokens"),
    )


def _burstgpt(number: int, fields: dict[str, str]) -> Read:
    if fields["Response tokens"] == "0":
        return Failed(number)
    at_s = seconds(fields["Timestamp"], "Timestamp")
    took = fields.get("Elapsed time")
    return Record(
        number,
        at_s,
        count(fields["Request tokens"], "Request tokens"),
        count(fields["Response tokens"], "Response tokens"),
        session=name_or_none(fields.get("Session ID")),
        answered_at=at_s + seconds(took, "Elapsed time") if took else None,
        model=name_or_none(fields.get("Model")),
    )


def _own(number: int, fields: dict[str, str]) -> Record:
    given = {name: fields[name] for name in OWN_OF_SESSIONS if fields.get(name)}
    at_s = seconds(fields["arrival_s"], "arrival_s")
    prompt = count(fields["prompt_tokens"], "prompt_tokens")
    output = count(fields["output_tokens"], "output_tokens")
    if not given:
        return Record(number, at_s, prompt, output)
    block_tokens = given.get("block_tokens")
    return Record(
        number,
        at_s,
        prompt,
        output,
        session=given.get("session"),
        turn=_whole(given["turn"], "turn") if "turn" in given else None,
        parent_key=str(_whole(given["parent"], "parent")) if "parent" in given else None,
        key=str(number - 2),
        think=seconds(given["think_s"], "think_s") if "think_s" in given else None,
        hash_ids=tuple(_whole(one, "hash_ids") for one in given.get("hash_ids", "").split()),
        block_tokens=count(block_tokens, "block_tokens") if block_tokens else None,
        slo_class=given.get("slo_class"),
        model=given.get("model"),
    )


def _whole(text: str, name: str) -> int:
    if text.isdigit() and text.isascii() and len(text) <= 20:
        return int(text)
    raise ValueError(f"{name} {text!r:.60}; write a whole number, 0 or more")
