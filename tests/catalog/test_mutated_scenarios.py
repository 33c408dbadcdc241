"""Whatever is done to a scenario, it is accepted or refused in lines that a person can read."""

import copy
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from sim.catalog.load import load_scenario, load_topology, load_workload
from sim.errors import ScenarioError
from sim.spec.scenario import Scenario

SCENARIO: dict[str, Any] = {
    "model": {"base": "mixtral-8x7b", "layers": 4},
    "topology": {
        "groups": {
            "gpu": {
                "kind": "device",
                "count": 2,
                "device": {"base": "h100", "memory_bytes": "90 GB"},
            },
            "switch": {"kind": "switch", "through": "900 GB/s"},
        },
        "links": [
            {"between": ["gpu", "switch"], "kind": "x", "bytes_per_s": "1 GB/s", "latency": "1 us"}
        ],
        "source": {"links.0": "made up"},
    },
    "deployment": {
        "pools": [{"attention": {"tp": 2}, "experts": {"ep": 2}, "devices": [0, 1]}],
        "precision": {"weights": "fp8"},
    },
    "engine": {"profile": "plain", "max_sequences": 8},
    "experts": {"popularity": {"kind": "table", "weights": [[1.0, 2.0]]}},
    "workload": {
        "requests": 5,
        "arrivals": {"kind": "gamma", "rate": "4 /s", "burstiness": 0.5},
        "prompt_tokens": {"kind": "empirical", "tokens": [1, 2]},
        "output_tokens": 4,
    },
    "slo": {"ttft": "1 s"},
    "until": "9 s",
    "seed": 1,
}
Place = tuple[str | int, ...]


def places(value: Any, at: Place = ()) -> Iterator[Place]:
    """Every key and every entry of every list."""
    inner = value.items() if isinstance(value, dict) else enumerate(value)
    for key, below in inner:
        yield (*at, key)
        if isinstance(below, dict | list):
            yield from places(below, (*at, key))


PLACES = list(places(SCENARIO))
WORDS = st.sampled_from(
    ["", "base", "kind", "gpu", "h100", "fixed", "mla", "chat", "single", "/", "~x/y", "../a.yaml",
     "a\0/b", "x.csv", "nan s", "1e999 s", "-1 GB", "4", "0 /s", "\n", "\ud800", "é" * 300 + "/b"]
)  # fmt: skip
NUMBERS = st.sampled_from(
    [0, -1, 1, 3, 10**9, 10**12, 10**400, 0.5, -0.0, float("nan"), float("inf"), True, None]
)
VALUES = st.recursive(
    WORDS | NUMBERS | st.text(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(WORDS | st.integers(0, 2) | st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=4,
)
CHANGES = st.tuples(
    st.sampled_from(PLACES), st.sampled_from(["replace", "remove", "rename", "add"]), VALUES, WORDS
)


def changed(scenario: dict[str, Any], change: tuple[Place, str, Any, str]) -> None:
    """One change, where its place is still there."""
    (*above, last), how, value, word = change
    at: Any = scenario
    try:
        for key in above:
            at = at[key]
    except (KeyError, IndexError, TypeError):
        return  # an earlier change took it away
    if isinstance(at, list):
        at[:] = [value] if how == "replace" else []
    elif isinstance(at, dict):
        old = at.pop(last, None) if how in ("remove", "rename") else None
        if how != "remove":
            at[last if how == "replace" else word] = old if how == "rename" else value


def test_the_scenario_itself_is_accepted() -> None:
    assert len(load_scenario(SCENARIO).topology.devices) == 2


@pytest.fixture(autouse=True)
def _empty_folder(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path_factory.mktemp("empty"))
    monkeypatch.delenv("SIM_PATH", raising=False)


@settings(
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(st.lists(CHANGES, min_size=1, max_size=3))
@example([(("topology", "groups", "gpu", "count"), "replace", 10**9, "")])
@example([(("model", "layers"), "replace", 10**12, "")])
@example([(("topology", "groups", "gpu"), "rename", None, "\ud800")])
def test_a_mutated_scenario_is_accepted_or_refused_in_lines(
    changes: list[tuple[Place, str, Any, str]],
) -> None:
    scenario = copy.deepcopy(SCENARIO)
    for change in changes:
        changed(scenario, change)
    given_before = repr(scenario)

    try:
        loaded = load_scenario(scenario)
    except ScenarioError as problem:
        assert_readable(problem)
    else:
        assert isinstance(loaded, Scenario)
    assert repr(scenario) == given_before


def assert_readable(problem: ScenarioError, start: str = "scenario: ") -> None:
    lines = str(problem).split("\n")
    assert all(line.startswith(start) for line in lines)
    assert all(line.isprintable() for line in lines)
    assert all(len(line) < 1000 for line in lines)


@settings(
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(st.sampled_from(PLACES), st.text(max_size=12) | WORDS | st.just("[" * 100_000))
@example(("seed",), "9" * 5000)
@example(("deployment", "pools", 0), "{a: &a [*a]}")
def test_any_setting_is_accepted_or_refused_in_lines(place: Place, text: str) -> None:
    setting = f"{'.'.join(map(str, place))}={text}"

    try:
        load_scenario(SCENARIO, [setting])
    except ScenarioError as problem:
        assert_readable(problem, start="")


@settings(
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(VALUES)
def test_any_value_in_the_place_of_a_part_is_accepted_or_refused(value: Any) -> None:
    for load in (load_topology, load_workload):
        if isinstance(value, str | dict):
            try:
                load(value)
            except ScenarioError as problem:
                assert_readable(problem, start="")
