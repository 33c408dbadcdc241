"""The command line as tests use it: in this process, with what it printed."""

from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from typing import NamedTuple

from sim.cli import main


class Outcome(NamedTuple):
    """What a command left on the terminal."""

    status: int
    out: str
    err: str


def moesim(*words: str) -> Outcome:
    """Run one command."""
    out, err = StringIO(), StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        status = main(words)
    return Outcome(status, out.getvalue(), err.getvalue())
