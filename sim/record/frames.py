"""Records as pandas frames, which have the same columns and types also where nothing happened.

Shares are of the whole run. Where a quantity is undefined (the first token of a request that was
never served) the frame says so: NaN among floats, NA among whole numbers and texts.
"""

from collections.abc import Mapping, Sequence
from typing import Any, get_type_hints

import numpy as np
import pandas as pd

from sim.errors import SimulationError
from sim.record.recorder import MovementRow, RequestRow, StepRow, TransferRow
from sim.record.row_table import RowTable
from sim.record.usage import DeviceUsage, LinkUsage

Dtypes = Mapping[str, str]

# Texts are Python's, whether pyarrow is there or not, so that frames compare equal everywhere.
_TEXT = "string[python]"
_DTYPE_OF: Mapping[Any, str] = {
    int: "int64",
    float: "float64",
    bool: "bool",
    int | None: "Int64",
    float | None: "float64",
}


def _dtypes_of(row: type) -> Dtypes:
    hints = get_type_hints(row)
    return {name: _DTYPE_OF.get(hint, _TEXT) for name, hint in hints.items()}


def _floats(*names: str) -> Dtypes:
    return dict.fromkeys(names, "float64")


_WHERE: Dtypes = {"pool": _TEXT, "replica": "int64"}

DTYPES: Mapping[str, Dtypes] = {
    "requests": {**_dtypes_of(RequestRow), **_floats("ttft_s", "tpot_s", "e2e_s")},
    "steps": _dtypes_of(StepRow),
    "transfers": _dtypes_of(TransferRow),
    "movements": _dtypes_of(MovementRow),
    "links": {
        "link": _TEXT,
        "kind": _TEXT,
        **_floats("capacity_bytes_per_s", "bytes", "utilization_share", "busy_s", "busy_share"),
        **_floats("full_s", "full_share", "contended_s", "contended_share", "lost_s"),
        **_floats("peak_bytes_per_s"),
    },
    "link_users": {
        "link": _TEXT,
        "user": _TEXT,
        "other": _TEXT,
        **_floats("contended_s", "lost_s"),
    },
    "devices": {
        "device": "int64",
        "name": _TEXT,
        "pool": _TEXT,
        "replica": "Int64",
        **_floats("busy_s", "busy_share", "wait_s", "communication_s", "overhead_s"),
        **_floats("empty_s", "cut_s", "communication_busy_s", "communication_busy_share"),
        **_floats("communication_idle_compute_s", "flop", "bytes", "energy_j"),
    },
    "experts": {
        **_WHERE,
        "layer": "int64",
        "expert": "int64",
        "device": "int64",
        "tokens": "int64",
        "imbalance": "float64",
        "step_imbalance": "float64",
    },
}
"""The columns of every frame, in order, and their types."""


def requests_frame(rows: RowTable[RequestRow]) -> pd.DataFrame:
    """One row a request, by number.

    `tpot_s` is the time per output token after the first; an answer of one token has none.
    """
    frame = _of_rows("requests", rows).sort_values("request", ignore_index=True)
    finish_s, first_s = frame["finish_s"].to_numpy(), frame["first_token_s"].to_numpy()
    later_tokens = (frame["output_tokens"].to_numpy() - 1).astype("float64")
    later_tokens[later_tokens < 1] = np.nan
    frame["ttft_s"] = first_s - frame["arrival_s"].to_numpy()
    frame["tpot_s"] = (finish_s - first_s) / later_tokens
    frame["e2e_s"] = finish_s - frame["arrival_s"].to_numpy()
    return frame


def steps_frame(rows: RowTable[StepRow]) -> pd.DataFrame:
    """One row a step, or a stretch of them, in the order in which they ended."""
    frame = _of_rows("steps", rows)
    return frame.sort_values("end_s", kind="stable", ignore_index=True)


def transfers_frame(rows: RowTable[TransferRow]) -> pd.DataFrame:
    """One row a transfer."""
    return _of_rows("transfers", rows)


def movements_frame(rows: RowTable[MovementRow]) -> pd.DataFrame:
    """One row each time that bytes moved beside serving, in the order in which they ended."""
    return _of_rows("movements", rows)


