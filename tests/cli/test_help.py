import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from sim.cli import app
from tests.cli.commands import moesim
from tests.study.measurements import measured_points

COMMANDS = (
    "run",
    "compare",
    "list",
    "show",
    "roofline",
    "kernel",
    "validate",
    "calibrate",
    "demo",
    "reproduce",
    "trace",
    "new",
    "schema",
    "topology",
)
HEAVY = ("pandas", "networkx", "simpy", "numpy", "pydantic")


def example(command: str) -> list[str]:
    """What stands behind `Example: moesim` at the end of a command's help."""
    words = " ".join(moesim(command, "--help").out.split())
    return shlex.split(words.rpartition("Example: moesim ")[2])


def test_these_are_the_commands() -> None:
    assert set(typer.main.get_command(app).commands) == set(COMMANDS)  # type: ignore[attr-defined]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_that_ends_with_an_example_of_it(command: str) -> None:
    assert moesim(command, "--help").status == 0
    assert example(command)[0] == command


@pytest.mark.parametrize(
    "command",
    [pytest.param(one, marks=pytest.mark.slow) if one == "demo" else one for one in COMMANDS],
)
def test_the_example_runs(command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    measured_points(tmp_path / "points.csv")

    outcome = moesim(*example(command))

    assert outcome.status == 0, outcome.err
    assert outcome.out + outcome.err


def test_help_imports_nothing_heavy() -> None:
    program = (
        "import sys; from sim.cli import main; main(['--help']); "
        f"sys.exit(', '.join(one for one in {HEAVY!r} if one in sys.modules) or 0)"
    )

    finished = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )

    assert finished.returncode == 0, finished.stderr


def test_a_command_that_is_not_known_is_refused_in_a_line() -> None:
    outcome = moesim("rum", "chat-llama-70b")

    assert outcome.status == 2
    assert outcome.err.startswith("moesim: No such command 'rum'")
    assert outcome.err.endswith("; see 'moesim --help'\n")
    assert not outcome.out
