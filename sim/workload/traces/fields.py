"""The fields of a line: each is what it should be, or the message says what would do."""

import json
import math
import re
from datetime import date
from functools import lru_cache
from typing import Any

NS_PER_S = 1_000_000_000
_ONE_DAY_S = 86_400
_MOST_DIGITS = 9
_LATEST_TICKS = 10**20
_INSTANT = re.compile(
    r"(\d{4}-\d\d-\d\d)[ T]([01]\d|2[0-3]):([0-5]\d):([0-5]\d)(?:\.(\d{1,9}))?"
    r" ?(?:(Z|UTC)|([+-])(\d\d):?(\d\d))?",
    re.ASCII,
)


def count(text: str, name: str) -> int:
    """A number of tokens from a column."""
    if text.isdigit() and text.isascii() and len(text) <= _MOST_DIGITS and (tokens := int(text)):
        return tokens
    raise _no_count(_short(text), name)


def seconds(text: str, name: str) -> float:
    """Seconds from a column, 0 or more."""
    try:
        at_s = float(text)
    except ValueError:
        at_s = math.nan
    if math.isfinite(at_s) and 0 <= at_s <= _LATEST_TICKS:
        return at_s
    raise ValueError(f"{name} {_short(text)}; write seconds, 0 or more, for example 1.25")


def clock_ns(text: str, name: str) -> int:
    """Nanoseconds since year 1; an instant without a zone is taken for UTC."""
    match = _INSTANT.fullmatch(text)
    if match is None:
        raise ValueError(f"{name} {_short(text)}; write for example '2023-11-16 18:15:46.6805900'")
    day, hours, minutes, whole_s, fraction, _, sign, zone_hours, zone_minutes = match.groups()
    at_s = _day_s(day, name) + int(hours) * 3600 + int(minutes) * 60 + int(whole_s)
    if sign is not None:
        ahead_s = int(zone_hours) * 3600 + int(zone_minutes) * 60
        at_s -= ahead_s if sign == "+" else -ahead_s
    return at_s * NS_PER_S + int((fraction or "").ljust(9, "0"))


@lru_cache(maxsize=64)
def _day_s(day: str, name: str) -> int:
    try:
        return date.fromisoformat(day).toordinal() * _ONE_DAY_S
    except ValueError:
        raise ValueError(f"{name} {day!r} is not a day of the calendar; mend it") from None


def parsed(text: str) -> Any:
    """The JSON value of a text."""
    if not text.strip():
        raise ValueError("the line is empty; remove it")
    try:
        return json.loads(text)
    except json.JSONDecodeError as problem:
        where = f"line {problem.lineno}, column {problem.colno}"
        raise ValueError(f"not JSON ({problem.msg} at its {where}); mend or remove it") from None
    except RecursionError:
        raise ValueError("JSON nested too deeply; mend or remove it") from None


def found(value: Any, *keys: str) -> Any:
    """What stands at this place inside a JSON object; None where nothing does."""
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value


def json_count(value: Any, name: str) -> int:
    """A number of tokens from JSON, where some write 12.0 for 12."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if is_number and 1 <= value < 10**_MOST_DIGITS and value == int(value):
        return int(value)
    raise _no_count(_short(value), name)


def json_instant(value: Any, name: str) -> float:
    """An instant or a duration from JSON, in the ticks of its format; an int stays one."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if is_number and 0 <= value <= _LATEST_TICKS:
        instant: float = value
        return instant
    raise ValueError(f"{name} is {_short(value)}; write a number, 0 or more")


def block_ids(value: Any, prompt_tokens: int, block_tokens: int) -> tuple[int, ...]:
    """Hash ids of a prompt's blocks: at most one for each begun block."""
    if value is None:
        return ()
    if not isinstance(value, list) or not all(type(one) is int for one in value):
        raise ValueError(f"hash_ids is {_short(value)}; write a list of whole numbers")
    if len(value) > -(-prompt_tokens // block_tokens):
        raise ValueError(
            f"{len(value)} hash_ids for {prompt_tokens} tokens in blocks of {block_tokens};"
            " give at most one a block"
        )
    return tuple(value)


def name_or_none(value: Any) -> str | None:
    """The name of a session; numbers are taken for names."""
    return None if value is None or value == "" else str(value)


def _no_count(shown: str, name: str) -> ValueError:
    return ValueError(
        f"{name} {shown} is not a number of tokens; write a whole number of at least 1"
        f" and at most {_MOST_DIGITS} digits, or remove the line"
    )


def _short(value: Any) -> str:
    return "missing" if value is None else f"{value!r:.60}"
