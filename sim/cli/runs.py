"""The commands that simulate: one run, several compared, and the demonstration."""

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from sim.cli.explained import ExplainOption, show_run
from sim.cli.traces import SkipBadOption, TraceFormatOption, trace_settings


class TableFormat(StrEnum):
    """How tables are written."""

    PARQUET = "parquet"
    CSV = "csv"


class WarmUp(StrEnum):
    """Where runs are cut."""

    MSER5 = "mser5"
    NONE = "none"


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
_Seeds = Annotated[
    int | None,
    typer.Option(
        "--seeds", min=2, max=1000, help="Run with so many seeds; show confidence intervals."
    ),
]
_KernelErrors = Annotated[
    bool,
    typer.Option(
        "--kernel-errors", help="What the errors of measured kernels may do to the figures."
    ),
]
_WarmUp = Annotated[
    WarmUp | None,
    typer.Option("--warm-up", help="Of --seeds: mser5 (the default) shows steady states, too."),
]


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
    seeds: _Seeds = None,
    warm_up: _WarmUp = None,
    kernel_errors: _KernelErrors = False,
    explain: ExplainOption = None,
) -> None:
    """Simulate a scenario: what came out, and what limits it."""
    from sim.study.ready import ready_scenario

    _check_format(table_format, out)
    if dry_run and (out is not None or export):
        raise typer.BadParameter("a dry run writes nothing", param_hint="--out or --export")
    of_one_run = {"--dry-run": dry_run, "--export": export, "--explain": explain}
    _check_seeds(seeds, warm_up, of_one_run)
    if dry_run and explain is not None:
        raise typer.BadParameter("a dry run moves no bytes", param_hint="--explain")
    others = of_one_run | {"--seeds": seeds, "--out": out}
    _check_kernel_errors(is_asked=kernel_errors, others=others)
    how_to_read = trace_settings(trace_format, skip_bad)
    deployed = ready_scenario(scenario, [*(settings or []), *how_to_read])
    if kernel_errors:
        _run_kernel_errors(deployed.scenario, as_json=as_json)
        return
    if seeds is not None:
        _run_seeds(deployed.scenario, seeds, warm_up, out, table_format, as_json=as_json)
        return
    if dry_run:
        _show_dry_run(deployed, as_json=as_json)
        return
    _run_once(deployed, out, table_format, export or [], explain, as_json=as_json)


def _run_once(
    deployed: Any,
    out: Path | None,
    table_format: TableFormat | None,
    export: list[str],
    explain: ExplainOption,
    *,
    as_json: bool,
) -> None:
    from sim.report.exports.formats import export_named, prepare_exports, write_exports
    from sim.report.run_files import saved_run
    from sim.serving.measured_share import constant_lines

    exports = [export_named(one) for one in export]
    prepare_exports(deployed.scenario, exports, out)
    finished = saved_run(deployed, out, _plain(table_format))
    write_exports(finished, exports)
    show_run(finished, explain, as_json=as_json)
    for line in (*constant_lines(deployed), *finished.stops):
        _say(f"moesim: {line}")
    _say_where(out)
    for one in exports:
        _say(f"its export for {one.format} lies in {one.path}")


def _show_dry_run(deployed: Any, *, as_json: bool) -> None:
    from sim.report import output
    from sim.study.dry_run import dry_run
    from sim.study.dry_run_rows import dry_run_rows

    rows = dry_run_rows(dry_run(deployed))
    output.show_json(rows) if as_json else output.show_rows(rows)


def _check_kernel_errors(*, is_asked: bool, others: dict[str, Any]) -> None:
    for option, given in others.items():
        if is_asked and given:
            raise typer.BadParameter(
                f"is for one run, without {option}", param_hint="--kernel-errors"
            )


def _run_kernel_errors(scenario: Any, *, as_json: bool) -> None:
    from sim.report import output
    from sim.report.interval_tables import bounds_table
    from sim.study.kernel_errors import kernel_errors

    found = kernel_errors(scenario, before_each=_say_progress)._asdict()
    if as_json:
        output.show_json({name: dict(of_run) for name, of_run in found.items()})
        return
    title = "Every kernel off by its curve's median error on shapes held out, in one direction"
    output.show(bounds_table(title, found))


def _check_seeds(seeds: int | None, warm_up: WarmUp | None, of_one_run: dict[str, Any]) -> None:
    if seeds is None and warm_up is not None:
        raise typer.BadParameter("needs --seeds", param_hint="--warm-up")
    for option, is_given in of_one_run.items():
        if seeds is not None and is_given:
            raise typer.BadParameter(f"is for runs, without {option}", param_hint="--seeds")


def _run_seeds(
    scenario: Any,
    seeds: int,
    warm_up: WarmUp | None,
    out: Path | None,
    table_format: TableFormat | None,
    *,
    as_json: bool,
) -> None:
    from sim.report import output
    from sim.report.interval_tables import interval_table
    from sim.study.seeds import seed_study

    rule = _plain(warm_up or WarmUp.MSER5)
    study = seed_study(
        scenario,
        seeds,
        rule,
        out,
        _plain(table_format),
        before_each=_say_progress,
        after_each=_say_stops,
    )
    if as_json:
        output.show_json(study.as_json())
    else:
        first, last = study.seeds[0], study.seeds[-1]
        title = f"{scenario.model.name} on {scenario.topology.name}, seeds {first} to {last}"
        output.show(interval_table(f"{title}: whole runs", study.whole_run))
        if study.steady_state is not None:
            cut = f"without the first {study.warm_up.cut_requests} requests (MSER-5)"
            output.show(interval_table(f"Steady state, {cut}", study.steady_state))
    if study.warm_up.why_none is not None:
        _say(f"moesim: no warm-up is cut: {study.warm_up.why_none}")
    if not study.is_drawn:
        _say("moesim: nothing depends on the seed here: the intervals say nothing")
    _say_where(out)


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
    until_not_network_bound: Annotated[
        bool,
        typer.Option(
            "--until-not-network-bound",
            help="Also find the link speed at which communication is a tenth of the steps.",
        ),
    ] = False,
) -> None:
    """Run a scenario with keys varied; a row a variant, ratios to the first."""
    from sim.report import output
    from sim.study import compare as study
    from sim.study.network_bound import enough_row, enough_tables

    _check_format(table_format, out)
    chosen = study.variants(
        scenario,
        [study.variation(one) for one in vary],
        settings or [],
        trace_settings(trace_format, skip_bad),
    )
    rows = study.compare(
        chosen,
        out,
        _plain(table_format),
        more_columns=enough_row if until_not_network_bound else lambda run: {},
        before_each=_say_progress,
        after_each=_say_stops,
    )
    titled = enough_tables(rows) if until_not_network_bound else {study.TITLE: rows}
    output.show_json(rows) if as_json else output.show_rows(titled)
    _say_where(out)


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


def _plain(chosen: StrEnum | None) -> Any:
    return None if chosen is None else chosen.value


def _say(line: str) -> None:
    typer.echo(line, err=True)


def _say_progress(what: str) -> None:
    if sys.stderr.isatty():
        _say(f"running {what}")


def _say_stops(name: str, finished: Any) -> None:
    for line in finished.stops:
        _say(f"moesim: {name}: {line}")


def _say_where(folder: Path | None) -> None:
    if folder is not None:
        _say(f"frames lie in {folder}")
