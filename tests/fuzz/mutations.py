"""Files spoiled at random, as bytes and as values; equal seeds spoil equally."""

import copy
import json
from collections.abc import Callable
from functools import cache
from random import Random
from typing import Any

import yaml

ODD: list[Any] = [
    *(None, True, False, 0, -1, 1, 2, 7, 2**31, 2**63, 10**12, 10**400, -(10**30)),
    *(0.5, -0.5, 1e-300, 1e308, float("nan"), float("inf"), float("-inf")),
    *(
        "",
        " ",
        "x",
        "base",
        "gqa",
        "mla",
        "fixed",
        "uniform",
        "nan",
        "1e999 s",
        "-1 GB",
        "5",
        "5 s",
    ),
    *("0 s", "1e-320 s", "3 TB/s", "80 GB", "1 /s", "é" * 300, "x" * 5000, "a\nb", "\t", "\x7f"),
    *("2026-01-01", "12:30:45", "0x1F", "0o17", "1_000", "yes", "~", "\u2028", "../x.yaml"),
    *("./", "/", "/dev/zero", "h100", "llama-3.1-8b", "single", "chat", "\u202e", "a/b.csv"),
    *([], {}, [[]], [None], [1, 2], ["a", "b"], {"kind": "gqa"}, {"kind": "x"}, {"base": "x"}),
    *({"0": 1}, {"kind": []}, {"kind": None}, {"base": {}}, [{}], {"": 1}, {"a": {"b": {"c": {}}}}),
]
"""Values that stand nowhere, or rarely."""

PIECES = [
    *(
        b"\x00",
        b"\xff",
        b"\xfe\xff",
        b"\xef\xbb\xbf",
        b"\t",
        b"\n",
        b"\r",
        b"\r\n",
        b"\xc3",
        b"\x1b",
    ),
    *(b":", b": ", b"- ", b"{", b"}", b"[", b"]", b",", b"#", b"'", b'"', b"|", b">", b"?", b"%"),
    *(
        b"&a ",
        b"*a",
        b"&a [*a]",
        b"&a {b: *a}",
        b"<<: *a\n",
        b"<<: {seed: 3}\n",
        b"!!python/x ",
        b"!",
    ),
    *(b"~", b"null", b"1e400", b"9" * 400, b"9" * 5000, b".nan", b"-.inf", b"NaN", b"Infinity"),
    *(
        b"2026-01-01",
        b"12:30:45",
        b"0x1F",
        b"1_0",
        b"---\n",
        b"...\n",
        b"--- a\n--- b\n",
        b"\\u0000",
    ),
    *(b"[" * 60, b"{a: " * 60, b"[" * 3000, b"- " * 100, b"\xe2\x80\xa8", b"\xf0\x9f\x98\x80"),
]
BOMB = b"a: &a [x,x,x,x,x,x,x,x,x]\n" + b"".join(
    f"{name}: &{name} [{','.join(['*' + below] * 9)}]\n".encode()
    for below, name in zip("abcdefgh", "bcdefghi", strict=True)
)
"""Nine lists of nine of the list before."""

Change = Callable[[Random, bytes], bytes]


def spoiled(random: Random, content: bytes) -> bytes:
    """The content after a few changes of its bytes or its values."""
    value = copy.deepcopy(_value(content))
    if value is not None and random.random() < 0.6:
        for _ in range(random.choice([1, 1, 1, 2, 3])):
            _spoil_value(random, value)
        content = _written(random, value)
        if random.random() < 0.7:
            return content
    for _ in range(random.choice([1, 1, 2, 4])):
        content = random.choice(_OF_BYTES)(random, content)
    return content


@cache
def _value(content: bytes) -> Any:
    """A file's mapping or list; None for a table or lines of JSON."""
    try:
        value = yaml.load(content, Loader=yaml.CSafeLoader)
    except yaml.YAMLError:
        return None
    return value if isinstance(value, dict | list) else None


