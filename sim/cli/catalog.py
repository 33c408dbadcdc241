"""The commands that look into the catalog: what there is, and what a name stands for."""

from typing import Annotated

import typer


def list_(
    kind: Annotated[
        str,
        typer.Argument(help="models, devices, topologies, workloads, engines or scenarios."),
    ],
) -> None:
    """List what is known by name."""
    from sim.report.entries import entries, kind_named
    from sim.report.output import show_rows

    found = kind_named(kind)
    show_rows({found: entries(found)})


def show(
    name: Annotated[
        str, typer.Argument(help="NAME, or a file's path; KIND/NAME where it stands for several.")
    ],
) -> None:
    """Show what a name stands for, as a file would say it, and what follows from it."""
    from sim.report.entries import entry

    typer.echo(entry(name))
