"""The figures of a trace as tables."""

from collections.abc import Iterator, Mapping
from typing import Any

from rich.console import RenderableType

from sim.report.tables import figures, table
from sim.workload.trace_statistics import TraceStatistics

_LENGTHS = {"prompt_tokens": "prompt tokens", "output_tokens": "output tokens"}
_SESSIONS = {"turns": "turns of a session", "think_s": "think time in s"}
_SPREADS = _LENGTHS | _SESSIONS


def trace_rows(statistics: TraceStatistics) -> dict[str, Any]:
    """The figures as plain values, for JSON."""
    return {
        name: value._asdict() if hasattr(value, "_asdict") else value
        for name, value in statistics._asdict().items()
    }


def trace_tables(name: str, statistics: TraceStatistics) -> Iterator[RenderableType]:
    """What `moesim trace` shows."""
    values = trace_rows(statistics)
    plain = {key: value for key, value in values.items() if not isinstance(value, Mapping)}
    yield figures(name, {key: value for key, value in plain.items() if key not in _SPREADS})
    for title, keys in (("Lengths", _LENGTHS), ("Sessions", _SESSIONS)):
        spreads = [{"of": _SPREADS[key], **values[key]} for key in keys if values[key]]
        if spreads:
            yield table(title, spreads)
    if values["prefix_sharing"] is not None:
        yield figures("Prefixes shared, with a cache without bounds", values["prefix_sharing"])
