from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import sim
from sim.errors import ScenarioError
from sim.record.intervals import interval
from sim.record.run_folder import read_run
from sim.record.steady_state import steady_figures
from sim.record.warm_up import mser5
from sim.report.limits import communication_share
from sim.spec.scenario import Scenario
from sim.study.seeds import SeedStudy, seed_study
from tests.cli.scenarios import SMALL, written

POISSON = "{kind: poisson, rate: 100 /s}"
DRAWN = SMALL.replace("{kind: fixed, rate: 10 /s}", POISSON).replace("requests: 5", "requests: 60")


def scenario(folder: Path, *settings: str) -> Scenario:
    return sim.load_scenario(written(folder, DRAWN), settings)


def test_the_seeds_begin_with_the_scenarios_own(tmp_path: Path) -> None:
    study = seed_study(scenario(tmp_path, "seed=7"), 3)

    assert study.seeds == [7, 8, 9]


def test_every_figure_is_that_of_the_single_runs(tmp_path: Path) -> None:
    asked = scenario(tmp_path)

    study = seed_study(asked, 3)

    runs = [sim.simulate(scenario(tmp_path, f"seed={seed}")) for seed in (1, 2, 3)]
    for name, found in study.whole_run.items():
        values: list[Any] = (
            [communication_share(run) for run in runs]
            if name == "sim_communication_share"
            else [run.summary()[name] for run in runs]
        )
        assert found == interval(values)
        assert found is not None
    assert study.is_drawn


def test_all_runs_are_cut_where_their_mean_latencies_say(tmp_path: Path) -> None:
    # Answers that differ, so that the two cuts do.
    setting = "workload.output_tokens={kind: lognormal, mean: 20, cv: 1, most: 100}"
    asked = scenario(tmp_path, setting)

    study = seed_study(asked, 3)

    requests = [
        sim.simulate(scenario(tmp_path, setting, f"seed={seed}")).requests for seed in (1, 2, 3)
    ]
    cuts = [
        mser5(np.mean([of[column].to_numpy() for of in requests], axis=0))
        for column in ("ttft_s", "e2e_s")
    ]
    assert cuts == [0, 5]
    assert study.warm_up == ("mser5", 5, None)
    assert study.steady_state is not None
    for name, found in study.steady_state.items():
        assert found == interval([steady_figures(of, asked.slo, 5)[name] for of in requests])


def test_no_rule_cuts_nothing(tmp_path: Path) -> None:
    study = seed_study(scenario(tmp_path), 2, "none")

    assert study.warm_up == ("none", None, None)
    assert study.steady_state is None


@pytest.mark.parametrize(
    ("setting", "why"),
    [
        ("workload.arrivals={kind: at-once}", "at once"),
        ("workload.arrivals={kind: vllm}", "at once"),
        ("workload.requests=49", "only 49 answers, and 50 are needed"),
        ("until=1 ns", "only 0 answers"),
        ("workload.arrivals.rate=100000 /s", "no steady state"),
    ],
)
def test_what_has_no_steady_state_is_not_cut_and_that_is_said(
    setting: str, why: str, tmp_path: Path
) -> None:
    study = seed_study(scenario(tmp_path, setting), 2)

    assert study.warm_up.cut_requests is None
    assert why in str(study.warm_up.why_none)
    assert study.steady_state is None
    assert study.whole_run["output_throughput"] is not None


def test_a_figure_that_no_run_has_has_no_interval(tmp_path: Path) -> None:
    study = seed_study(scenario(tmp_path, "slo={}", "workload.output_tokens=1"), 2)

    assert study.whole_run["request_goodput"] is None
    assert study.whole_run["mean_tpot_ms"] is None


def test_what_is_not_drawn_is_known(tmp_path: Path) -> None:
    study = seed_study(scenario(tmp_path, "workload.arrivals={kind: fixed, rate: 10 /s}"), 2)

    assert not study.is_drawn


def test_files_are_the_runs_and_what_they_say_together(tmp_path: Path) -> None:
    out = tmp_path / "out"

    study = seed_study(scenario(tmp_path), 2, out=out, table_format="csv")

    assert sorted(one.name for one in out.iterdir()) == [
        *("intervals.json", "seed-1", "seed-2", "summary.csv")
    ]
    second = read_run(out / "seed-2")
    assert second.manifest["seed"] == 2
    assert sim.simulate(sim.load_scenario(second.manifest["scenario"])).summary() == second.summary
    table = pd.read_csv(out / "summary.csv", converters={"p99_ttft_ms": float})
    assert table["seed"].tolist() == [1, 2]
    assert table["p99_ttft_ms"].tolist() == [one["p99_ttft_ms"] for one in study.figures]


@pytest.mark.parametrize("count", [-1, 0, 1])
def test_one_run_gives_no_interval(count: int, tmp_path: Path) -> None:
    with pytest.raises(ScenarioError, match="at least 2"):
        seed_study(scenario(tmp_path), count)


def test_equal_studies_are_equal(tmp_path: Path) -> None:
    first, second = (seed_study(scenario(tmp_path), 2) for _ in range(2))

    assert isinstance(first, SeedStudy)
    assert first == second
