import json
from pathlib import Path

import pytest

import sim
from sim.study.seeds import seed_study
from tests.cli.commands import moesim
from tests.cli.scenarios import SMALL, written

TWO = ("--seeds", "2")
POISSON = "{kind: poisson, rate: 100 /s}"
DRAWN = SMALL.replace("{kind: fixed, rate: 10 /s}", POISSON).replace("requests: 5", "requests: 60")


def test_both_tables_are_shown_and_nothing_else(tmp_path: Path) -> None:
    outcome = moesim("run", written(tmp_path, DRAWN), "--seeds", "3")

    assert outcome.status == 0
    assert not outcome.err
    whole, steady = outcome.out.split("Steady state, without the first ")
    assert whole.startswith("llama-3.1-8b on dgx-h200, seeds 1 to 3: whole runs\n")
    assert "requests (MSER-5)\n" in steady
    for words in ("95 % from", "±", "mean TTFT", "p99 E2EL"):
        assert words in whole
        assert words in steady
    for words in ("communication share", "p50 ITL"):
        assert words in whole
        assert words not in steady


def test_a_line_has_mean_ends_and_relative_width(tmp_path: Path) -> None:
    words = ("run", written(tmp_path, DRAWN), "--seeds", "3")

    (line,) = [line for line in moesim(*words).out.splitlines() if "fullest link share" in line]

    one = json.loads(moesim(*words, "--json").out)["whole_run"]["sim_fullest_link_share"]
    shown = [f"{100 * one[part]:.1f}" for part in ("mean", "low", "high", "half_width_share")]
    assert [word for word in line.split()[3:] if word != "%"] == shown


def test_json_is_the_study(tmp_path: Path) -> None:
    path = written(tmp_path, DRAWN)

    printed = json.loads(moesim("run", path, "--seeds", "2", "--set", "seed=5", "--json").out)

    assert printed == seed_study(sim.load_scenario(path, ["seed=5"]), 2).as_json()
    assert printed["seeds"] == [5, 6]


def test_the_warm_up_is_left_in_where_that_is_asked(tmp_path: Path) -> None:
    outcome = moesim("run", written(tmp_path, DRAWN), "--seeds", "2", "--warm-up", "none")

    assert outcome.status == 0
    assert "Steady state" not in outcome.out
    assert not outcome.err


def test_a_batch_is_said_to_have_no_steady_state(tmp_path: Path) -> None:
    outcome = moesim("run", written(tmp_path, DRAWN.replace(POISSON, "{kind: at-once}")), *TWO)

    assert outcome.status == 0
    assert "Steady state" not in outcome.out
    assert "no warm-up is cut: all requests arrive at once" in outcome.err


def test_a_scenario_without_draws_is_told_so(tmp_path: Path) -> None:
    outcome = moesim("run", written(tmp_path), *TWO)

    assert outcome.status == 0
    assert "nothing depends on the seed here" in outcome.err


def test_files_lie_where_it_says(tmp_path: Path) -> None:
    out = tmp_path / "out"

    outcome = moesim("run", written(tmp_path, DRAWN), *TWO, "--out", str(out), "--format", "csv")

    assert outcome.err == f"frames lie in {out}\n"
    assert (out / "seed-2" / "requests.csv").is_file()
    printed = json.loads(moesim("run", written(tmp_path, DRAWN), *TWO, "--json").out)
    assert json.loads((out / "intervals.json").read_text(encoding="utf-8")) == printed


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--seeds", "1"), "--seeds"),
        (("--seeds", "0"), "--seeds"),
        (("--seeds", "x"), "--seeds"),
        (("--seeds", "9" * 30), "--seeds"),
        ((*TWO, "--dry-run"), "--seeds: is for runs, without --dry-run"),
        ((*TWO, "--export", "vllm", "r.json"), "--seeds: is for runs, without --export"),
        ((*TWO, "--warm-up", "welch"), "'welch' is not one of 'mser5', 'none'"),
        (("--warm-up", "mser5"), "--warm-up: needs --seeds"),
    ],
)
def test_what_does_not_go_together_is_refused_in_a_line(
    words: tuple[str, ...], says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sim.report.run_files.simulate", None)

    outcome = moesim("run", written(tmp_path), *words)

    assert outcome.status == 2
    (line,) = outcome.err.splitlines()
    assert says in line
    assert not outcome.out
