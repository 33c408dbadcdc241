"""Traces of requests in CSV files, plain or compressed (`.gz`): when they came, how long they were.

Two sets of columns are known, by name and in any order: those of the Azure LLM inference traces,
and our own. Further columns are not read. Line endings may be of either kind. Every line must be
whole: nothing is skipped or mended, since a workload that is quietly smaller than its file answers
another question.
"""

import csv
import gzip
import io
import math
import re
import zlib
from collections.abc import Callable, Iterator
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from sim.errors import ScenarioError

_ONE_DAY_S = 86_400
_NS_PER_S = 1_000_000_000
_MOST_DIGITS = 9
_INSTANT = re.compile(
    r"(\d{4}-\d\d-\d\d)[ T]([01]\d|2[0-3]):([0-5]\d):([0-5]\d)(?:\.(\d{1,9}))?"
    r" ?(?:(Z|UTC)|([+-])(\d\d):?(\d\d))?",
    re.ASCII,
)


class Trace(NamedTuple):
    """Requests in order of arrival; the clock starts at the first."""

    arrivals_s: list[float]
    prompt_tokens: list[int]
    output_tokens: list[int]


class _Format(NamedTuple):
    """The columns of a file, and how its instants are written."""

    arrival: str
    prompt_tokens: str
    output_tokens: str
    instant: Callable[[str], float]
    """In ticks, of which an integer number loses nothing."""
    ticks_per_s: float


def read_trace(path: Path) -> Trace:
    """The whole trace; ScenarioError names the file and line of the first thing wrong."""
    rows = csv.reader(io.StringIO(_text(path), newline=""), strict=True)
    try:
        header = next(rows, [])
        trace = _trace(rows, header, _format_of(header))
    except (ValueError, csv.Error) as problem:
        raise ScenarioError(f"{path}:{max(rows.line_num, 1)}: {problem}") from None
    return trace


def _text(path: Path) -> str:
    try:
        content = path.read_bytes()
        if path.suffix == ".gz":
            content = gzip.decompress(content)
    except FileNotFoundError:
        raise ScenarioError(f"{path}: no such file; name an existing trace") from None
    except (OSError, EOFError, zlib.error) as problem:
        raise ScenarioError(f"{path}: cannot be read ({problem}); name a whole file") from None
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as problem:
        line = content.count(b"\n", 0, problem.start) + 1
        raise ScenarioError(f"{path}:{line}: not UTF-8 text; save it as UTF-8") from None


def _format_of(header: list[str]) -> _Format:
    twice = [name for name in header if header.count(name) > 1]
    if twice:
        raise ValueError(f"column {twice[0]!r} is there twice; remove one")
    for known in _FORMATS:
        if {known.arrival, known.prompt_tokens, known.output_tokens} <= set(header):
            return known
    wanted = " or ".join(",".join(known[:3]) for known in _FORMATS)
    raise ValueError(f"columns {','.join(header)!r}; the first line must name {wanted}")


def _trace(rows: Iterator[list[str]], header: list[str], known: _Format) -> Trace:
    arrival, prompt, output = (header.index(name) for name in known[:3])
    trace = Trace([], [], [])
    first = before = -math.inf
    for row in rows:
        if len(row) != len(header):
            raise ValueError(_what_is_wrong(row, header))
        at = known.instant(row[arrival])
        if at < before:
            raise ValueError(
                f"{known.arrival} {row[arrival]!r} is before the line above; sort the lines by it"
            )
        if not trace.arrivals_s:
            first = at
        before = at
        trace.arrivals_s.append((at - first) / known.ticks_per_s)
        trace.prompt_tokens.append(_count(row[prompt], known.prompt_tokens))
        trace.output_tokens.append(_count(row[output], known.output_tokens))
    if not trace.arrivals_s:
        raise ValueError("no requests after the first line; give at least one")
    return trace


def _what_is_wrong(row: list[str], header: list[str]) -> str:
    if not row:
        return "the line is empty; remove it"
    return f"{len(row)} fields where the first line has {len(header)}; write one for each column"


def _count(text: str, column: str) -> int:
    if text.isdigit() and text.isascii() and len(text) <= _MOST_DIGITS and (tokens := int(text)):
        return tokens
    raise ValueError(
        f"{column} {text!r} is not a number of tokens; write a whole number of at least 1"
        f" and at most {_MOST_DIGITS} digits, or remove the line"
    )


def _clock_ns(text: str) -> int:
    """Nanoseconds since year 1; an instant without a zone is taken for UTC."""
    match = _INSTANT.fullmatch(text)
    if match is None:
        raise ValueError(f"TIMESTAMP {text!r}; write for example '2023-11-16 18:15:46.6805900'")
    day, hours, minutes, seconds, fraction, _, sign, zone_hours, zone_minutes = match.groups()
    at_s = _day_s(day) + int(hours) * 3600 + int(minutes) * 60 + int(seconds)
    if sign is not None:
        ahead_s = int(zone_hours) * 3600 + int(zone_minutes) * 60
        at_s -= ahead_s if sign == "+" else -ahead_s
    return at_s * _NS_PER_S + int((fraction or "").ljust(9, "0"))


@lru_cache(maxsize=64)
def _day_s(day: str) -> int:
    try:
        return date.fromisoformat(day).toordinal() * _ONE_DAY_S
    except ValueError:
        raise ValueError(f"TIMESTAMP {day!r} is not a day of the calendar; mend it") from None


def _seconds(text: str) -> float:
    try:
        at_s = float(text)
    except ValueError:
        at_s = math.nan
    if math.isfinite(at_s) and at_s >= 0:
        return at_s
    raise ValueError(f"arrival_s {text!r}; write seconds, 0 or more, for example 1.25")


_FORMATS = (
    _Format("TIMESTAMP", "ContextTokens", "GeneratedTokens", _clock_ns, float(_NS_PER_S)),
    _Format("arrival_s", "prompt_tokens", "output_tokens", _seconds, 1.0),
)