def links_frame(
    names: Sequence[str],
    kinds: Sequence[str],
    capacity_bytes_per_s: np.ndarray,
    usage: LinkUsage,
    elapsed_s: float,
) -> pd.DataFrame:
    """One row a link: its bytes against its capacity, and how long it was busy, full and contended.

    busy: bytes drain over it (latencies and launches are not in it). contended: those of more
    than one transfer. full: it holds one up, at its capacity or at what its protocol makes of it.
    lost: what all transfers together were slower by than alone, and this link to blame.
    """
    columns = {
        "link": names,
        "kind": kinds,
        "capacity_bytes_per_s": capacity_bytes_per_s,
        "bytes": usage.bytes,
        "utilization_share": _share(usage.bytes / capacity_bytes_per_s, elapsed_s),
        "busy_s": usage.busy_s,
        "busy_share": _share(usage.busy_s, elapsed_s),
        "full_s": usage.full_s,
        "full_share": _share(usage.full_s, elapsed_s),
        "contended_s": usage.contended_s,
        "contended_share": _share(usage.contended_s, elapsed_s),
        "lost_s": usage.lost_s,
        "peak_bytes_per_s": usage.peak_bytes_per_s,
    }
    return typed_frame("links", columns)


def devices_frame(
    names: Sequence[str],
    pools: Sequence[str | None],
    replicas: Sequence[int | None],
    usage: DeviceUsage,
    energy_j: np.ndarray,
    elapsed_s: float,
) -> pd.DataFrame:
    """One row a device, with two lanes that each add up to the run.

    Compute: busy, or idle because of wait, communication, overhead, nothing to do (`empty`), or a
    step that the end of the run `cut` off. Communication: busy, or idle because of compute (with
    its waits and overheads), `empty` or `cut`. A device of no replica has neither pool nor replica.
    """
    computing_s = usage.compute_busy_s + usage.wait_s + usage.overhead_s
    columns = {
        "device": np.arange(len(names)),
        "name": names,
        "pool": pools,
        "replica": replicas,
        "busy_s": usage.compute_busy_s,
        "busy_share": _share(usage.compute_busy_s, elapsed_s),
        "wait_s": usage.wait_s,
        "communication_s": usage.communication_s,
        "overhead_s": usage.overhead_s,
        "empty_s": _rest_s(elapsed_s, computing_s + usage.communication_s + usage.cut_s),
        "cut_s": usage.cut_s,
        "communication_busy_s": usage.communication_s,
        "communication_busy_share": _share(usage.communication_s, elapsed_s),
        "communication_idle_compute_s": computing_s,
        "flop": usage.flop,
        "bytes": usage.bytes,
        "energy_j": energy_j,
    }
    return typed_frame("devices", columns)


def _rest_s(elapsed_s: float, used_s: np.ndarray) -> np.ndarray:
    rest_s: np.ndarray = elapsed_s - used_s
    if (rest_s < -1e-9 * elapsed_s).any():
        device = int(rest_s.argmin())
        raise SimulationError(f"device {device} used {used_s[device]} s of {elapsed_s} s")
    return rest_s.clip(min=0.0)


def _share(part: np.ndarray, whole: float) -> np.ndarray:
    return part / whole if whole > 0 else np.full(len(part), np.nan)


def _of_rows(frame: str, rows: RowTable[Any]) -> pd.DataFrame:
    columns: dict[str, Any] = dict(rows.columns())
    for name, dtype in DTYPES[frame].items():
        if dtype == "Int64":
            column = columns[name]
            columns[name] = pd.arrays.IntegerArray(column.copy(), column < 0)
    return typed_frame(frame, columns)


def typed_frame(name: str, columns: Mapping[str, Any]) -> pd.DataFrame:
    """A frame with all of its columns; those not given are empty (or, in a wider frame, NaN)."""
    rows = len(next(iter(columns.values()), ()))
    missing = [np.nan] * rows
    return pd.DataFrame(
        {
            column: pd.Series(pd.array(columns.get(column, missing), dtype=dtype))
            for column, dtype in DTYPES[name].items()
        }
    )
