import json
from pathlib import Path
from typing import get_args

import pytest

from sim.cli.traces import TraceFormat
from sim.spec import workload
from tests.cli.commands import moesim

OWN = "arrival_s,prompt_tokens,output_tokens\n0,10,1\n1,20,3\n4,30,5\n"


@pytest.fixture(autouse=True)
def _trace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("t.csv").write_text(OWN)


def test_the_formats_of_the_option_are_those_of_the_key() -> None:
    assert {one.value for one in TraceFormat} == set(get_args(workload.TraceFormat))


def test_a_trace_is_shown_in_figures() -> None:
    outcome = moesim("trace", "t.csv", "--json")

    assert outcome.status == 0
    shown = json.loads(outcome.out)
    assert (shown["requests"], shown["span_s"], shown["gap_cv"]) == (3, 4.0, 0.5)
    assert shown["prompt_tokens"]["mean"] == 20.0


def test_a_trace_is_shown_in_tables() -> None:
    words = " ".join(moesim("trace", "t.csv").out.split())

    assert "t.csv requests 3" in words
    assert "prompt tokens 20 20 28" in words


def test_a_trace_is_converted_to_one_that_runs() -> None:
    Path("m.jsonl").write_text('{"timestamp": 5, "input_length": 9, "output_length": 2}\n')

    outcome = moesim("trace", "m.jsonl", "--convert", "out.csv")

    assert outcome.status == 0
    assert outcome.err == "the trace lies in out.csv\n"
    assert Path("out.csv").read_text() == "arrival_s,prompt_tokens,output_tokens\n0.0,9,2\n"


def test_broken_lines_are_refused_or_counted() -> None:
    Path("t.csv").write_text(OWN + "5,0,1\n")

    refused = moesim("trace", "t.csv")
    counted = moesim("trace", "t.csv", "--skip-bad", "--json")

    assert refused.status == 2
    assert "t.csv:5: prompt_tokens '0' is not a number of tokens" in refused.err
    assert json.loads(counted.out)["skipped_lines"] == 1


def test_a_format_can_be_forced() -> None:
    outcome = moesim("trace", "t.csv", "--trace-format", "azure")

    assert outcome.status == 2
    assert "the first line must name TIMESTAMP,ContextTokens,GeneratedTokens" in outcome.err
