import math
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from sim.catalog.files import read_document, read_value
from sim.errors import ScenarioError

from .scenario_files import written


def refused(path: Path) -> str:
    with pytest.raises(ScenarioError) as refusal:
        read_document(path)
    (line,) = str(refusal.value).splitlines()
    return line


@pytest.mark.parametrize(
    ("text", "value"),
    [
        # The core schema of YAML 1.2.2, section 10.3.2.
        ("1e-6", 1e-6),
        ("1E3", 1000.0),
        (".5", 0.5),
        ("5.", 5.0),
        ("-.inf", -math.inf),
        ("007", 7),
        ("0o17", 15),
        ("0xFF", 255),
        ("+3", 3),
        ("~", None),
        ("null", None),
        ("", None),
        ("true", True),
        ("FALSE", False),
        # Texts there, and something else in YAML 1.1.
        ("NO", "NO"),
        ("on", "on"),
        ("yes", "yes"),
        ("1:30", "1:30"),
        ("1_000", "1_000"),
        ("2026-01-01", "2026-01-01"),
        ("0b11", "0b11"),
        ("<<", "<<"),
        ("=", "="),
        ("'5'", "5"),
        ("[1, a, {b: 2}]", [1, "a", {"b": 2}]),
    ],
)
def test_scalars_are_those_of_yaml_1_2(text: str, value: Any) -> None:
    found = read_value(text)

    assert found == value
    assert type(found) is type(value)


def test_a_document_knows_the_line_of_every_key(tmp_path: Path) -> None:
    path = written(tmp_path / "a.yaml", "# comment\na: 1\n\nb:\n  - c: 2\n  - {d: 3,\n     e: 4}\n")

    lines = read_document(path).lines

    assert lines == {
        ("a",): 2,
        ("b",): 4,
        ("b", 0): 5,
        ("b", 0, "c"): 5,
        ("b", 1): 6,
        ("b", 1, "d"): 6,
        ("b", 1, "e"): 7,
    }


def test_json_is_read_with_tabs_too(tmp_path: Path) -> None:
    path = written(tmp_path / "a.json", '{\n\t"a": 1e-6,\n\t"b": [true, null, "x\\ty"]\n}\n')

    assert read_document(path).mapping == {"a": 1e-6, "b": [True, None, "x\ty"]}


def test_a_byte_order_mark_is_passed_over(tmp_path: Path) -> None:
    assert read_document(written(tmp_path / "a.yaml", "\ufeffa: 1\n")).mapping == {"a": 1}


