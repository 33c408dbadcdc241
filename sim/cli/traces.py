"""The command that looks at a trace, and how other commands are told to read one."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

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


TraceFormatOption = Annotated[
    TraceFormat | None,
    typer.Option("--trace-format", help="How to read a trace, whatever its first line says."),
]
SkipBadOption = Annotated[
    bool, typer.Option("--skip-bad", help="Skip broken lines of a trace, and count them.")
]


def trace_settings(trace_format: TraceFormat | None, skip_bad: bool) -> list[str]:
    """The two options as settings of a scenario."""
    chosen = [] if trace_format is None else [f"workload.trace_format={trace_format.value}"]
    return [*chosen, "workload.skip_bad=true"] if skip_bad else chosen


def trace(
    file: Annotated[
        str,
        typer.Argument(help="A trace's file, a folder of ServeGen, or the name of a workload."),
    ],
    trace_format: TraceFormatOption = None,
    skip_bad: SkipBadOption = False,
    window: Annotated[
        str | None, typer.Option(metavar="FROM,TO", help="Only this part: '60 s,120 s'.")
    ] = None,
    limit: Annotated[int | None, typer.Option(help="Only the first so many requests.")] = None,
    time_scale: Annotated[
        float | None, typer.Option(help="All times are this many times as long.")
    ] = None,
    rate_scale: Annotated[
        float | None, typer.Option(help="Arrivals come this many times as fast.")
    ] = None,
    rate: Annotated[
        str | None, typer.Option(help="Mean rate of ServeGen's clients together: '10 /s'.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of what is drawn.")] = 1,
    convert: Annotated[
        Path | None, typer.Option(metavar="OUT.csv", help="Write it with our own columns.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")] = False,
) -> None:
    """Show a workload's rates, lengths, bursts, sessions and shared prefixes."""
    from sim.catalog.load import load_workload
    from sim.report import output
    from sim.report.trace_tables import trace_rows, trace_tables
    from sim.workload.requests import arriving, as_trace
    from sim.workload.trace_statistics import trace_statistics
    from sim.workload.traces.write import write_own

    options = {
        "trace_format": None if trace_format is None else trace_format.value,
        "skip_bad": skip_bad or None,
        "window": None if window is None else window.split(","),
        "limit": limit,
        "time_scale": time_scale,
        "rate_scale": rate_scale,
        "rate": rate,
    }
    given = {name: value for name, value in options.items() if value is not None}
    found = as_trace(arriving(load_workload(_source(file) | given), seed))
    if convert is not None:
        write_own(found, convert)
        typer.echo(f"the trace lies in {convert}", err=True)
    statistics = trace_statistics(found)
    if as_json:
        output.show_json(trace_rows(statistics))
    else:
        output.show(*trace_tables(Path(file).name, statistics))


def _source(file: str) -> dict[str, Any]:
    """What a word of the command line stands for; a file comes before a workload of that name."""
    from sim.catalog.names import is_file, is_folder, names, plain

    if is_folder(Path(file)):
        return {"servegen": file}
    is_workload = file.endswith((".yaml", ".yml")) or (
        plain(file) in names("workloads") and not is_file(Path(file))
    )
    return {"base": file} if is_workload else {"trace": file}
