"""Files with one JSON object a line: Mooncake and its extensions, Qwen-Bailian, aiperf."""

from collections.abc import Callable, Iterator
from typing import Any

from sim.workload.traces.fields import (
    block_ids,
    found,
    json_count,
    json_instant,
    name_or_none,
    parsed,
)
from sim.workload.traces.files import lines_of
from sim.workload.traces.table import Bad, Failed, Read, Record

MOONCAKE_BLOCK_TOKENS = 512
BAILIAN_BLOCK_TOKENS = 16
_TEXTS = ("text_input", "messages", "payload")
_DELAYS = ("delay", "delay_ms")


def read_mooncake(text: str) -> Iterator[Read]:
    """Mooncake (FAST'25), with the sessions and delays of aiperf and Dynamo; milliseconds."""
    return _rows(text, _mooncake)


def read_bailian(text: str) -> Iterator[Read]:
    """Qwen-Bailian; seconds. A chat's session is named after its first turn."""
    return _rows(text, _bailian)


def read_aiperf(text: str) -> Iterator[Read]:
    """The `profile_export.jsonl` of aiperf; nanoseconds."""
    return _rows(text, _aiperf)


def _rows(text: str, row: Callable[[int, dict[str, Any]], Read]) -> Iterator[Read]:
    for number, line in enumerate(lines_of(text), 1):
        try:
            value = parsed(line)
            if not isinstance(value, dict):
                raise ValueError(f"{value!r:.60} is not a JSON object; write one a line")
            yield row(number, value)
        except ValueError as problem:
            yield Bad(number, str(problem))


def _mooncake(number: int, given: dict[str, Any]) -> Record:
    if "input_length" not in given and any(name in given for name in _TEXTS):
        raise ValueError("text without input_length, which needs a tokenizer; give the length")
    tokens = json_count(given.get("input_length"), "input_length")
    at = given.get("timestamp", given.get("created_time"))
    think = next((given[name] for name in _DELAYS if given.get(name) is not None), None)
    session = name_or_none(given.get("session_id"))
    if at is not None or think is None:
        at = json_instant(at, "timestamp")
    ids = block_ids(given.get("hash_ids"), tokens, MOONCAKE_BLOCK_TOKENS)
    return Record(
        number,
        at,
        tokens,
        json_count(given.get("output_length"), "output_length"),
        session=session,
        think=None if think is None else json_instant(think, "delay"),
        hash_ids=ids,
        block_tokens=MOONCAKE_BLOCK_TOKENS if ids else None,
    )


def _bailian(number: int, given: dict[str, Any]) -> Record:
    tokens = json_count(given.get("input_length"), "input_length")
    parent = name_or_none(given.get("parent_chat_id"))
    ids = block_ids(given.get("hash_ids"), tokens, BAILIAN_BLOCK_TOKENS)
    chat, turn = name_or_none(given.get("chat_id")), given.get("turn")
    return Record(
        number,
        json_instant(given.get("timestamp"), "timestamp"),
        tokens,
        json_count(given.get("output_length"), "output_length"),
        turn=turn if type(turn) is int else None,
        key=chat,
        opens=chat,
        parent_key=None if parent == "-1" else parent,
        hash_ids=ids,
        block_tokens=BAILIAN_BLOCK_TOKENS if ids else None,
    )


def _aiperf(number: int, given: dict[str, Any]) -> Read:
    about = given.get("metadata")
    if given.get("error") or found(about, "benchmark_phase") == "warmup":
        return Failed(number)
    turn, answered_at = found(about, "turn_index"), found(about, "request_end_ns")
    # A conversation of the data set may be replayed often; the correlation id is of one replay.
    session = found(about, "x_correlation_id") or found(about, "conversation_id")
    return Record(
        number,
        json_instant(found(about, "request_start_ns"), "metadata.request_start_ns"),
        _aiperf_count(given, "input_sequence_length"),
        _aiperf_count(given, "output_sequence_length"),
        session=name_or_none(session),
        turn=turn if type(turn) is int else None,
        answered_at=None if answered_at is None else json_instant(answered_at, "request_end_ns"),
    )


def _aiperf_count(given: dict[str, Any], name: str) -> int:
    return json_count(found(given, "metrics", name, "value"), f"metrics.{name}.value")
