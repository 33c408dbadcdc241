"""The commands that help to write files: their JSON Schemas, and a scenario to start from."""

from typing import Annotated

import typer

_STDOUT = "-"


def schema(
    kind: Annotated[
        str, typer.Argument(help="model, device, topology, workload, engine or scenario.")
    ],
) -> None:
    """Print the JSON Schema of a kind of file, for editors and checkers."""
    from sim.catalog.schema import file_schema
    from sim.report.entries import kind_named
    from sim.report.output import show_json

    show_json(file_schema(kind_named(kind)))


def new(
    file: Annotated[str, typer.Argument(help="A new file; '-' prints it.")] = _STDOUT,
    model: Annotated[str, typer.Option(help="A model's name or path.")] = "llama-3.1-8b",
    topology: Annotated[str, typer.Option(help="A topology's name or path.")] = "single",
    workload: Annotated[str, typer.Option(help="A workload's name or path.")] = "chat-small",
    engine: Annotated[str, typer.Option(help="An engine profile's name or path.")] = "plain",
) -> None:
    """Write a scenario with every key, its default and what it means."""
    from sim.catalog.template import new_scenario, write_new

    parts = {"model": model, "topology": topology, "workload": workload, "profile": engine}
    text = new_scenario(parts)
    if file == _STDOUT:
        typer.echo(text, nl=False)
        return
    write_new(file, text)
    typer.echo(f"the scenario lies in {file}; next: moesim run {file}", err=True)
