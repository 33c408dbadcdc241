import csv
import io
from pathlib import Path

import pytest

from sim.errors import ScenarioError
from sim.spec.workload import TraceFormat
from sim.workload.traces.read import read_trace
from sim.workload.traces.table import Trace, TraceRow
from sim.workload.traces.write import own_csv, write_own
from tests.workload.traces.test_formats import BURSTGPT, SAMPLES, trace_of


def without_source(trace: Trace) -> list[TraceRow]:
    return [row._replace(source_row=0) for row in trace.rows]


@pytest.mark.parametrize("name", SAMPLES)
@pytest.mark.parametrize("ending", ["csv", "csv.gz"])
def test_a_converted_trace_is_the_same_trace(
    tmp_path: Path, name: TraceFormat, ending: str
) -> None:
    trace = trace_of(tmp_path, SAMPLES[name])
    path = tmp_path / f"converted.{ending}"

    write_own(trace, path)

    assert without_source(read_trace(path)) == without_source(trace)


def test_columns_that_say_nothing_are_left_out(tmp_path: Path) -> None:
    trace = trace_of(tmp_path, BURSTGPT)

    rows = list(csv.reader(io.StringIO(own_csv(trace))))

    assert rows == [
        ["arrival_s", "prompt_tokens", "output_tokens", "session", "parent", "think_s", "model"],
        ["0.0", "10", "3", "s1", "", "", "GPT-4"],
        ["1.5", "10", "3", "s1", "0", "0.0", "GPT-4"],
    ]


def test_nothing_is_written_over(tmp_path: Path) -> None:
    trace = trace_of(tmp_path, SAMPLES["azure"])

    with pytest.raises(ScenarioError, match=r"trace\.json: is there already; name a new file"):
        write_own(trace, tmp_path / "trace.json")
