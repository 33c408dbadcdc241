"""The command line: parse, call, print. Results go to stdout, everything else to stderr.

What a command needs is imported when it runs, so that help and mistakes in typing cost nothing.
"""

import sys
import warnings
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, TextIO

import typer

from sim.cli.traces import trace
from sim.errors import ScenarioError, ScenarioWarning, SimulationError

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


class Mla(StrEnum):
    """How latent attention is computed."""

    AUTO = "auto"
    ABSORBED = "absorbed"
    EXPANDED = "expanded"


class Element(StrEnum):
    """Types of numbers."""

    FP32 = "fp32"
    BF16 = "bf16"
    FP8 = "fp8"
    FP4 = "fp4"


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
_Engine = Annotated[str, typer.Option(help="The engine profile: its efficiencies and overheads.")]


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; the number returned is the exit status."""
    with warnings.catch_warnings():
        warnings.simplefilter("once", ScenarioWarning)
        warnings.showwarning = _say_warning
        return _status(argv)


def _status(argv: Sequence[str] | None) -> int:
    try:
        app(None if argv is None else list(argv), prog_name="moesim")
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except ScenarioError as problem:
        for line in str(problem).splitlines():
            _say(f"moesim: {line}")
        return 2
    except SimulationError as problem:
        _say(f"moesim: a law of the simulation was broken: {problem}; please report this run")
        return 1
    return 0


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
) -> None:
    """Simulate a scenario: what came out, and what limits it."""
    from sim.report import output
    from sim.study.ready import ready_scenario

    _check_format(table_format, out)
    deployed = ready_scenario(scenario, settings or [])
    if dry_run:
        from sim.study.dry_run import dry_run as lay_out
        from sim.study.dry_run_rows import dry_run_rows

        rows = dry_run_rows(lay_out(deployed))
        output.show_json(rows) if as_json else output.show_rows(rows)
        return
    from sim.report.run_files import saved_run
    from sim.report.run_tables import run_tables

    finished = saved_run(deployed, out, _plain(table_format))
    output.show_json(finished.summary()) if as_json else output.show(*run_tables(finished))
    _say_where(out)


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
) -> None:
    """Run a scenario with keys varied; a row a variant, ratios to the first."""
    from sim.report import output
    from sim.study import compare as study

    _check_format(table_format, out)
    chosen = study.variants(scenario, [study.variation(one) for one in vary], settings or [])
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


@app.command(
    epilog="Example: moesim roofline deepseek-r1 --device h200-sxm --batch 64 --length 4096"
)
def roofline(
    model: Annotated[str, typer.Argument(help="A model's name, or the path of its file.")],
    device: Annotated[str, typer.Option(help="An accelerator's name, or the path of its file.")],
    batch: Annotated[int, typer.Option(help="Sequences.")],
    length: Annotated[int, typer.Option(help="Tokens that each attends to; of a prefill, new.")],
    prefill: Annotated[bool, typer.Option("--prefill", help="Whole prompts, no decode.")] = False,
    precision: Annotated[Element, typer.Option(help="Of the weights.")] = Element.BF16,
    kv: Annotated[Element, typer.Option(help="Of keys and values.")] = Element.BF16,
    tp: Annotated[int, typer.Option(help="Devices that split each layer; one is shown.")] = 1,
    mla: Annotated[Mla, typer.Option(help="How latent attention is computed.")] = Mla.AUTO,
    engine: _Engine = "ideal",
    as_json: _Json = False,
) -> None:
    """Intensity, bound and time of each operator, beside the device's ridge."""
    from sim.report import output
    from sim.study.roofline import Step, roofline_rows

    step = Step(batch, length, is_prefill=prefill)
    ridges, rows = roofline_rows(
        model, device, engine, step, {"weights": precision.value, "kv": kv.value}, tp, mla.value
    )
    if as_json:
        output.show_json({"ridges": ridges, "operators": rows})
    else:
        output.show_rows({f"{model} on {device} ({engine})": rows})
        output.show_figures("Ridge", ridges)


@app.command(epilog="Example: moesim kernel h100-sxm gemm m=64 n=4096 k=4096 dtype=fp8")
def kernel(
    device: Annotated[str, typer.Argument(help="An accelerator's name or alias.")],
    kind: Annotated[str, typer.Argument(help="gemm, mla_decode, all_reduce, ep_dispatch, ...")],
    parameters: Annotated[
        list[str] | None, typer.Argument(metavar="KEY=VALUE...", help="All that the kind needs.")
    ] = None,
    engine: _Engine = "plain",
    as_json: _Json = False,
) -> None:
    """Price one kernel or collective."""
    from sim.report import output
    from sim.study.kernels import kernel_price

    price = kernel_price(device, kind, parameters or [], engine)
    title = f"{kind} on {device}"
    output.show_json(price) if as_json else output.show_figures(title, price)


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


app.command(epilog="Example: moesim trace chat-small.csv")(trace)
