"""The command line: parse, call, print. Results go to stdout, everything else to stderr.

What a command needs is imported when it runs, so that help and mistakes in typing cost nothing.
"""

import sys
import warnings
from collections.abc import Iterator, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, TextIO

import typer

from sim.cli.files import new, schema
from sim.cli.measured import calibrate, validate
from sim.cli.prices import kernel, roofline
from sim.cli.traces import SkipBadOption, TraceFormatOption, trace, trace_settings
from sim.errors import ScenarioError, ScenarioWarning, SimulationError, one_line

app = typer.Typer(
    name="moesim",
    help="Simulate clusters that serve large language models.",
    epilog="Example: moesim run chat-llama-70b",
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)


class TableFormat(StrEnum):
    """How tables are written."""

    PARQUET = "parquet"
    CSV = "csv"


_Scenario = Annotated[str, typer.Argument(help="A scenario's name, or the path of its file.")]
_Set = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Change a key: --set engine.max_sequences=64."),
]
_Out = Annotated[Path | None, typer.Option(help="A new folder for tables, summary and manifest.")]
_Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")]
_Format = Annotated[
    TableFormat | None,
    typer.Option("--format", help="Of the tables; Parquet where pyarrow is installed, else CSV."),
]
_Export = Annotated[
    list[str] | None,
    typer.Option(
        "--export",
        metavar="FORMAT PATH",
        help="Also write it as another tool would: vllm FILE, vllm-sweep DIR or aiperf DIR.",
    ),
]


_INTERRUPTED = 130
"""The exit status that shells give to what Ctrl-C ended."""
_MOST_SHOWN = 300
_UsageError: Any = typer.BadParameter.__base__
"""What is raised for words that are not understood; typer has no public name for it."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; the number returned is the exit status."""
    with warnings.catch_warnings():
        warnings.simplefilter("once", ScenarioWarning)
        warnings.showwarning = _say_warning
        return _status(argv)


def _status(argv: Sequence[str] | None) -> int:
    words = sys.argv[1:] if argv is None else list(argv)
    try:
        status = app(
            list(_with_exports_joined(words)) or ["--help"],
            prog_name="moesim",
            standalone_mode=False,
        )
    except _UsageError as problem:
        _say(f"moesim: {_short(problem.format_message())}; see '{_path(problem)} --help'")
        return 2
    except ScenarioError as problem:
        for line in str(problem).splitlines():
            _say(f"moesim: {line}")
        return 2
    except SimulationError as problem:
        _say(f"moesim: a law of the simulation was broken: {problem}; please report this run")
        return 1
    if status == _INTERRUPTED:
        _say("moesim: broken off; what --out had so far stays in its folder's .partial twin")
    return status if isinstance(status, int) else 0


def _path(problem: Any) -> str:
    """The command of which the words were not understood."""
    return "moesim" if problem.ctx is None else str(problem.ctx.command_path)


def _short(message: str) -> str:
    text = one_line(" ".join(message.split())).rstrip(".")
    return text if len(text) <= _MOST_SHOWN else f"{text[: _MOST_SHOWN - 3]}..."


def _with_exports_joined(words: Sequence[str]) -> Iterator[str]:
    """`--export FORMAT PATH` as `--export FORMAT=PATH`.

    Typer has no option that takes two words and may be given several times.
    """
    remaining = iter(words)
    for word in remaining:
        yield word
        if word == "--export":
            name = next(remaining, "")
            yield name if "=" in name else f"{name}={next(remaining, '')}"


@app.command(epilog="Example: moesim run chat-llama-70b --set workload.limit=50")
def run(
    scenario: _Scenario,
    settings: _Set = None,
    out: _Out = None,
    as_json: _Json = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Lay out and price; simulate nothing.")
    ] = False,
    table_format: _Format = None,
    trace_format: TraceFormatOption = None,
    skip_bad: SkipBadOption = False,
    export: _Export = None,
) -> None:
    """Simulate a scenario: what came out, and what limits it."""
    from sim.report import output
    from sim.study.ready import ready_scenario

    _check_format(table_format, out)
    if dry_run and (out is not None or export):
        raise typer.BadParameter("a dry run writes nothing", param_hint="--out or --export")
    how_to_read = trace_settings(trace_format, skip_bad)
    deployed = ready_scenario(scenario, [*(settings or []), *how_to_read])
    if dry_run:
        from sim.study.dry_run import dry_run as lay_out
        from sim.study.dry_run_rows import dry_run_rows

        rows = dry_run_rows(lay_out(deployed))
        output.show_json(rows) if as_json else output.show_rows(rows)
        return
    from sim.report.exports.formats import export_named, prepare_exports, write_exports
    from sim.report.run_files import saved_run
    from sim.report.run_tables import run_tables

    exports = [export_named(one) for one in export or []]
    prepare_exports(deployed.scenario, exports, out)
    finished = saved_run(deployed, out, _plain(table_format))
    write_exports(finished, exports)
    output.show_json(finished.summary()) if as_json else output.show(*run_tables(finished))
    _say_where(out)
    for one in exports:
        _say(f"its export for {one.format} lies in {one.path}")


