"""The command line: parse, call, print. Results go to stdout, everything else to stderr.

What a command needs is imported when it runs, so that help and mistakes in typing cost nothing.
"""

import sys
import warnings
from collections import deque
from collections.abc import Iterator, Sequence
from typing import Any, TextIO

import typer

from sim.cli.catalog import list_, show
from sim.cli.files import new, schema
from sim.cli.measured import calibrate, validate
from sim.cli.prices import kernel, roofline
from sim.cli.reproduce import reproduce
from sim.cli.runs import compare, demo, run
from sim.cli.topology import topology
from sim.cli.traces import trace
from sim.errors import ScenarioError, ScenarioWarning, SimulationError, one_line

app = typer.Typer(
    name="moesim",
    help="Simulate clusters that serve large language models.",
    epilog="Example: moesim run chat-llama-70b",
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)


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
    if words[:1] == ["topology"]:
        # Its --export takes one word, the file.
        yield from words
        return
    remaining = deque(words)
    while remaining:
        word = remaining.popleft()
        yield word
        if word == "--export":
            name = remaining.popleft() if remaining else ""
            has_path = "=" not in name and remaining and not remaining[0].startswith("-")
            yield f"{name}={remaining.popleft()}" if has_path else name


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


app.command(epilog="Example: moesim run chat-llama-70b --set workload.limit=50")(run)
app.command(
    epilog="Example: moesim compare chat-llama-70b --set workload.limit=50"
    " --vary topology=dgx-h200,pcie-gen5-8-h200"
)(compare)
app.command("list", epilog="Example: moesim list topologies")(list_)
app.command(epilog="Example: moesim show deepseek-r1")(show)
app.command(epilog="Example: moesim demo --out results/runs/demo")(demo)
app.command(epilog="Example: moesim new mine.yaml --model qwen3-8b")(new)
app.command(epilog="Example: moesim schema scenario")(schema)
app.command(epilog="Example: moesim trace chat-small.csv")(trace)
app.command(
    epilog="Example: moesim roofline deepseek-r1 --device h200-sxm --batch 64 --length 4096"
)(roofline)
app.command(epilog="Example: moesim kernel h100-sxm gemm m=64 n=4096 k=4096 dtype=fp8")(kernel)
app.command(epilog="Example: moesim validate points.csv --engine plain")(validate)
app.command(epilog="Example: moesim calibrate points.csv --device h100-sxm")(calibrate)
app.add_typer(topology, name="topology", epilog="Example: moesim topology show dgx-h100-x4")
app.command(epilog="Example: moesim reproduce fig3 --out results/runs/paper")(reproduce)