def test_an_alias_is_the_value_that_it_names(tmp_path: Path) -> None:
    path = written(tmp_path / "a.yaml", "a: &x {b: 1}\nc: *x\n")

    assert read_document(path).mapping == {"a": {"b": 1}, "c": {"b": 1}}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", ": holds nothing; write a mapping"),
        ("# only this\n", ": holds nothing; write a mapping"),
        ("- a\n", ": holds a list; write a mapping"),
        ("just text\n", ": holds a text; write a mapping"),
        ("5\n", ": holds 5; write a mapping"),
        ("a: 1\nb: [\n", ":3: did not find"),
        ("a: 1\n\tb: 2\n", ":2: found a tab character that violates indentation; mend the YAML"),
        ("a: 1\n---\nb: 2\n", ":2: but found another document; mend the YAML"),
        ("a: 1\nb: 2\na: 3\n", ":3: a is given twice (first in line 1); keep one"),
        ("a:\n  b: 1\n  'b': 2\n", ":3: a.b is given twice (first in line 2); keep one"),
        ("a: 1\n5: 2\n", ":2: the key '5' is not a text; write it in quotes"),
        ("null: 2\n", ":1: the key 'null' is not a text; write it in quotes"),
        ("? [a]\n: 2\n", ":1: a key is not a text"),
        ("a: *b\n", ":1: found undefined alias; mend the YAML"),
        ("a: !!python/object:os.system x\n", ":1: the tag 'tag:yaml.org,2002:python/"),
        ("a: !!timestamp 2026-01-01\n", ":1: the tag"),
        ("a: !x 1\n", ":1: the tag '!x' is not read"),
        ("a: ! 1\n", ":1: the tag '!' is not read"),
        ("a: \0\n", ": unacceptable character"),
        ("a: " + "9" * 5000, ": Exceeds the limit (4300 digits)"),
        ("a: &a [*a]\n", "in itself"),
        ("a: &a {b: *a}\n", "in itself"),
    ],
)
def test_a_broken_file_is_one_line_that_says_where(tmp_path: Path, text: str, says: str) -> None:
    path = written(tmp_path / "bad.yaml", text)

    line = refused(path)

    assert line.startswith(f"{path}")
    assert says in line
    assert ";" in line or "in itself" in line


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", bytes(range(256)), b"model: \xe9\n"])
def test_a_binary_file_is_one_line(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "bad.yaml"
    path.write_bytes(content)

    assert refused(path) == f"{path}: is not text in UTF-8; give a YAML file"


def test_what_is_no_file_is_one_line(tmp_path: Path) -> None:
    loop = tmp_path / "loop.yaml"
    loop.symlink_to(loop)

    assert refused(tmp_path) == f"{tmp_path}: a folder, not a file; give the path of a YAML file"
    assert "no such file" in refused(tmp_path / "none.yaml")
    assert "File name too long" in refused(tmp_path / ("x" * 300 + ".yaml"))
    assert "no such file" in refused(tmp_path / "a\0b.yaml")
    assert "a\\nb" in refused(tmp_path / "a\nb.yaml")
    assert "not a file" in refused(Path("/dev/zero"))
    assert refused(loop).startswith(f"{loop}: ")


def test_a_huge_file_is_one_line(tmp_path: Path) -> None:
    path = tmp_path / "huge.yaml"
    with path.open("wb") as file:
        file.truncate(10**12)

    assert "is it the right file?" in refused(path)


DEEP = {
    "flow lists": "a: " + "[" * 100_000,
    "closed flow lists": "a: " + "[" * 100_000 + "]" * 100_000,
    "flow mappings": "a: " + "{a: " * 100_000,
    "lists in a line": "- " * 100_000,
    "keys in a line": "? " * 100_000,
    "both in a line": "- ? " * 50_000,
    "indents": "".join(" " * depth + "a:\n" for depth in range(2_500)),
    "list indents": "".join(" " * depth + "-\n" for depth in range(2_500)),
    "brackets in a text are not counted": "a: '" + "[" * 100_000 + "'",
    "laughs": "a: &a [x,x,x,x,x,x,x,x,x]\n"
    + "".join(
        f"{name}: &{name} [{', '.join([f'*{before}'] * 9)}]\n"
        for before, name in zip("abcdefgh", "bcdefghi", strict=True)
    ),
}


@pytest.mark.parametrize("kind", DEEP)
def test_deep_files_neither_crash_the_parser_nor_hang(tmp_path: Path, kind: str) -> None:
    # In a process of its own, since a crash in C would take the tests with it.
    path = written(tmp_path / "deep.yaml", DEEP[kind])
    code = f"""\
from pathlib import Path
from sim.catalog.files import read_document
from sim.errors import ScenarioError

try:
    read_document(Path({str(path)!r}))
except ScenarioError as problem:
    print(str(problem)[-80:])
else:
    print("read")
"""

    began_s = time.perf_counter()
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert time.perf_counter() - began_s < 10
    (line,) = done.stdout.splitlines()
    assert ("read" in line) == ("not counted" in kind)
    assert "deeper than 40" in line or "more than 200000" in line or "not counted" in kind


def test_a_value_is_refused_under_the_name_of_its_place_without_a_line() -> None:
    with pytest.raises(ScenarioError, match=r"^--set a=\[: did not find .*; mend the YAML$"):
        read_value("[", "--set a=[")
