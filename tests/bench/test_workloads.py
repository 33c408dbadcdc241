"""What is measured is what the files say, and bars are judged as they are written."""

from pathlib import Path

import pytest
from pydantic import ValidationError

import sim
from bench.__main__ import rows
from bench.workloads import SCENARIOS, Start, Workload, passes, workloads
from sim.errors import ScenarioError


@pytest.mark.parametrize("path", sorted(SCENARIOS.glob("*.yaml")), ids=lambda path: path.stem)
def test_every_scenario_loads(path: object) -> None:
    assert sim.load_scenario(str(path)).model.layers > 0


def test_every_scenario_is_there_and_takes_its_settings() -> None:
    for name, workload in workloads().items():
        asked = workload.measure
        if not isinstance(asked, Start):
            scenario = sim.load_scenario(str(SCENARIOS / asked.scenario), asked.set)
            assert scenario.workload.requests, name


def test_the_replicas_on_shared_uplinks_both_reach_into_every_box() -> None:
    (made_of,) = sim.load_scenario(str(SCENARIOS / "two-replicas.yaml")).deployment.pools

    assert made_of.devices is not None
    assert sorted(made_of.devices) == list(range(64))
    for replica in (made_of.devices[:32], made_of.devices[32:]):
        assert {device // 8 for device in replica} == set(range(8))


@pytest.mark.parametrize(
    ("bar", "passed"),
    [
        ("cpu_s <= 2", True),
        ("cpu_s <= 1.99", False),
        ("cpu_s >= 2", True),
        ("cpu_s <= 1 or peak_bytes <= 1e9", True),
        ("cpu_s <= 1 or peak_bytes <= 1e8", False),
    ],
)
def test_a_bar_is_passed_by_one_of_its_alternatives(bar: str, passed: bool) -> None:
    assert passes(bar, {"cpu_s": 2.0, "peak_bytes": 1e9}) is passed


@pytest.mark.parametrize("bar", ["cpu_s < 2", "cpu_s <= 2 s", "fast", "cpu_s <= 2 or fast"])
def test_a_bar_that_cannot_be_read_is_refused(bar: str) -> None:
    with pytest.raises(ValidationError, match="is not like 'cpu_s <= 150'"):
        Workload(about="", start=Start(times=1), bars=(bar,))


@pytest.mark.parametrize(
    ("entry", "says"),
    [
        ("{about: x, start: {times: 1}, run: {scenario: a, requests: 1}, bars: [s <= 1]}", "one"),
        ("{about: x, bars: [s <= 1]}", "give exactly one of run, window, linear, flat, start"),
        ("{about: x, start: {times: 0}, bars: [s <= 1]}", "z.start.times: Input should be greater"),
        ("{about: x, start: {time: 1}, bars: [s <= 1]}", "z.start.time"),
        ("7", "z: Input should be"),
    ],
)
def test_a_broken_entry_is_refused_in_one_line_that_names_it(
    entry: str, says: str, tmp_path: Path
) -> None:
    path = tmp_path / "workloads.yaml"
    path.write_text(f"z: {entry}\n", encoding="utf-8")

    with pytest.raises(ScenarioError) as refused:
        workloads(path)

    assert says in str(refused.value)
    assert str(refused.value).startswith(str(path))
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("line", "verdict"),
    [
        ({"scale": 1.0, "import_s": 0.3}, "yes"),
        ({"scale": 1.0, "import_s": 0.5}, "no"),
        ({"scale": 0.1, "import_s": 0.3}, "not judged"),
        ({"scale": 1.0, "most": 10, "import_s": 0.3}, "not judged"),
        ({"scale": 1.0, "error": "MemoryError"}, "failed"),
    ],
)
def test_only_the_whole_workload_is_judged(line: dict[str, object], verdict: str) -> None:
    one = Workload(about="", start=Start(times=1), bars=("import_s <= 0.4",))

    (row,) = rows({"workload": "g", **line}, one)

    assert row["pass"] == verdict


def test_a_drawn_stand_in_for_the_trace_is_named_in_the_table() -> None:
    line = {"scale": 1.0, "requests_per_s": 1.0, "timeouts_per_request": 100.0}

    first, second = rows({"workload": "a", "trace": "synthetic", **line}, workloads()["a"])

    assert (first["workload"], first["pass"]) == ("a (synthetic)", "yes")
    assert (second["figure"], second["pass"]) == ("or timeouts_per_request", "")
