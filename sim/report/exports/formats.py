"""Which exports there are, and whether what is asked for can be written."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from sim.errors import ScenarioError
from sim.report.exports.aiperf import write_aiperf
from sim.report.exports.vllm_bench import write_vllm_bench, write_vllm_sweep
from sim.simulation import Run
from sim.spec.scenario import Scenario

FORMATS: Mapping[str, Callable[[Run, Path], None]] = {
    "vllm": write_vllm_bench,
    "vllm-sweep": write_vllm_sweep,
    "aiperf": write_aiperf,
}


class Export(NamedTuple):
    """One thing to be written after the run."""

    format: str
    path: Path


def export_named(text: str) -> Export:
    """FORMAT=PATH as an export; ScenarioError says which formats there are."""
    name, _, path = text.partition("=")
    if name not in FORMATS:
        raise ScenarioError(f"--export {name}: no such format; write one of {', '.join(FORMATS)}")
    if not path:
        raise ScenarioError(f"--export {name}: where to is missing; write --export {name} PATH")
    return Export(name, Path(path))


def prepare_exports(scenario: Scenario, exports: Sequence[Export], out: Path | None) -> None:
    """Refuse, before anything is simulated, what could not be written after it; make the parents.

    `out` is the folder of the run itself.
    """
    if exports and scenario.record.steps != "step":
        raise ScenarioError(
            f"record.steps: {scenario.record.steps!r} leaves no times of tokens to export; write "
            "'step', or no --export"
        )
    taken = [] if out is None else [out]
    for one in exports:
        if one.path.exists() or one.path in taken:
            raise ScenarioError(f"--export: {one.path}: is taken; name another, or remove it")
        taken.append(one.path)
        try:
            one.path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as problem:
            raise _cannot_be_written(one, problem) from None


def write_exports(run: Run, exports: Sequence[Export]) -> None:
    """Write each of them."""
    for one in exports:
        try:
            FORMATS[one.format](run, one.path)
        except OSError as problem:
            raise _cannot_be_written(one, problem) from None


def _cannot_be_written(one: Export, problem: OSError) -> ScenarioError:
    return ScenarioError(f"--export: {one.path}: cannot be written ({problem}); name another")
