"""The text of a trace's file, plain or compressed (`.gz`)."""

import gzip
import zlib
from pathlib import Path

from sim.errors import ScenarioError


def text_of(path: Path) -> str:
    """The whole text; ScenarioError where there is none."""
    try:
        content = path.read_bytes()
        if path.suffix == ".gz":
            content = gzip.decompress(content)
    except FileNotFoundError:
        raise ScenarioError(f"{path}: no such file; name an existing trace") from None
    except (OSError, EOFError, zlib.error) as problem:
        raise ScenarioError(f"{path}: cannot be read ({problem}); name a whole file") from None
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as problem:
        line = content.count(b"\n", 0, problem.start) + 1
        raise ScenarioError(f"{path}:{line}: not UTF-8 text; save it as UTF-8") from None


def lines_of(text: str) -> list[str]:
    """Its lines, whose ends may be of either kind."""
    lines = text.split("\n")
    if not lines[-1]:
        lines.pop()
    return [line.removesuffix("\r") for line in lines]
