"""The command that makes the paper's figures and claims anew."""

from pathlib import Path
from typing import Annotated

import typer

_FOLDER = Path("results/paper")


def reproduce(
    figure: Annotated[
        str | None,
        typer.Argument(
            help="One figure, for example fig11; by default all but expert_scheduling, networks and"
            " calibrated, which take as long as all others."
        ),
    ] = None,
    out: Annotated[
        Path, typer.Option(help="A folder for summary.csv and the figures; or what is checked.")
    ] = _FOLDER,
    check: Annotated[
        bool,
        typer.Option("--check", help="Write nothing; fail where a claim or the summary is missed."),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """Simulate the figures and claims of arXiv 2507.15465."""
    from sim.report import output
    from sim.report.paper_charts import check_drawing
    from sim.study.paper.reproduce import faults, save, study

    if not check:
        check_drawing()
    found = study(figure, before_each=lambda name: typer.echo(f"{name} ...", err=True))
    if as_json:
        output.show_json(found.rows)
    else:
        output.show_rows({"arXiv 2507.15465: expected and simulated": found.rows})
    if not check:
        save(found, out, is_whole=figure is None)
        typer.echo(f"the figures lie in {out}", err=True)
        return
    missed = faults(found, out, is_whole=figure is None)
    for line in missed:
        typer.echo(f"moesim: {line}", err=True)
    if missed:
        raise typer.Exit(1)
