"""The commands that compare prices with measured kernels, and fit curves to these."""

from pathlib import Path
from typing import Annotated

import typer

_Points = Annotated[
    Path, typer.Argument(help="A CSV file: id, kind, device, params (JSON), measured_s.")
]
_Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")]


def validate(
    points: _Points,
    engine: Annotated[str, typer.Option("--engine", "--profile", help="The engine profile.")] = (
        "measured"
    ),
    out: Annotated[Path | None, typer.Option(help="A new CSV file with a row for each point.")] = (
        None
    ),
    save: Annotated[
        Path | None,
        typer.Option(help="A folder for summary.csv and figure.png/.svg, with `plain` beside it."),
    ] = None,
    as_json: _Json = False,
) -> None:
    """Predicted against measured kernels: errors by kind and device."""
    from sim.report import output
    from sim.study.measured_points import oddities, read_points
    from sim.study.validate import check_compared, error_rows, validated, write_comparisons

    read = read_points(points)
    found = validated(read, engine)
    check_compared(found, points)
    for line in oddities(points, read):
        typer.echo(f"moesim: {line}", err=True)
    if save is not None:
        from sim.study.validation_study import save_study

        save_study(save, read, points.name)
    if out is not None:
        write_comparisons(out, found.compared)
    rows, left_out = error_rows(found.compared), found.left_out
    if as_json:
        output.show_json({"errors": rows, "not_compared": left_out})
        return
    output.show_rows({f"{points.name} by {engine}: predicted over measured, less 1": rows})
    if left_out:
        output.show_rows({"Points that could not be compared": left_out})


def calibrate(
    points: _Points,
    device: Annotated[
        list[str], typer.Option(help="A device's name or path; several in one file: repeat.")
    ],
    out: Annotated[str, typer.Option(help="A new engine profile; '-' prints it.")] = "-",
    as_json: _Json = False,
) -> None:
    """Fit kernels of devices and transfers between them to measurements, as an engine profile."""
    from sim.catalog.template import write_new
    from sim.report import output
    from sim.study.calibrated_profile import calibrated_profile, fit_rows, profile_text
    from sim.study.measured_points import read_points

    fitted = calibrated_profile(points, read_points(points), device)
    for name, left_out in fitted.left_out.items():
        line = f"{left_out} collectives of {name} are left out, as it names no 'node'"
        typer.echo(f"moesim: {line}", err=True)
    text = profile_text("measured" if out == "-" else Path(out).stem, fitted)
    if out == "-" and not as_json:
        typer.echo(text, nl=False)
        return
    if out != "-":
        write_new(out, text)
    rows = fit_rows(fitted)
    if as_json:
        output.show_json(rows)
    else:
        output.show_rows({"Errors of the fits, and on points held out of them": rows})
        typer.echo(f"the engine profile lies in {out}", err=True)
