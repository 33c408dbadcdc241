"""A trace as a file of our own columns."""

import csv
import gzip
import io
from collections.abc import Iterator
from pathlib import Path

from sim.errors import ScenarioError
from sim.workload.traces.csv_tables import OWN, OWN_OF_SESSIONS
from sim.workload.traces.table import Trace, TraceRow


def write_own(trace: Trace, path: Path) -> None:
    """Write a new file, compressed where it is called `.gz`."""
    content = own_csv(trace).encode()
    try:
        with path.open("xb") as file:
            file.write(gzip.compress(content, mtime=0) if path.suffix == ".gz" else content)
    except FileExistsError:
        raise ScenarioError(f"{path}: is there already; name a new file") from None
    except OSError as problem:
        raise ScenarioError(f"{path}: cannot be written ({problem}); name a new file") from None


def own_csv(trace: Trace) -> str:
    """The text of a CSV file that is read as the same trace; columns that say nothing are out."""
    names = OWN + tuple(
        name for name in OWN_OF_SESSIONS if any(_is_told(row, name) for row in trace.rows)
    )
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(names)
    writer.writerows(list(_fields(row, names)) for row in trace.rows)
    return text.getvalue()


def _is_told(row: TraceRow, name: str) -> bool:
    return getattr(row, name) not in (None, ())


def _fields(row: TraceRow, names: tuple[str, ...]) -> Iterator[str]:
    for name in names:
        value = getattr(row, name)
        if name == "hash_ids":
            yield " ".join(map(str, value))
        else:
            yield "" if value is None else str(value)
