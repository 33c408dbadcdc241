"""The command that looks at a trace."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class TraceFormat(StrEnum):
    """Formats of traces."""

    AZURE = "azure"
    MOESIM = "moesim"
    BURSTGPT = "burstgpt"
    BAILIAN = "bailian"
    MOONCAKE = "mooncake"
    AIPERF = "aiperf"
    VLLM = "vllm"
    GUIDELLM = "guidellm"
    INFERENCE_PERF = "inference-perf"
    OTEL = "otel"


def trace(
    file: Annotated[str, typer.Argument(help="A trace; its first line tells the format.")],
    trace_format: Annotated[
        TraceFormat | None, typer.Option(help="How to read it, whatever its first line says.")
    ] = None,
    skip_bad: Annotated[
        bool, typer.Option("--skip-bad", help="Skip broken lines, and count them.")
    ] = False,
    convert: Annotated[
        Path | None, typer.Option(metavar="OUT.csv", help="Write it with our own columns.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")] = False,
) -> None:
    """Show a trace's rates, lengths, bursts, sessions and shared prefixes."""
    from sim.catalog.load import load_workload
    from sim.report import output
    from sim.report.trace_tables import trace_rows, trace_tables
    from sim.workload.trace_statistics import trace_statistics
    from sim.workload.traces.read import read_trace
    from sim.workload.traces.write import write_own

    chosen = None if trace_format is None else trace_format.value
    workload = load_workload({"trace": file, "trace_format": chosen, "skip_bad": skip_bad})
    assert workload.trace is not None
    path = Path(workload.trace)
    found = read_trace(path, workload.trace_format, skip_bad=skip_bad)
    if convert is not None:
        write_own(found, convert)
        typer.echo(f"the trace lies in {convert}", err=True)
    statistics = trace_statistics(found)
    if as_json:
        output.show_json(trace_rows(statistics))
    else:
        output.show(*trace_tables(path.name, statistics))
