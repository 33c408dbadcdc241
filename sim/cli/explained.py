"""What `moesim run` prints of a run that has finished: its summary, or one question explained."""

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from sim.simulation import Run


class Explain(StrEnum):
    """What is explained, in place of the summary."""

    LINKS = "links"


ExplainOption = Annotated[
    Explain | None,
    typer.Option("--explain", help="links: the worst links, and who held up whom on them."),
]


def show_run(finished: "Run", explain: Explain | None, *, as_json: bool) -> None:
    """Print tables, or JSON."""
    from sim.report import output
    from sim.report.explain import EXPLANATIONS
    from sim.report.run_tables import run_tables

    if explain is not None:
        explained = dict(EXPLANATIONS[explain.value](finished))
        output.show_json(explained) if as_json else output.show_rows(explained)
    else:
        output.show_json(finished.summary()) if as_json else output.show(*run_tables(finished))
