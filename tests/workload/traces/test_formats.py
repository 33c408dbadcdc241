"""Each format, from a few lines as its documentation shows them."""

import gzip
import json
from pathlib import Path
from typing import Any, get_args

import pytest

from sim.errors import ScenarioError
from sim.spec.workload import TraceFormat
from sim.workload.traces.read import FORMATS, read_trace
from sim.workload.traces.table import Trace, TraceRow
from tests.workload.traces.shared import shared_trace


def lines(*values: Any) -> str:
    return "".join(json.dumps(value) + "\n" for value in values)


def span(start_ns: int, end_ns: int, **attributes: Any) -> dict[str, Any]:
    given = {"operation.name": "chat", "usage.input_tokens": 10, "usage.output_tokens": 3}
    listed = [
        {"key": f"gen_ai.{name}", "value": {"intValue": str(value)}}
        for name, value in (given | attributes).items()
    ]
    return {
        "startTimeUnixNano": str(start_ns),
        "endTimeUnixNano": str(end_ns),
        "attributes": listed,
    }


def otlp(*spans: dict[str, Any]) -> dict[str, Any]:
    return {"resourceSpans": [{"scopeSpans": [{"spans": list(spans)}]}]}


def aiperf(start_ns: int, end_ns: int, **metadata: Any) -> dict[str, Any]:
    about = {"request_start_ns": start_ns, "request_end_ns": end_ns, "conversation_id": "a"}
    lengths = {"input_sequence_length": {"value": 10}, "output_sequence_length": {"value": 3.0}}
    return {"metadata": about | metadata, "metrics": lengths, "error": None}


def guidellm(at_s: float) -> dict[str, Any]:
    return {"request_start_time": at_s, "prompt_tokens": 10, "output_tokens": 3}


def inference_perf(at_s: float) -> dict[str, Any]:
    info = {
        "request_metrics": {"text": {"input_tokens": 10}},
        "response_metrics": {"output_tokens": 3},
    }
    return {"start_time": at_s, "end_time": at_s + 1, "info": info}


BURSTGPT = (
    "Timestamp,Session ID,Elapsed time,Model,Request tokens,Response tokens,Total tokens,Log Type\n"
    "5,s1,2.5,GPT-4,10,3,13,Conversation log\n"
    "6,,1,ChatGPT,10,0,10,API log\n"
    "6.5,s1,2,GPT-4,10,3,13,Conversation log\n"
)
MOONCAKE = lines(
    {"timestamp": 1000, "input_length": 10, "output_length": 3, "hash_ids": [7]},
    {"timestamp": 2500, "input_length": 10, "output_length": 3, "hash_ids": [8]},
)
BAILIAN = lines(
    *(
        {
            "chat_id": chat,
            "parent_chat_id": parent,
            "timestamp": at_s,
            "input_length": 10,
            "output_length": 3,
            "type": "text",
            "turn": 1,
            "hash_ids": [4],
        }
        for chat, parent, at_s in ((1, -1, 60.0), (2, 1, 61.5))
    )
)
VLLM = {"start_times": [50.0, 51.5], "input_lens": [10, 10], "output_lens": [3, 3], "ttfts": []}
GUIDELLM = {"benchmarks": [{"requests": {"successful": [guidellm(9.5), guidellm(8.0)]}}]}

# Two requests of 10 and 3 tokens, 1.5 s apart, in the words of each.
SAMPLES: dict[TraceFormat, str] = {
    "azure": (
        "TIMESTAMP,NumImages,ContextTokens,GeneratedTokens\n"
        "2024-05-10 00:00:00.5+00:00,1,10,3\n2024-05-10 00:00:02+00:00,0,10,3\n"
    ),
    "moesim": "arrival_s,prompt_tokens,output_tokens\n5,10,3\n6.5,10,3\n",
    "burstgpt": BURSTGPT,
    "bailian": BAILIAN,
    "mooncake": MOONCAKE,
    "aiperf": lines(aiperf(10**9, 2 * 10**9), aiperf(25 * 10**8, 26 * 10**8)),
    "vllm": json.dumps(VLLM),
    "guidellm": json.dumps(GUIDELLM, indent=1),
    "inference-perf": json.dumps([inference_perf(3.0), inference_perf(4.5)]),
    "otel": lines(otlp(span(10**9, 2 * 10**9)), otlp(span(25 * 10**8, 3 * 10**9))),
}


def trace_of(folder: Path, text: str, **how: Any) -> Trace:
    path = folder / "trace.json"
    path.write_text(text)
    return read_trace(path, **how)


def core(trace: Trace) -> list[tuple[float, int, int]]:
    return [(row.arrival_s, row.prompt_tokens, row.output_tokens) for row in trace.rows]


def waits(trace: Trace) -> list[tuple[int | None, float | None]]:
    return [(row.parent, row.think_s) for row in trace.rows]


def test_the_formats_that_can_be_forced_are_those_that_are_read() -> None:
    assert set(get_args(TraceFormat)) == set(FORMATS) == set(SAMPLES)


