"""`python -m bench [NAME ...]`: measure workloads, append a line each, print their bars."""

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console

from bench.workloads import FOLDER, Workload, alternatives, passes, workloads
from sim.errors import ScenarioError
from sim.report.tables import table, width

_AZURE = "MOESIM_AZURE_TRACE"


def main(words: Sequence[str]) -> int:
    """The exit status: 0, or 1 where something could not be measured."""
    known = workloads()
    arguments = _arguments()
    asked = arguments.parse_args(words)
    for name in asked.names:
        if name not in known:
            arguments.error(f"{name} is not one of {', '.join(known)}")
    commit, lines = _commit(), []
    for name in asked.names or known:
        sys.stderr.write(f"{name}: {known[name].about}\n")
        figures = _measured([name, asked.scale, asked.most, asked.azure])
        at = datetime.now(UTC).isoformat(timespec="seconds")
        line = {"workload": name, "commit": commit, "at": at, "scale": asked.scale, **figures}
        if asked.most is not None and known[name].linear is not None:
            line["most"] = asked.most
        lines.append(line)
        with asked.out.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
    _print([row for line in lines for row in rows(line, known[line["workload"]])])
    return int(any("error" in line for line in lines))


def rows(line: Mapping[str, Any], workload: Workload) -> list[dict[str, Any]]:
    """A row for every figure that has a bar; a smaller workload than the bar's passes nothing."""
    name = line["workload"] + (" (synthetic)" if line.get("trace") == "synthetic" else "")
    return [
        {
            "workload": name,
            "figure": figure if number == 0 else f"or {figure}",
            "value": f"{line[figure]:,.4g}" if figure in line else "-",
            "bar": f"{sign} {least_or_most:,g}",
            "pass": _judged(bar, line) if number == 0 else "",
        }
        for bar in workload.bars
        for number, (figure, sign, least_or_most) in enumerate(alternatives(bar))
    ]


def _judged(bar: str, line: Mapping[str, Any]) -> str:
    if "error" in line:
        return "failed"
    if line["scale"] != 1 or "most" in line:
        return "not judged"
    return "yes" if passes(bar, line) else "no"


def _measured(job: Sequence[Any]) -> dict[str, Any]:
    """The figures, from a fresh interpreter: caches and peak memory are the workload's own."""
    words = [sys.executable, "-m", "bench.measure", json.dumps(job)]
    ended = subprocess.run(words, capture_output=True, text=True, cwd=FOLDER.parent)
    sys.stderr.write(ended.stderr)
    if ended.returncode:
        last_line = ended.stderr.strip().rsplit("\n", 1)[-1]
        return {"error": last_line or f"ended with status {ended.returncode}"}
    figures: dict[str, Any] = json.loads(ended.stdout)
    return figures


def _commit() -> str | None:
    words = ["git", "describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"]
    ended = subprocess.run(words, capture_output=True, text=True, cwd=FOLDER)
    return ended.stdout.strip() or None


def _print(shown: Sequence[Mapping[str, Any]]) -> None:
    console = Console()
    console.width = max(console.width, width(shown))
    console.print(table("bars", shown))


def _arguments() -> argparse.ArgumentParser:
    arguments = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    arguments.add_argument("names", nargs="*", metavar="NAME", help="of workloads.yaml; or all")
    arguments.add_argument("--scale", type=_share, default=1.0, help="above 0, at most 1")
    arguments.add_argument("--most", type=int, help="largest size of `linear`")
    arguments.add_argument(
        "--azure",
        type=_file,
        default=os.environ.get(_AZURE) or None,
        help=f"AzureLLMInferenceTrace_conv.csv; by default ${_AZURE}; without: drawn requests",
    )
    arguments.add_argument("--out", type=Path, default=FOLDER / "results.jsonl")
    return arguments


def _share(text: str) -> float:
    value = float(text)
    if not 0 < value <= 1:
        raise argparse.ArgumentTypeError(f"{text} is not above 0 and at most 1")
    return value


def _file(text: str) -> str:
    path = Path(text)
    if not path.is_file():
        raise argparse.ArgumentTypeError(f"{text}: no such file")
    return str(path.resolve())


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except ScenarioError as problem:
        sys.stderr.write(f"bench: {problem}\n")
        sys.exit(2)