@app.command(
    epilog="Example: moesim compare chat-llama-70b --set workload.limit=50"
    " --vary topology=dgx-h200,pcie-gen5-8-h200"
)
def compare(
    scenario: _Scenario,
    vary: Annotated[
        list[str],
        typer.Option(metavar="KEY=A,B", help="Values to run it with; several: all combinations."),
    ],
    settings: _Set = None,
    out: _Out = None,
    as_json: _Json = False,
    table_format: _Format = None,
    trace_format: TraceFormatOption = None,
    skip_bad: SkipBadOption = False,
) -> None:
    """Run a scenario with keys varied; a row a variant, ratios to the first."""
    from sim.report import output
    from sim.study import compare as study

    _check_format(table_format, out)
    chosen = study.variants(
        scenario,
        [study.variation(one) for one in vary],
        settings or [],
        trace_settings(trace_format, skip_bad),
    )
    rows = study.compare(chosen, out, _plain(table_format), before_each=_say_progress)
    titled = {"Variants, with ratios to the first": rows}
    output.show_json(rows) if as_json else output.show_rows(titled)
    _say_where(out)


@app.command("list", epilog="Example: moesim list topologies")
def list_(
    kind: Annotated[
        str,
        typer.Argument(help="models, devices, topologies, workloads, engines or scenarios."),
    ],
) -> None:
    """List what is known by name."""
    from sim.report.entries import entries, kind_named
    from sim.report.output import show_rows

    show_rows({kind: entries(kind_named(kind))})


@app.command(epilog="Example: moesim show deepseek-r1")
def show(
    name: Annotated[str, typer.Argument(help="NAME; KIND/NAME where it stands for several.")],
) -> None:
    """Show what a name stands for, as a file would say it, and what follows from it."""
    from sim.report.entries import entry

    typer.echo(entry(name))


@app.command(epilog="Example: moesim demo --out results/runs/demo")
def demo(out: _Out = None) -> None:
    """Compare NVLink with PCIe: DeepSeek-R1 and Llama-3.1-70B on eight H200 each."""
    from sim.report.output import show_rows
    from sim.study import demo as study

    folder = out or study.DEFAULT_FOLDER
    show_rows(study.demo(folder, before_each=_say_progress))
    _say_where(folder)


def _check_format(table_format: TableFormat | None, out: Path | None) -> None:
    if table_format is not None and out is None:
        raise typer.BadParameter("there are no tables without --out", param_hint="--format")


def _plain(table_format: TableFormat | None) -> Any:
    return None if table_format is None else table_format.value


def _say(line: str) -> None:
    typer.echo(line, err=True)


def _say_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    _say(f"moesim: warning: {message}")


def _say_progress(what: str) -> None:
    if sys.stderr.isatty():
        _say(f"running {what}")


def _say_where(folder: Path | None) -> None:
    if folder is not None:
        _say(f"frames lie in {folder}")


app.command(epilog="Example: moesim new mine.yaml --model qwen3-8b")(new)
app.command(epilog="Example: moesim schema scenario")(schema)
app.command(epilog="Example: moesim trace chat-small.csv")(trace)
app.command(
    epilog="Example: moesim roofline deepseek-r1 --device h200-sxm --batch 64 --length 4096"
)(roofline)
app.command(epilog="Example: moesim kernel h100-sxm gemm m=64 n=4096 k=4096 dtype=fp8")(kernel)
app.command(epilog="Example: moesim validate points.csv --engine plain")(validate)
app.command(epilog="Example: moesim calibrate points.csv --device h100-sxm")(calibrate)
