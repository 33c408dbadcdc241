"""Whatever a user writes is taken or refused in plain words; nothing else comes out."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sim.catalog.files import read_document
from sim.catalog.load import load_scenario
from sim.errors import ScenarioError
from sim.spec.scenario import Scenario

from .scenario_files import SCENARIO, written

MAPPING: dict[str, Any] = load_scenario("chat-deepseek-r1").model_dump(mode="json")
NASTY: list[Any] = [
    *(None, True, 0, -1, 1, 7, 10**400, 0.5, float("nan"), float("inf"), -1e308),
    *(
        "",
        "5 s",
        "1e999 GB/s",
        "-1 s",
        "deepseek-r1",
        "dgx-h100",
        "./",
        "a\nb",
        "\0",
        "kind",
        "gqa",
    ),
    *([], [1], [[]], {}, {"kind": "gqa"}, {"base": "x"}, {"kind": []}, {"kind": {}}, {"0": 1}),
]
values = st.one_of(
    st.sampled_from(NASTY),
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
        max_leaves=5,
    ),
)


def places(value: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    keys = value if isinstance(value, dict) else range(len(value) if isinstance(value, list) else 0)
    return [one for key in keys for one in ((*at, key), *places(value[key], (*at, key)))]


PLACES = places(MAPPING)


@st.composite
def mappings(draw: st.DrawFn) -> dict[str, Any]:
    mutant: dict[str, Any] = json.loads(json.dumps(MAPPING))
    for place in draw(st.lists(st.sampled_from(PLACES), min_size=1, max_size=3)):
        at: Any = mutant
        for key in place[:-1]:
            fits = isinstance(at, dict) and key in at
            fits = fits or (isinstance(at, list) and isinstance(key, int) and key < len(at))
            at = at[key] if fits else None
        change = draw(st.sampled_from(["set", "add", "drop"]))
        if isinstance(at, dict) and change == "drop":
            at.pop(place[-1], None)
        elif isinstance(at, dict):
            key = place[-1] if change == "set" else draw(st.text(max_size=8))
            at[key] = draw(values)
        elif isinstance(at, list) and isinstance(place[-1], int) and place[-1] < len(at):
            at[place[-1]] = draw(values)
    return mutant


@st.composite
def texts(draw: st.DrawFn) -> str:
    text = SCENARIO
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(text)))
        end = start + draw(st.integers(0, 12))
        pieces = st.text(alphabet="{}[]:,-&*!?|>'\"#%@`~ \n\tab01.", max_size=6)
        text = text[:start] + draw(pieces) + text[end:]
    return text


def check(reference: Any, *overrides: str) -> None:
    said = ""
    try:
        assert isinstance(load_scenario(reference, overrides), Scenario)
    except ScenarioError as problem:
        said = str(problem)
    assert all(line.isprintable() for line in said.split("\n"))
    assert all(": " in line and len(line) < 2000 for line in said.split("\n") if said)


@given(mappings())
def test_any_mapping_is_taken_or_refused(mapping: dict[str, Any]) -> None:
    check(mapping)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(texts())
def test_any_text_is_taken_or_refused(tmp_path: Path, text: str) -> None:
    check(written(tmp_path / "s.yaml", text))


@given(st.sampled_from(PLACES), st.text(max_size=10))
def test_any_setting_is_taken_or_refused(place: tuple[Any, ...], value: str) -> None:
    check("chat-deepseek-r1", f"{'.'.join(map(str, place))}={value}")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=200))
def test_any_bytes_are_a_document_or_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "s.yaml"
    path.write_bytes(content)
    said = ""

    try:
        assert isinstance(read_document(path).mapping, dict)
    except ScenarioError as problem:
        said = str(problem)

    assert "\n" not in said


@pytest.mark.slow
@settings(max_examples=5000, deadline=None)
@given(mappings())
def test_any_of_many_mappings_is_taken_or_refused(mapping: dict[str, Any]) -> None:
    check(mapping)


@pytest.mark.slow
@settings(
    max_examples=5000, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(texts())
def test_any_of_many_texts_is_taken_or_refused(tmp_path: Path, text: str) -> None:
    check(written(tmp_path / "s.yaml", text))
