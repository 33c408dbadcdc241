"""A folder of ServeGen: for each client its rate in windows of time, and its lengths in each.

`chunk-i-trace.csv` has a line a window and no header: `timestamp,rate,cv,pattern,arg1,arg2`. Of the
pattern's arguments only the shape is needed; the scale says the rate once more. Without a pattern
the gaps are gamma with the window's `cv`. `chunk-i-dataset.json` maps the start of a window to
`{input_tokens, output_tokens}`, texts of Python dictionaries from a length to its probability; only
the windows that are used are looked at.
"""

import ast
import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from sim.errors import ScenarioError, one_line
from sim.workload.renewals import Gaps, Window
from sim.workload.traces.csv_tables import columns
from sim.workload.traces.fields import found, parsed, seconds
from sim.workload.traces.files import lines_of, text_of

WINDOW_S = 600.0
_TRACE = re.compile(r"chunk-(\d{1,9})-trace\.csv")
_FIELDS = "timestamp,rate,cv,pattern,arg1,arg2"
_SHAPES = (0.01, 1e6)
_MOST_TOKENS = 10**9


class Lengths(NamedTuple):
    """An empirical distribution; the axis of both is (lengths)."""

    tokens: np.ndarray
    reached: np.ndarray
    """Probabilities added up."""


class ServegenClient(NamedTuple):
    """One client of the folder."""

    number: int
    windows: list[Window]
    dataset: Path
    starts_s: list[float]
    """Of the data set's windows, in order."""
    by_start: Mapping[float, Any]

    def lengths(self, place: int) -> tuple[Lengths, Lengths]:
        """Of prompts and answers, in this one of `starts_s`."""
        start_s = self.starts_s[place]
        where = f"{self.dataset}: [{start_s:g}]"
        given = self.by_start[start_s]
        return _lengths(given, "input_tokens", where), _lengths(given, "output_tokens", where)


class ServegenFolder(NamedTuple):
    """All clients, by number, and how many broken lines were skipped."""

    clients: list[ServegenClient]
    skipped: int


def read_servegen(folder: Path, *, skip_bad: bool = False) -> ServegenFolder:
    """Every client of the folder; ScenarioError names the file and line of what is wrong."""
    numbered = sorted(
        (int(match[1]), path)
        for path in folder.iterdir()
        if (match := _TRACE.fullmatch(path.name)) is not None
    )
    if not numbered:
        raise ScenarioError(f"{folder}: no file chunk-0-trace.csv; give a folder of ServeGen")
    clients, skipped = [], 0
    for number, path in numbered:
        windows, bad = _windows(path, skip_bad=skip_bad)
        clients.append(_client(number, windows, folder / f"chunk-{number}-dataset.json"))
        skipped += bad
    return ServegenFolder(clients, skipped)


def _windows(path: Path, *, skip_bad: bool) -> tuple[list[Window], int]:
    windows: list[Window] = []
    skipped = 0
    for number, line in enumerate(lines_of(text_of(path)), 1):
        try:
            window = _window(columns(line))
            if windows and window.start_s <= windows[-1].start_s:
                raise ValueError("timestamp is not after the line above; sort the lines by it")
        except ValueError as problem:
            if not skip_bad:
                raise ScenarioError(f"{path}:{number}: {one_line(str(problem))}") from None
            skipped += 1
            continue
        if windows:
            end_s = min(windows[-1].end_s, window.start_s)
            windows[-1] = windows[-1]._replace(end_s=end_s)
        windows.append(window)
    return windows, skipped


def _window(fields: list[str]) -> Window:
    if not 2 <= len(fields) <= 6:
        raise ValueError(f"{len(fields)} fields; write {_FIELDS}")
    start, rate, cv, pattern, shape, _ = (*(one.strip() for one in fields), "", "", "", "")[:6]
    start_s = seconds(start, "timestamp")
    return Window(start_s, start_s + WINDOW_S, seconds(rate, "rate"), _gaps(pattern, cv, shape))


def _gaps(pattern: str, cv: str, shape: str) -> Gaps:
    match pattern.lower():
        case "gamma":
            return Gaps("gamma", _shape(shape))
        case "weibull":
            return Gaps("weibull", _shape(shape))
        case "":
            spread = seconds(cv, "cv") if cv and cv.lower() != "nan" else 0.0
            low, high = _SHAPES
            return Gaps("gamma", min(max(spread**-2, low), high) if spread else 1.0)
    raise ValueError(f"pattern {pattern!r:.60}; write Gamma, Weibull or nothing")


def _shape(text: str) -> float:
    low, high = _SHAPES
    shape = seconds(text, "arg1")
    if not low <= shape <= high:
        raise ValueError(f"arg1 {text!r} is the shape of the gaps; write {low:g} to {high:g}")
    return shape


def _client(number: int, windows: list[Window], dataset: Path) -> ServegenClient:
    try:
        given = parsed(text_of(dataset))
        if not isinstance(given, dict):
            raise ValueError("not a JSON object; map the start of each window to its lengths")
        filled = {key: value for key, value in given.items() if _has_lengths(value)}
        by_start = {seconds(key, "the start of a window"): one for key, one in filled.items()}
    except ValueError as problem:
        raise ScenarioError(f"{dataset}: {one_line(str(problem))}") from None
    if not by_start and any(window.rate_per_s > 0 for window in windows):
        raise ScenarioError(f"{dataset}: no window has lengths; give input and output_tokens")
    return ServegenClient(number, windows, dataset, sorted(by_start), by_start)


def _has_lengths(given: Any) -> bool:
    """Windows in which nothing was sent have empty dictionaries, or none."""
    return all(
        found(given, name) not in (None, "", "{}") for name in ("input_tokens", "output_tokens")
    )


def _lengths(given: Any, name: str, where: str) -> Lengths:
    try:
        shares = _literal(found(given, name))
        if not isinstance(shares, dict) or not shares:
            raise ValueError("not a dictionary from lengths to probabilities; write one")
        tokens = [_tokens(length) for length in shares]
        weights = [_share(share) for share in shares.values()]
        if not sum(weights) > 0:
            raise ValueError("all probabilities are 0; write one above it")
    except ValueError as problem:
        raise ScenarioError(f"{where}: {name}: {one_line(str(problem))}") from None
    return Lengths(np.array(tokens), np.add.accumulate(np.array(weights, dtype=float)))


def _literal(text: Any) -> Any:
    """The value of a text that holds a Python literal, and nothing that runs."""
    try:
        return ast.literal_eval(text) if isinstance(text, str) else text
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        raise ValueError(f"{text!r:.60} is not a Python dictionary; mend it") from None


def _tokens(length: Any) -> int:
    """A length of 0 is taken for 1, the least that a model can be asked."""
    number = _number(length)
    if 0 <= number <= _MOST_TOKENS and number == int(number):
        return max(1, int(number))
    raise ValueError(f"length {length!r:.60}; write a whole number of tokens")


def _share(share: Any) -> float:
    number = _number(share)
    if 0 <= number < math.inf:
        return number
    raise ValueError(f"probability {share!r:.60}; write a number, 0 or more")


def _number(value: Any) -> float:
    """Not a number where it is none."""
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        return math.nan
