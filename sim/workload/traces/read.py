"""Which format a trace has, by its header or its first value, and the trace."""

import csv
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from sim.errors import ScenarioError, one_line
from sim.spec.workload import TraceFormat
from sim.workload.traces import csv_tables, json_lines, reports, spans
from sim.workload.traces.fields import NS_PER_S, found
from sim.workload.traces.files import lines_of, text_of
from sim.workload.traces.table import Bad, Failed, Read, Record, Trace, linked, timed


class Format(NamedTuple):
    """How a format is known, read and timed."""

    read: Callable[[str], Iterator[Read]]
    ticks_per_s: float
    """Of its instants; an integer number of ticks loses nothing."""
    columns: tuple[str, ...] = ()
    """Of a CSV file."""
    places: tuple[tuple[str, ...], ...] = ()
    """Of the first JSON value: all of these must be there."""


FORMATS: dict[TraceFormat, Format] = {
    "azure": Format(csv_tables.read_azure, NS_PER_S, columns=csv_tables.AZURE),
    "moesim": Format(csv_tables.read_own, 1, columns=csv_tables.OWN),
    "burstgpt": Format(csv_tables.read_burstgpt, 1, columns=csv_tables.BURSTGPT),
    "bailian": Format(json_lines.read_bailian, 1, places=(("chat_id",), ("input_length",))),
    "mooncake": Format(json_lines.read_mooncake, 1000, places=(("input_length",),)),
    "aiperf": Format(
        json_lines.read_aiperf, NS_PER_S, places=(("metadata", "request_start_ns"), ("metrics",))
    ),
    "vllm": Format(reports.read_vllm, 1, places=(("start_times",), ("input_lens",))),
    "guidellm": Format(reports.read_guidellm, 1, places=(("benchmarks",),)),
    "inference-perf": Format(
        reports.read_inference_perf, 1, places=(("start_time",), ("info", "request_metrics"))
    ),
    "otel": Format(spans.read_spans, NS_PER_S, places=(("resourceSpans",),)),
}
"""In the order in which they are tried."""


def read_trace(
    path: Path, trace_format: TraceFormat | None = None, *, skip_bad: bool = False
) -> Trace:
    """The whole trace; ScenarioError names the file and line of the first thing wrong.

    With `skip_bad` broken lines are counted instead.
    """
    text = text_of(path)
    try:
        known = FORMATS[trace_format or format_of(text)]
        return _trace(path, known, text, skip_bad=skip_bad)
    except (ValueError, csv.Error) as problem:
        raise ScenarioError(f"{path}:1: {one_line(str(problem))}") from None


def _trace(path: Path, known: Format, text: str, *, skip_bad: bool) -> Trace:
    records: list[tuple[float, Record]] = []
    skipped = failed = 0
    for one in timed(known.read(text)):
        match one:
            case Bad(row, problem) if not skip_bad:
                raise ScenarioError(f"{path}:{row}: {one_line(problem)}")
            case Bad():
                skipped += 1
            case Failed():
                failed += 1
            case at, record:
                records.append((at, record))
    if not records:
        raise ScenarioError(
            f"{path}: no requests (broken: {skipped}, failed: {failed}); give at least one"
        )
    return Trace(linked(records, known.ticks_per_s), skipped, failed)


def format_of(text: str) -> TraceFormat:
    """The first format whose columns, or places in the first JSON value, are all there."""
    start = text.lstrip()[:1]
    return _json_format(text) if start in ("{", "[") else _csv_format(text)


def _csv_format(text: str) -> TraceFormat:
    lines = lines_of(text)
    header = csv_tables.columns(lines[0]) if lines else []
    for name, known in FORMATS.items():
        if known.columns and set(known.columns) <= set(header):
            return name
    wanted = " or ".join(",".join(known.columns) for known in FORMATS.values() if known.columns)
    raise ValueError(f"columns {','.join(header)!r:.200}; the first line must name {wanted}")


def _json_format(text: str) -> TraceFormat:
    value = _first_value(text)
    first = value[0] if isinstance(value, list) and value else value
    for name, known in FORMATS.items():
        if known.places and all(found(first, *place) is not None for place in known.places):
            return name
    if found(first, "attributes") is not None:
        return "otel"
    keys = list(first) if isinstance(first, dict) else first
    raise ValueError(
        f"keys {keys!r:.200} are of no known trace; give trace_format, one of {', '.join(FORMATS)}"
    )


def _first_value(text: str) -> Any:
    try:
        value, _ = json.JSONDecoder().raw_decode(text.lstrip())
    except json.JSONDecodeError as problem:
        raise ValueError(f"not JSON ({problem.msg}, column {problem.colno}); mend it") from None
    except RecursionError:
        raise ValueError("JSON nested too deeply; mend it") from None
    return value
