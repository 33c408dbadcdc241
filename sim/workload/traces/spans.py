"""OpenTelemetry spans of calls to language models, by the GenAI conventions.

Either OTLP in JSON (a document, or one a line as the collector writes it) or one span a line. The
conventions are still moving, so what is not needed is not looked at, and other spans are passed
over. Turns of one `gen_ai.conversation.id` follow one another.
"""

from collections.abc import Iterator
from typing import Any

from sim.workload.traces.fields import (
    clock_ns,
    found,
    json_count,
    json_instant,
    name_or_none,
    parsed,
)
from sim.workload.traces.files import lines_of
from sim.workload.traces.table import Bad, Failed, Read, Record

_OPERATIONS = ("chat", "generate_content", "text_completion")


def read_spans(text: str) -> Iterator[Read]:
    """Every span of a call; nanoseconds."""
    for number, document in _documents(text):
        if isinstance(document, Bad):
            yield document
            continue
        for place, span in enumerate(_spans(document)):
            where = f"{number}: span {place}"
            try:
                attributes = _attributes(found(span, "attributes"))
                if attributes.get("gen_ai.operation.name") in _OPERATIONS:
                    yield _call(where, span, attributes)
            except ValueError as problem:
                yield Bad(where, str(problem))


def _documents(text: str) -> Iterator[tuple[int, Any]]:
    lines = lines_of(text)
    try:
        parsed(lines[0] if lines else "")
    except ValueError:
        yield 1, parsed(text)
        return
    for number, line in enumerate(lines, 1):
        try:
            yield number, parsed(line)
        except ValueError as problem:
            yield number, Bad(number, str(problem))


def _spans(document: Any) -> Iterator[Any]:
    resources = found(document, "resourceSpans")
    if resources is None:
        yield from document if isinstance(document, list) else [document]
        return
    for resource in _listed(resources):
        for scope in _listed(found(resource, "scopeSpans")):
            yield from _listed(found(scope, "spans"))


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _attributes(given: Any) -> dict[str, Any]:
    """By name; OTLP lists `{key, value: {intValue: "12"}}`."""
    if isinstance(given, dict):
        return given
    named = {}
    for one in _listed(given):
        value = found(one, "value")
        if isinstance(value, dict) and value:
            named[str(found(one, "key"))] = next(iter(value.values()))
    return named


def _call(where: str, span: Any, attributes: dict[str, Any]) -> Read:
    if found(span, "status", "code") in (2, "STATUS_CODE_ERROR", "ERROR"):
        return Failed(where)
    prompt, output = (f"gen_ai.usage.{side}_tokens" for side in ("input", "output"))
    return Record(
        where,
        _instant_ns(span, "startTimeUnixNano", "start_time"),
        json_count(_number(attributes.get(prompt)), prompt),
        json_count(_number(attributes.get(output)), output),
        session=name_or_none(attributes.get("gen_ai.conversation.id")),
        answered_at=_instant_ns(span, "endTimeUnixNano", "end_time"),
        model=name_or_none(attributes.get("gen_ai.request.model")),
    )


def _instant_ns(span: Any, name: str, other: str) -> float:
    value = _number(found(span, name) or found(span, other))
    return clock_ns(value, other) if isinstance(value, str) else json_instant(value, name)


def _number(value: Any) -> Any:
    """Whole numbers of 64 bits are texts in OTLP's JSON."""
    is_whole = isinstance(value, str) and value.isdigit() and value.isascii() and len(value) <= 20
    return int(value) if is_whole else value
