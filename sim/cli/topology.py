"""The commands that look at a cluster's graph."""

from typing import Annotated

import typer

topology = typer.Typer(
    help="Look at a cluster's graph: cuts, distances, oversubscription; draw it, export it.",
    no_args_is_help=True,
)


@topology.command("show", epilog="Example: moesim topology show dgx-h100-x16-leaf-spine")
def show_topology(
    name: Annotated[
        str, typer.Argument(help="A topology's name or path; also node-link JSON or GraphML.")
    ],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")] = False,
    draw: Annotated[
        str | None, typer.Option(metavar="FILE", help="A new picture: FILE.svg or FILE.png.")
    ] = None,
    export: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="A new file for NetworkX: FILE.json or FILE.graphml."),
    ] = None,
) -> None:
    """Show parts, links, bisection, diameter and oversubscription."""
    from sim.catalog.load import load_topology
    from sim.report import output
    from sim.study.topology_facts import distances, level_rows, link_rows, part_rows

    spec = load_topology(name)
    if draw is not None:
        from sim.report.topology_picture import draw as draw_topology

        draw_topology(spec, draw)
    if export is not None:
        from sim.report.topology_files import export as export_topology

        export_topology(spec, export)
    tables = {"parts": part_rows(spec), "links": link_rows(spec), "levels": level_rows(spec)}
    far = distances(spec)
    if as_json:
        output.show_json({"name": spec.name, **tables, "distances": far})
    else:
        titles = {"parts": "Parts", "links": "Links", "levels": _LEVELS}
        output.show_rows({titles[key]: rows for key, rows in tables.items() if rows})
        if far:
            output.show_figures("Along the shortest routes", far)
    for file in (draw, export):
        if file is not None:
            typer.echo(f"{spec.name} lies in {file}", err=True)


_LEVELS = "Cuts: what can flow at once, with devices in their order"
