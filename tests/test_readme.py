"""README.md tells the truth: its commands run, and print what it says they print.

In a ```console block a line `$ moesim ...` is run (a `\\` at its end continues it). The lines below
it, or in a ```text block right behind, must stand in what it prints, in this order; `...` alone
stands for any lines between them.
"""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
import typer

from sim.cli import app
from tests.cli.commands import moesim

README = Path(__file__).parents[1] / "README.md"
SLOW = ("run", "compare", "demo")


class Shown(NamedTuple):
    """A command of the README, and what the README says that it prints."""

    words: list[str]
    lines: list[str]

    @property
    def is_slow(self) -> bool:
        """Whether it may simulate, or work out how a large model routes."""
        return self.words[0] in SLOW


_BLOCK = re.compile(
    r"^```console\n(.*?)^```\n(?:\n*```text\n(.*?)^```)?", flags=re.DOTALL | re.MULTILINE
)


def commands(text: str) -> Iterator[Shown]:
    """Every command of the console blocks."""
    for block in ("".join(parts) for parts in _BLOCK.findall(text)):
        for part in re.split(r"^\$ ", block.replace("\\\n", " "), flags=re.MULTILINE)[1:]:
            command, *lines = part.splitlines()
            if command.startswith("moesim "):
                yield Shown(shlex.split(command, comments=True)[1:], lines)


def missing(lines: list[str], printed: str) -> list[str]:
    """The lines that do not stand in what was printed, after the line before; spaces aside."""
    remaining = iter([line.split() for line in printed.splitlines()])
    wanted = [line for line in lines if line.strip() not in ("", "...")]
    return [line for line in wanted if not any(line.split() == other for other in remaining)]


def cases() -> Iterator[object]:
    for shown in commands(README.read_text(encoding="utf-8")):
        marks = [pytest.mark.slow] if shown.is_slow else []
        yield pytest.param(shown, id=" ".join(shown.words), marks=marks)


@pytest.mark.parametrize("shown", list(cases()))
def test_a_command_prints_what_the_readme_shows(
    shown: Shown, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    outcome = moesim(*shown.words)

    assert outcome.status == 0, outcome.err
    assert missing(shown.lines, outcome.out + outcome.err) == []


def test_every_command_is_named_in_the_readme() -> None:
    text = README.read_text(encoding="utf-8")

    for name in typer.main.get_command(app).commands:  # type: ignore[attr-defined]
        assert f"moesim {name}" in text, name


def test_lines_are_looked_for_in_their_order() -> None:
    printed = "a  1\nb 2\nc 3\n"

    assert missing(["a 1", "...", "c  3"], printed) == []
    assert missing(["c 3", "a 1"], printed) == ["a 1"]
    assert missing(["b"], printed) == ["b"]


def test_commands_are_found_with_what_they_print() -> None:
    text = (
        "```console\n$ moesim list models\nx\n$ make demo\ny\n$ moesim show \\\n  a b  # why\n```\n"
        "\nso\n\n```text\nno output\n```\n```console\n$ moesim demo\n```\n\n```text\nz\n```\n"
    )

    assert list(commands(text)) == [
        (["list", "models"], ["x"]),
        (["show", "a", "b"], []),
        (["demo"], ["z"]),
    ]