def _written(random: Random, value: Any) -> bytes:
    if random.random() < 0.5:
        return json.dumps(value, default=str).encode(errors="surrogatepass")
    text: str = yaml.dump(value, Dumper=yaml.CSafeDumper, sort_keys=False, allow_unicode=True)
    return text.encode(errors="surrogatepass")


def places(value: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every key and every entry of a list."""
    inner = value.items() if isinstance(value, dict) else enumerate(value)
    found = []
    for key, below in inner:
        found.append((*at, key))
        if isinstance(below, dict | list):
            found += places(below, (*at, key))
    return found


def _spoil_value(random: Random, value: Any) -> None:
    everywhere = places(value)
    if not everywhere:
        return
    *above, last = random.choice(everywhere)
    at = value
    for key in above:
        at = at[key]
    how = random.choice(["set", "set", "set", "drop", "rename", "copy", "wrap"])
    other = random.choice(everywhere)
    new: Any = copy.deepcopy(random.choice(ODD))
    if how == "copy":
        for key in other:
            value = value[key]
        new = copy.deepcopy(value)
    if how == "wrap":
        new = random.choice([[at[last]], {"a": at[last]}, str(at[last]), {"base": at[last]}])
    if how == "rename" and isinstance(at, dict):
        at[
            random.choice([str(other[-1]), "", "x", str(last).replace("_", "-"), str(last)[:-1]])
        ] = at.pop(last)
    elif how == "drop":
        del at[last]
    else:
        at[last] = new


def _flip(random: Random, content: bytes) -> bytes:
    if not content:
        return content
    at = random.randrange(len(content))
    return content[:at] + bytes([content[at] ^ 1 << random.randrange(8)]) + content[at + 1 :]


def _insert(random: Random, content: bytes) -> bytes:
    at = random.randrange(len(content) + 1)
    return content[:at] + random.choice(PIECES) + content[at:]


def _replace(random: Random, content: bytes) -> bytes:
    at = random.randrange(len(content) + 1)
    return content[:at] + random.choice(PIECES) + content[at + random.randrange(12) :]


def _delete(random: Random, content: bytes) -> bytes:
    at = random.randrange(len(content) + 1)
    return content[:at] + content[at + random.randrange(20) :]


def _truncate(random: Random, content: bytes) -> bytes:
    return content[: random.randrange(len(content) + 1)]


def _lines(random: Random, content: bytes) -> bytes:
    """A line twice, gone, elsewhere or with more indentation."""
    lines = content.splitlines(keepends=True) or [b""]
    at, to = random.randrange(len(lines)), random.randrange(len(lines))
    match random.randrange(4):
        case 0:
            lines.insert(to, lines[at])
        case 1:
            del lines[at]
        case 2:
            lines[at], lines[to] = lines[to], lines[at]
        case _:
            lines[at] = random.choice([b"  ", b"\t", b" "]) + lines[at]
    return b"".join(lines)


def _number(random: Random, content: bytes) -> bytes:
    """Some digits replaced by a number that fits nowhere."""
    digits = [at for at, one in enumerate(content) if chr(one).isdigit()]
    if not digits:
        return content
    at = random.choice(digits)
    new = random.choice(
        [b"0", b"-1", b"1e9", b"9" * 30, b"nan", b"", b"1.5", b"1000000", b"4e-320"]
    )
    return content[:at] + new + content[at + 1 :]


def _encoded(random: Random, content: bytes) -> bytes:
    codec = random.choice(["utf-16", "utf-8-sig", "utf-32", "latin-1"])
    return content.decode("latin-1").encode(codec, errors="replace")


def _bombed(random: Random, content: bytes) -> bytes:
    # Rarely, since it takes as long as a hundred other files to be refused.
    where = random.random()
    return BOMB + content if where < 0.02 else content + b"\n" + BOMB if where < 0.04 else content


_OF_BYTES: tuple[Change, ...] = (
    *(_flip, _flip, _insert, _insert, _replace, _replace, _delete, _delete, _truncate),
    *(_lines, _lines, _number, _number, _number, _encoded, _bombed),
)
