"""A run as files: its frames, its summary, and a manifest from which it can be run again."""

import hashlib
import platform
from importlib.metadata import version
from pathlib import Path
from typing import Any

from sim.record.run_folder import RunFolder, TableFormat, run_folder
from sim.serving.deployment import DeployedScenario
from sim.simulation import Run, simulate
from sim.spec.scenario import Scenario

_FRAMES = (
    "requests",
    "steps",
    "links",
    "link_users",
    "devices",
    "experts",
    "transfers",
    "movements",
)
_LIBRARIES = ("networkx", "numpy", "pandas", "pydantic", "simpy")


def saved_run(
    deployed: DeployedScenario, out: Path | None, table_format: TableFormat | None
) -> Run:
    """Run a scenario, and leave its files in `out` if that is given."""
    if out is None:
        return simulate(deployed)
    with run_folder(out, table_format) as folder:
        run = simulate(deployed)
        save(run, folder)
    return run


def save(run: Run, folder: RunFolder) -> None:
    """Write everything that the run left behind."""
    frames = {name: getattr(run, name) for name in _FRAMES}
    folder.write(frames, run.summary(), manifest(run.scenario))


def manifest(scenario: Scenario) -> dict[str, Any]:
    """What decides the run's result; `load_scenario` takes its `scenario` back."""
    workload = scenario.workload
    trace = workload.trace or workload.servegen
    return {
        "seed": scenario.seed,
        "versions": versions(),
        "trace_sha256": None if trace is None else _sha256(Path(trace)),
        "scenario": scenario.model_dump(mode="json"),
    }


def versions() -> dict[str, str]:
    """Of this program and of everything that its numbers depend on."""
    libraries = {name: version(name) for name in _LIBRARIES}
    return {"moesim": version("moesim"), "python": platform.python_version()} | libraries


def _sha256(path: Path) -> str:
    """Of a file, or of the names and contents of a folder's files."""
    if path.is_file():
        return hashlib.sha256(path.read_bytes()).hexdigest()
    inner = sorted(one for one in path.iterdir() if one.is_file())
    listed = "".join(f"{one.name} {_sha256(one)}\n" for one in inner)
    return hashlib.sha256(listed.encode()).hexdigest()