@pytest.mark.parametrize("name", SAMPLES)
@pytest.mark.parametrize("is_forced", [False, True])
def test_a_format_is_recognized_and_read(
    tmp_path: Path, name: TraceFormat, is_forced: bool
) -> None:
    trace = trace_of(tmp_path, SAMPLES[name], trace_format=name if is_forced else None)

    assert core(trace) == [(0.0, 10, 3), (1.5, 10, 3)]


@pytest.mark.parametrize("name", SAMPLES)
def test_every_format_may_be_compressed(tmp_path: Path, name: TraceFormat) -> None:
    path = tmp_path / "trace.gz"
    path.write_bytes(gzip.compress(SAMPLES[name].encode()))

    assert read_trace(path) == trace_of(tmp_path, SAMPLES[name])


def test_a_session_of_burstgpt_thinks_from_the_end_of_its_answer(tmp_path: Path) -> None:
    text = BURSTGPT + "10.5,s1,2,GPT-4,10,3,13,Conversation log\n"

    trace = trace_of(tmp_path, text)

    # Answers are complete at 7.5 s and 8.5 s; the second turn was sent before, the third 2 s after.
    assert waits(trace) == [(None, None), (0, 0.0), (1, 2.0)]
    assert trace.failed == 1
    assert [row.source_row for row in trace.rows] == [2, 4, 5]


def test_a_delay_of_mooncake_is_milliseconds_after_the_turn_before(tmp_path: Path) -> None:
    turn = {"input_length": 10, "output_length": 3, "session_id": "s"}

    trace = trace_of(
        tmp_path,
        lines(
            turn | {"timestamp": 1000},
            {"timestamp": 1100, "input_length": 20, "output_length": 1},
            turn | {"delay": 500},
            turn | {"delay_ms": 250},
        ),
    )

    assert core(trace) == [(0.0, 10, 3), (0.1, 20, 1), (0.5, 10, 3), (0.75, 10, 3)]
    assert waits(trace) == [(None, None), (None, None), (0, 0.5), (2, 0.25)]


def test_a_chat_of_bailian_follows_its_parent_and_is_of_its_session(tmp_path: Path) -> None:
    rows = trace_of(tmp_path, BAILIAN).rows

    assert rows[1] == TraceRow(1.5, 10, 3, "1", 1, 0, None, (4,), 16, 2)


def test_a_parent_outside_the_trace_is_none(tmp_path: Path) -> None:
    (row,) = trace_of(tmp_path, BAILIAN.splitlines()[1]).rows

    assert (row.session, row.parent) == ("2", None)


def test_a_conversation_of_aiperf_thinks_between_its_turns(tmp_path: Path) -> None:
    assert waits(trace_of(tmp_path, SAMPLES["aiperf"])) == [(None, None), (0, 0.5)]


def test_replays_of_one_conversation_are_sessions_of_their_own(tmp_path: Path) -> None:
    text = lines(
        aiperf(1, 2, x_correlation_id="one"),
        aiperf(3, 4, x_correlation_id="two"),
        aiperf(5, 6, benchmark_phase="warmup"),
        aiperf(7, 8) | {"error": {"message": "timeout"}},
    )

    trace = trace_of(tmp_path, text)

    assert waits(trace) == [(None, None), (None, None)]
    assert trace.failed == 2


def test_failed_requests_of_vllm_are_counted(tmp_path: Path) -> None:
    text = json.dumps(VLLM | {"errors": ["", "timeout"]})

    trace = trace_of(tmp_path, text)

    assert core(trace) == [(0.0, 10, 3)]
    assert trace.failed == 1


def test_spans_that_are_no_calls_are_passed_over(tmp_path: Path) -> None:
    conversation = {"conversation.id": 4}
    text = json.dumps(
        otlp(
            span(0, 9 * 10**9, **{"operation.name": "invoke_agent"}),
            span(10**9, 2 * 10**9, **conversation),
            span(25 * 10**8, 3 * 10**9, **conversation),
        ),
        indent=2,
    )

    trace = trace_of(tmp_path, text)

    assert core(trace) == [(0.0, 10, 3), (1.5, 10, 3)]
    assert waits(trace) == [(None, None), (0, 0.5)]


def test_older_files_of_burstgpt_tell_no_session(tmp_path: Path) -> None:
    text = (
        "Timestamp,Model,Request tokens,Response tokens,Total tokens,Log Type\n"
        "5,ChatGPT,10,3,13,Conversation log\n6.5,GPT-4,10,3,13,API log\n"
    )

    trace = trace_of(tmp_path, text)

    assert core(trace) == [(0.0, 10, 3), (1.5, 10, 3)]
    assert [(row.session, row.model) for row in trace.rows] == [(None, "ChatGPT"), (None, "GPT-4")]


def test_a_session_of_inference_perf_thinks_between_its_turns(tmp_path: Path) -> None:
    turns = [inference_perf(at_s) | {"session_id": "a"} for at_s in (3.0, 4.5)]

    assert waits(trace_of(tmp_path, json.dumps(turns))) == [(None, None), (0, 0.5)]


