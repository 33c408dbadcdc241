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


def test_a_part_of_a_trace_is_shown_on_another_clock() -> None:
    options = ("--window", "1 s,9 s", "--limit", "2", "--time-scale", "4", "--rate-scale", "2")

    shown = json.loads(moesim("trace", "t.csv", *options, "--json").out)

    # Of 1 s and 4 s in the trace.
    assert (shown["requests"], shown["span_s"]) == (2, 6.0)


@pytest.mark.parametrize(
    ("workload", "requests"), [("prefix-repetition", 400), ("uneven-clients", 1000)]
)
def test_a_workload_is_shown_by_its_name(workload: str, requests: int) -> None:
    assert json.loads(moesim("trace", workload, "--json").out)["requests"] == requests


def test_a_folder_of_servegen_is_shown_and_converted() -> None:
    Path("chunks").mkdir()
    Path("chunks/chunk-0-trace.csv").write_text("0,1,1,Gamma,1,1\n")
    dataset = {"0": {"input_tokens": "{5: 1}", "output_tokens": "{2: 1}"}}
    Path("chunks/chunk-0-dataset.json").write_text(json.dumps(dataset))

    shown = moesim("trace", "chunks", "--rate", "10 /s", "--limit", "50", "--convert", "out.csv")

    assert shown.status == 0
    again = json.loads(moesim("trace", "out.csv", "--json").out)
    assert again["requests"] == 50
    # 49 gaps of a Poisson process.
    assert again["requests_per_s"] == pytest.approx(10, rel=4 / 7)


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (("--window", "5 s"), "window"),
        (("--window", "5 s,1 s"), "write the earlier one first"),
        (("--limit", "0"), "limit"),
        (("--time-scale", "-1"), "time_scale"),
        (("--rate", "5 /s"), "rate: is given without a 'servegen'; leave it out"),
        (("--window", "50 s,60 s"), "nothing arrived from 50.0 s to 60.0 s"),
    ],
)
def test_a_part_that_cannot_be_is_refused(words: tuple[str, ...], problem: str) -> None:
    outcome = moesim("trace", "t.csv", *words)

    assert outcome.status == 2
    assert problem in outcome.err
    assert "Traceback" not in outcome.err
