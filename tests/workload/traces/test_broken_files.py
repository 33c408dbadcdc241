"""Whatever stands in a file, it is read or refused in one line that names it."""

import gzip
import random
import re
from pathlib import Path

import pytest

from sim.errors import ScenarioError
from sim.spec.workload import TraceFormat
from sim.workload.traces.read import read_trace
from tests.workload.traces.test_formats import SAMPLES

ODD = ("NaN", "-1", "1e999", "9" * 30, "null", "[]", '""', "{", "\x00", "\n", ",")


def refusal(path: Path, trace_format: TraceFormat | None = None) -> str | None:
    try:
        read_trace(path, trace_format)
    except ScenarioError as problem:
        return str(problem)
    return None


def check(path: Path, says: str | None) -> None:
    if says is not None:
        assert says.startswith(f"{path}:"), says
        assert "\n" not in says
        assert len(says) < 1000


@pytest.mark.parametrize("name", SAMPLES)
def test_a_file_cut_anywhere_is_read_or_refused_in_one_line(
    tmp_path: Path, name: TraceFormat
) -> None:
    path, text = tmp_path / "t", SAMPLES[name]

    for length in range(0, len(text), 3):
        path.write_text(text[:length])

        check(path, refusal(path, name if length % 2 else None))


@pytest.mark.parametrize("name", SAMPLES)
def test_odd_values_anywhere_are_read_or_refused_in_one_line(
    tmp_path: Path, name: TraceFormat
) -> None:
    path, text, chance = tmp_path / "t", SAMPLES[name], random.Random(1)
    numbers = list(re.finditer(r"[\d.]+", text))

    for _ in range(150):
        place = chance.choice(numbers)
        path.write_text(text[: place.start()] + chance.choice(ODD) + text[place.end() :])

        check(path, refusal(path, name))


@pytest.mark.parametrize("name", [None, *SAMPLES])
@pytest.mark.parametrize(
    "content", [b"", b"\n", b"\xef\xbb\xbf", bytes(range(256)), b"\x7fELF\x01\x00"]
)
def test_empty_and_binary_files_are_refused(
    tmp_path: Path, name: TraceFormat | None, content: bytes
) -> None:
    path = tmp_path / "t"
    path.write_bytes(content)

    says = refusal(path, name)

    assert says is not None
    check(path, says)


@pytest.mark.parametrize("name", SAMPLES)
def test_a_truncated_archive_is_refused(tmp_path: Path, name: TraceFormat) -> None:
    path = tmp_path / "t.gz"
    path.write_bytes(gzip.compress(SAMPLES[name].encode())[:-9])

    says = refusal(path)

    assert says is not None
    check(path, says)


@pytest.mark.parametrize("name", ["moesim", "burstgpt", "mooncake"])
def test_a_bad_line_in_the_middle_is_named_by_its_number(tmp_path: Path, name: TraceFormat) -> None:
    path = tmp_path / "t"
    lines = SAMPLES[name].splitlines(keepends=True)
    first = len(lines) - 1
    path.write_text("".join([*lines[:first], "broken\n", *lines[first:]]))

    says = refusal(path, name)

    assert says is not None
    assert says.startswith(f"{path}:{first + 1}: ")