def test_a_conversation_of_guidellm_thinks_between_its_turns(tmp_path: Path) -> None:
    turns = [
        guidellm(at_s)
        | {"request_end_time": at_s + 1, "info": {"conversation_id": "a", "turn_index": turn}}
        for turn, at_s in enumerate((8.0, 9.5))
    ]

    trace = trace_of(tmp_path, json.dumps({"benchmarks": [{"requests": {"successful": turns}}]}))

    assert waits(trace) == [(None, None), (0, 0.5)]
    assert [row.turn for row in trace.rows] == [0, 1]


def test_a_span_tells_its_model(tmp_path: Path) -> None:
    call = span(0, 1, **{"request.model": "m"})

    assert trace_of(tmp_path, json.dumps(otlp(call))).rows[0].model == "m"


def test_own_columns_tell_sessions_and_blocks(tmp_path: Path) -> None:
    text = (
        "arrival_s,prompt_tokens,output_tokens,session,turn,parent,think_s,hash_ids,block_tokens\n"
        "1,20,3,s,0,,,1 2,16\n1,5,1,,,,,,\n2,30,3,s,1,0,0.5,1 3,16\n"
    )

    rows = trace_of(tmp_path, text).rows

    assert rows[0] == TraceRow(0.0, 20, 3, "s", 0, None, None, (1, 2), 16, 2)
    assert rows[1] == TraceRow(0.0, 5, 1, source_row=3)
    assert rows[2] == TraceRow(1.0, 30, 3, "s", 1, 0, 0.5, (1, 3), 16, 4)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("{}", ":1: keys [] are of no known trace; give trace_format"),
        ("[]", ":1: keys [] are of no known trace"),
        ("{", ":1: not JSON"),
        ("[" * 100_000, ":1: JSON nested too deeply"),
        (MOONCAKE + "\n" + MOONCAKE, ":3: the line is empty"),
        (MOONCAKE + "{\n", ":3: not JSON"),
        (MOONCAKE + "3\n", ":3: 3 is not a JSON object; write one a line"),
        (MOONCAKE + '{"input_length": 5}\n', ":3: timestamp is missing"),
        (
            MOONCAKE + '{"timestamp": 1, "text_input": "hello"}',
            ":3: text without input_length, which needs a tokenizer",
        ),
        (MOONCAKE.replace("[8]", "[8, 9]"), ":2: 2 hash_ids for 10 tokens in blocks of 512"),
        (MOONCAKE.replace("[8]", '"8"'), ":2: hash_ids is '8'; write a list"),
        (MOONCAKE.replace("2500", "NaN"), ":2: timestamp is nan; write a number"),
        (MOONCAKE.replace("2500", "-1"), ":2: timestamp is -1; write a number"),
        (MOONCAKE.replace("2500", "true"), ":2: timestamp is True; write a number"),
        (MOONCAKE.replace('_length": 3', '_length": 0'), ":1: output_length 0 is not a number"),
        (
            lines({"input_length": 5, "output_length": 1, "delay": 5, "session_id": "s"}),
            ":1: no instant, and no turn before it",
        ),
        (json.dumps(VLLM | {"input_lens": [1]}), ":1: start_times, input_lens, output_lens are"),
        (
            json.dumps(VLLM | {"input_lens": [1, 0]}),
            ":start_times[1]: its input 0 is not a number of tokens",
        ),
        (json.dumps([inference_perf(3.0), {}]), ":[1]: its start is missing"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(tmp_path: Path, text: str, problem: str) -> None:
    with pytest.raises(ScenarioError) as caught:
        trace_of(tmp_path, text)

    assert str(caught.value).startswith(f"{tmp_path / 'trace.json'}{problem}")
    assert "\n" not in str(caught.value)


def test_broken_lines_are_skipped_and_counted_where_that_is_wanted(tmp_path: Path) -> None:
    text = MOONCAKE + "{\n\n" + MOONCAKE

    trace = trace_of(tmp_path, text, skip_bad=True)

    assert len(trace.rows) == 4
    assert trace.skipped == 2


def test_a_trace_of_broken_lines_only_is_refused(tmp_path: Path) -> None:
    text = MOONCAKE.replace('"output', '"input')

    with pytest.raises(ScenarioError, match=r"no requests \(broken: 2, failed: 0\)"):
        trace_of(tmp_path, text, skip_bad=True)


# Requests, span in seconds, mean tokens of prompts and answers: its description.
@pytest.mark.parametrize(
    ("name", "requests", "span_s", "prompt_tokens", "output_tokens"),
    [("conversation", 12_031, 3537, 12035, 343), ("synthetic", 3_993, 1022, 15325, 149)],
)
def test_the_mooncake_traces_are_as_they_are_described(
    name: str, requests: int, span_s: float, prompt_tokens: float, output_tokens: float
) -> None:
    rows = read_trace(shared_trace(f"{name}_trace.jsonl")).rows

    assert len(rows) == requests
    assert round(rows[-1].arrival_s) == span_s
    assert round(sum(row.prompt_tokens for row in rows) / requests) == prompt_tokens
    assert round(sum(row.output_tokens for row in rows) / requests) == output_tokens
