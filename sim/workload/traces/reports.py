"""Results of load generators, one JSON document a file: vLLM, guidellm, inference-perf."""

from collections.abc import Iterator
from typing import Any

from sim.workload.traces.fields import found, json_count, json_instant, name_or_none, parsed
from sim.workload.traces.table import Bad, Failed, Read, Record

_VLLM_LISTS = ("start_times", "input_lens", "output_lens")


def read_vllm(text: str) -> Iterator[Read]:
    """What vLLM's `bench serve --save-result --save-detailed` saves; seconds."""
    lists = [found(parsed(text), name) for name in _VLLM_LISTS]
    if not all(isinstance(one, list) and len(one) == len(lists[0]) for one in lists):
        raise ValueError(
            f"{', '.join(_VLLM_LISTS)} are not lists of one length; save it with --save-detailed"
        )
    errors = _listed(found(parsed(text), "errors"), "errors")
    for number, (at, prompt, output) in enumerate(zip(*lists, strict=True)):
        where = f"start_times[{number}]"
        if output == 0 or (number < len(errors) and errors[number]):
            yield Failed(where)
            continue
        try:
            yield _record(where, at, prompt, output)
        except ValueError as problem:
            yield Bad(where, str(problem))


def read_guidellm(text: str) -> Iterator[Read]:
    """The report of guidellm; seconds. Its benchmarks follow one another, as they were run."""
    benchmarks = found(parsed(text), "benchmarks")
    if not isinstance(benchmarks, list):
        raise ValueError("benchmarks is not a list; give guidellm's report in JSON")
    for number, benchmark in enumerate(benchmarks):
        where = f"benchmarks[{number}].requests"
        for kind in ("errored", "incomplete"):
            for place, _ in enumerate(_requests(benchmark, where, kind)):
                yield Failed(f"{where}.{kind}[{place}]")
        for place, one in enumerate(_requests(benchmark, where, "successful")):
            yield _guidellm(f"{where}.successful[{place}]", one)


def read_inference_perf(text: str) -> Iterator[Read]:
    """inference-perf's `per_request_lifecycle_metrics.json`; seconds."""
    listed = parsed(text)
    if not isinstance(listed, list):
        raise ValueError("not a list of requests; give per_request_lifecycle_metrics.json")
    for number, one in enumerate(listed):
        if found(one, "error"):
            yield Failed(f"[{number}]")
            continue
        about = found(one, "info")
        prompt = found(about, "request_metrics", "text", "input_tokens")
        output = found(about, "response_metrics", "output_tokens")
        try:
            record = _record(f"[{number}]", found(one, "start_time"), prompt, output)
            yield _in_session(record, found(one, "session_id"), found(one, "end_time"))
        except ValueError as problem:
            yield Bad(f"[{number}]", str(problem))


def _requests(benchmark: Any, where: str, kind: str) -> list[Any]:
    return _listed(found(benchmark, "requests", kind), f"{where}.{kind}")


def _listed(value: Any, name: str) -> list[Any]:
    """A list; an empty one where there is none."""
    if value is not None and not isinstance(value, list):
        raise ValueError(f"{name} is {value!r:.60}; write a list")
    return value or []


def _guidellm(where: str, one: Any) -> Read:
    at, prompt = found(one, "request_start_time"), found(one, "prompt_tokens")
    turn = found(one, "info", "turn_index")
    try:
        record = _record(where, at, prompt, found(one, "output_tokens"))
        session = found(one, "info", "conversation_id")
        in_session = _in_session(record, session, found(one, "request_end_time"))
        return in_session._replace(turn=turn if type(turn) is int else None)
    except ValueError as problem:
        return Bad(where, str(problem))


def _in_session(record: Record, session: Any, answered_at: Any) -> Record:
    """Turns of one session follow one another; not all versions of these files tell them."""
    if session is None:
        return record
    at = None if answered_at is None else json_instant(answered_at, "its end")
    return record._replace(session=name_or_none(session), answered_at=at)


def _record(where: str, at: Any, prompt: Any, output: Any) -> Record:
    return Record(
        where,
        json_instant(at, "its start"),
        json_count(prompt, "its input"),
        json_count(output, "its output"),
    )
