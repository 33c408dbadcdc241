"""A run on disk: a table for each frame, `summary.json` and `manifest.json`.

A folder under its own name is complete. Until then it is called NAME.partial; if the run is broken
off it stays so, with a file that says it. Nothing here depends on the wall clock: equal runs, equal
bytes.
"""

import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal, NamedTuple

import pandas as pd

from sim.errors import ScenarioError
from sim.record.frames import DTYPES

TableFormat = Literal["parquet", "csv"]

INCOMPLETE = "INCOMPLETE"
"""The file that marks what a broken run left."""


@dataclass(frozen=True, slots=True)
class RunFolder:
    """A folder that is being filled."""

    path: Path
    table_format: TableFormat

    def write_frame(self, name: str, frame: pd.DataFrame) -> None:
        """Write one table."""
        path = self.path / f"{name}.{self.table_format}"
        if self.table_format == "parquet":
            frame.to_parquet(path, engine="pyarrow", index=False)
        else:
            # Python writes a float with as many digits as reading it back needs.
            frame.to_csv(path, index=False, lineterminator="\n")

    def write_json(self, name: str, values: Mapping[str, Any]) -> None:
        """Write one flat or nested dict; NaN, which is not JSON, is refused."""
        text = json.dumps(values, indent=2, allow_nan=False, ensure_ascii=False)
        (self.path / f"{name}.json").write_text(text + "\n", encoding="utf-8", newline="\n")

    def write(
        self,
        frames: Mapping[str, pd.DataFrame],
        summary: Mapping[str, Any],
        manifest: Mapping[str, Any],
    ) -> None:
        """Write everything of a run; the manifest also lists the tables and their rows."""
        for name, frame in frames.items():
            self.write_frame(name, frame)
        rows = {name: len(frame) for name, frame in frames.items()}
        tables = {"table_format": self.table_format, "tables": rows}
        self.write_json("summary", summary)
        self.write_json("manifest", {**manifest, **tables})


class SavedRun(NamedTuple):
    """A run read back from its folder."""

    frames: dict[str, pd.DataFrame]
    summary: dict[str, Any]
    manifest: dict[str, Any]


@contextmanager
def run_folder(path: Path, table_format: TableFormat | None = None) -> Iterator[RunFolder]:
    """A folder to fill, which gets its name when the block ends well.

    By default tables are Parquet where pyarrow is installed, else CSV. An error of the user
    removes the folder; anything else, Ctrl-C included, leaves it as NAME.partial, marked.
    """
    chosen = _table_format(table_format)
    _refuse_existing(path, "a run is never overwritten; name another folder or remove this one")
    partial = path.with_name(f"{path.name}.partial")
    _refuse_existing(partial, "left by a run that was broken off; remove it")
    _make(partial)
    try:
        # Whole, for pandas takes a leading '~' for somebody's home.
        yield RunFolder(partial.absolute(), chosen)
    except ScenarioError:
        shutil.rmtree(partial)
        raise
    except BaseException as problem:
        # Not handled, only written down: it goes on to whoever can handle it.
        text = f"This run was broken off and is not complete: {type(problem).__name__}\n"
        (partial / INCOMPLETE).write_text(text, encoding="utf-8")
        raise
    partial.rename(path)


def read_run(path: Path) -> SavedRun:
    """The frames, summary and manifest of a complete run."""
    if not (path / "manifest.json").is_file() or (path / INCOMPLETE).exists():
        raise ScenarioError(f"{path}: not the folder of a complete run; name one that is")
    manifest = _read_json(path / "manifest.json")
    table_format: TableFormat = manifest["table_format"]
    _table_format(table_format)
    frames = {name: _read_frame(path, name, table_format) for name in manifest["tables"]}
    return SavedRun(frames, _read_json(path / "summary.json"), manifest)


def _table_format(wanted: TableFormat | None) -> TableFormat:
    has_parquet = find_spec("pyarrow") is not None
    if wanted == "parquet" and not has_parquet:
        raise ScenarioError(
            "table format 'parquet' needs pyarrow, which is not installed; "
            "write pip install 'moesim[parquet]', or choose 'csv'"
        )
    return wanted or ("parquet" if has_parquet else "csv")


def _refuse_existing(path: Path, advice: str) -> None:
    if path.exists():
        raise ScenarioError(f"{path}: exists already; {advice}")


def _make(path: Path) -> None:
    try:
        path.mkdir(parents=True)
    except OSError as problem:
        raise ScenarioError(f"{path}: cannot be made ({problem}); name another folder") from None


def _read_frame(folder: Path, name: str, table_format: TableFormat) -> pd.DataFrame:
    path = folder / f"{name}.{table_format}"
    dtypes = dict(DTYPES[name])
    if table_format == "parquet":
        return pd.read_parquet(path, engine="pyarrow").astype(dtypes)
    # Python reads a float exactly; that pandas does depends on its version.
    floats = {column: _float for column, dtype in dtypes.items() if dtype == "float64"}
    others = {column: dtype for column, dtype in dtypes.items() if column not in floats}
    frame = pd.read_csv(
        path, dtype=others, converters=floats, keep_default_na=False, na_values=[""]
    )
    return frame.astype(dtypes)


def _float(text: str) -> float:
    return float(text or "nan")


def _read_json(path: Path) -> dict[str, Any]:
    values: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return values
