"""A scenario that is taken can be run: it ends, without a warning of ours or of a library."""

import warnings
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from sim.errors import ScenarioError, ScenarioWarning
from sim.serving.deployment import DeployedScenario
from sim.simulation import simulate
from sim.study.ready import ready_scenario
from tests.fuzz.kinds import SCENARIO
from tests.fuzz.mutations import spoiled

FEW, MANY = 5, 300
SHORT = ["max_requests=30", "until=1000 s"]
LONG = 10_000
"""Steps or layers of which a run may have so many, but not in this test."""
EXTREMES = [
    "engine.memory_share=1e-14",
    "engine.profile.compute_efficiency=1e-15",
    "engine.profile.kernel_launch=1e30 s",
    "engine.profile.collective_launch=1e-15 s",
    "topology.links.0.latency=1e30 s",
    "topology.links.0.bytes_per_s=1e-15 B/s",
    "topology.groups.switch.through=1e30 B/s",
    "topology.groups.gpu.device.memory=1e30 B",
    "topology.groups.gpu.device.memory_bytes_per_s=1e-15 B/s",
    "topology.groups.gpu.device.peak_flop_per_s={bf16: 1e-15 FLOP/s}",
    "workload.arrivals.rate=1e-15 /s",
    "workload.arrivals.rate=1e30 /s",
    "workload.arrivals.burstiness=1e-300",
    "workload.output_tokens={kind: empirical, tokens: [1, 2], weights: [1e30, 1e-15]}",
    "experts.popularity={kind: table, weights: [[1e300, 1, 1, 1, 1, 1, 1, 1e-300]]}",
    "engine.kv_block_tokens=1000000000000",
    "seed=1000000000000",
]


@pytest.fixture(autouse=True)
def _empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SIM_PATH", raising=False)


def accepted() -> Iterator[DeployedScenario]:
    """Mutants that can be deployed, one after another."""
    path, number = Path("mine.yaml"), 0
    while True:
        number += 1
        path.write_bytes(spoiled(Random(f"accepted {number}"), SCENARIO.encode()))
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ScenarioWarning)
                deployed = ready_scenario(path, SHORT)
        except ScenarioError:
            continue
        if is_short(deployed):
            yield deployed


def is_short(deployed: DeployedScenario) -> bool:
    scenario = deployed.scenario
    lengths = scenario.workload.prompt_tokens, scenario.workload.output_tokens
    tokens = [number for one in lengths if one for number in one.model_dump().values()]
    most = max((one for one in tokens if isinstance(one, int | float)), default=0)
    return most < LONG and scenario.model.layers < LONG and len(deployed.replicas) < LONG


def assert_runs(deployed: DeployedScenario) -> None:
    run = simulate(deployed)

    summary = run.summary()
    assert summary["completed"] + summary["failed"] <= len(run.requests)
    assert len(run.links)
    assert len(run.devices)
    assert (run.links["utilization_share"].fillna(0) <= 1 + 1e-9).all()
    assert len(run.steps) or not summary["completed"]


def test_what_is_taken_runs() -> None:
    found = accepted()
    for _ in range(FEW):
        assert_runs(next(found))


@pytest.mark.slow
def test_each_of_many_that_are_taken_runs() -> None:
    found = accepted()
    for _ in range(MANY):
        assert_runs(next(found))


@pytest.mark.parametrize("setting", EXTREMES)
def test_extreme_quantities_run_or_are_refused(setting: str) -> None:
    Path("mine.yaml").write_text(SCENARIO)
    said = ""

    try:
        assert_runs(ready_scenario("mine.yaml", [*SHORT, setting]))
    except ScenarioError as problem:
        said = str(problem)

    assert said.isprintable()
