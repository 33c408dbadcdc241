"""The same scenario with some keys varied: every combination is run, and is one row."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from sim.errors import ScenarioError
from sim.record.run_folder import TableFormat, run_folder
from sim.report.limits import communication_share
from sim.report.run_files import saved_run
from sim.serving.deployment import DeployedScenario
from sim.simulation import Run
from sim.study.ready import ready_scenario

Row = dict[str, Any]

TITLE = "Variants, with ratios to the first"

_SHOWN = ("output_throughput", "p50_ttft_ms", "p99_ttft_ms", "p50_tpot_ms", "p99_tpot_ms")
_RATIOS = {"output_throughput": "sim_throughput_ratio", "p50_tpot_ms": "sim_p50_tpot_ratio"}
"""What is also given relative to the first variant."""


class Variation(NamedTuple):
    """A key, and the values that it is to have."""

    key: str
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Variant:
    """One combination of values."""

    values: dict[str, str]
    """Of the keys that are varied."""
    folder_name: str
    deployed: DeployedScenario

    @property
    def name(self) -> str:
        """For a person."""
        return ", ".join(f"{key}={value}" for key, value in self.values.items())


def variation(written: str) -> Variation:
    """Read `topology=dgx-h200,pcie-gen5-8-h200`; commas inside brackets belong to a value."""
    key, equals, values = written.partition("=")
    found = tuple(one.strip() for one in _split(values))
    if not equals or not key.strip() or not all(found):
        raise ScenarioError(
            f"--vary {written!r:.60}: not a key and its values; write for example topology=a,b"
        )
    if len(set(found)) < len(found):
        raise ScenarioError(f"--vary {written!r:.60}: a value is given twice; give each once")
    return Variation(key.strip(), found)


def variants(
    scenario: str | Path,
    variations: Sequence[Variation],
    overrides: Sequence[str] = (),
    last: Sequence[str] = (),
) -> list[Variant]:
    """Every combination, the last key varying fastest; each is loaded and checked.

    What `last` sets holds whatever is varied.
    """
    keys = [one.key for one in variations]
    if len(set(keys)) < len(keys):
        raise ScenarioError(f"--vary: a key is given twice among {', '.join(keys)}; give it once")
    made: list[Variant] = []
    for values in product(*(one.values for one in variations)):
        chosen = dict(zip(keys, values, strict=True))
        settings = [f"{key}={value}" for key, value in chosen.items()]
        ready = ready_scenario(scenario, [*overrides, *settings, *last])
        made.append(Variant(chosen, _folder_name(len(made), values), ready))
    return made


def compare(
    chosen: Sequence[Variant],
    out: Path | None = None,
    table_format: TableFormat | None = None,
    *,
    more_columns: Callable[[Run], Row] = lambda run: {},
    before_each: Callable[[str], None] = lambda name: None,
    after_each: Callable[[str, Run], None] = lambda name, run: None,
) -> list[Row]:
    """Run the variants; a row each. Files go to out/<variant>/, the rows to out/summary.csv."""
    if out is None:
        return _rows(chosen, None, table_format, more_columns, before_each, after_each)
    with run_folder(out, table_format) as folder:
        rows = _rows(chosen, folder.path, table_format, more_columns, before_each, after_each)
        pd.DataFrame(rows).to_csv(folder.path / "summary.csv", index=False, lineterminator="\n")
    return rows


def _rows(
    chosen: Sequence[Variant],
    out: Path | None,
    table_format: TableFormat | None,
    more_columns: Callable[[Run], Row],
    before_each: Callable[[str], None],
    after_each: Callable[[str, Run], None],
) -> list[Row]:
    rows: list[Row] = []
    for one in chosen:
        before_each(one.name)
        own = None if out is None else out / one.folder_name
        run = saved_run(one.deployed, own, table_format)
        after_each(one.name, run)
        rows.append(_row(one.values, run) | more_columns(run))
    return [_with_ratios(row, rows[0]) for row in rows]


def _row(values: dict[str, str], run: Run) -> Row:
    summary = run.summary()
    return (
        dict(values)
        | {key: summary[key] for key in _SHOWN}
        | {
            "sim_communication_share": communication_share(run),
            "sim_fullest_link": summary["sim_fullest_link"],
            "sim_fullest_link_share": summary["sim_fullest_link_share"],
        }
    )


def _with_ratios(row: Row, first: Row) -> Row:
    with_ratios: Row = {}
    for key, value in row.items():
        with_ratios[key] = value
        if key in _RATIOS:
            with_ratios[_RATIOS[key]] = value / first[key] if value and first[key] else None
    return with_ratios


def _folder_name(number: int, values: Sequence[str]) -> str:
    """Short, and no path: the values where they are names, else the variant's number."""
    name = "_".join(values)
    return name if re.fullmatch(r"[\w.-]+", name) and name[0] != "." else f"variant-{number}"


def _split(values: str) -> list[str]:
    parts, depth = [""], 0
    for letter in values:
        depth += (letter in "[{") - (letter in "]}")
        if letter == "," and not depth:
            parts.append("")
        else:
            parts[-1] += letter
    return parts
