"""The study of the paper: its table of claims, cheap claims, and what a check finds."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from sim.errors import ScenarioError
from sim.report.paper_figures import DRAWINGS
from sim.study.paper.beyond import with_elasticity
from sim.study.paper.claims import Claim, claim_rows, read_claims
from sim.study.paper.deep_ep import fitted
from sim.study.paper.figures import FIGURES
from sim.study.paper.measures import MEASURES, simulated
from sim.study.paper.reproduce import Study, faults, save, study
from sim.study.paper.runs import Runs, measured
from sim.study.paper.set_up import Point, capacity, set_up
from tests.cli.commands import moesim

COMMITTED = Path(__file__).parents[2] / "results" / "paper"


def claim(expected: str, tolerance: str) -> Claim:
    return Claim("C0", "nothing", expected, tolerance, "x", "")


@pytest.mark.parametrize(
    ("expected", "tolerance", "near", "far"),
    [
        ("100", "3 %", 102.9, 103.1),
        ("-100", "3 %", -97.1, -96.9),
        ("59", "1 point", 58.1, 60.1),
        ("9000", "exact", 9000.0, 9000.1),
        ("200 to 245", "within", 245.0, 199.0),
        ("311.8 or 320.4", "0.1 %", 320.2, 316.0),
        ("7", "at least", 7.0, 6.9),
        ("2.2", "at most", 2.2, 2.3),
        ("50", "above", 50.1, 50.0),
        ("25", "below", 24.9, 25.0),
    ],
)
def test_a_claim_holds_within_its_tolerance(
    expected: str, tolerance: str, near: float, far: float
) -> None:
    assert claim(expected, tolerance).holds(near)
    assert not claim(expected, tolerance).holds(far)


def test_a_tolerance_that_nobody_knows_is_refused() -> None:
    with pytest.raises(ScenarioError, match="'roughly'"):
        claim("1", "roughly").holds(1.0)


def test_every_claim_is_measured_and_every_figure_is_one() -> None:
    claims = read_claims()

    assert {one.claim for one in claims} == set(MEASURES)
    assert {one.figure for one in claims} <= {"", *FIGURES}
    assert len({one.key for one in claims}) == len(claims)


@pytest.mark.parametrize("name", ["C1", "C2", "C3", "C6", "C8", "C10", "C19"])
def test_a_cheap_claim_is_met(name: str) -> None:
    claims = [one for one in read_claims() if one.claim == name]

    rows = claim_rows(claims, simulated([name], Runs()))

    assert [row["subject"] for row in rows if not row["pass"]] == []


def test_a_point_decodes_its_batch_at_its_length() -> None:
    row = measured(Point("gpt-3-175b", 1, 1000))

    # Of a rank's eight requests each attends to 1000 tokens on average, on eight devices together.
    assert row["kv_bytes"] == 8 * 1000 * 4.5 * 2**20 / 8
    assert row["tokens_per_s_per_device"] == pytest.approx(1 / row["step_s"])


def test_as_many_requests_fit_as_the_memory_holds() -> None:
    # A device has 192 GiB less its eighth of the weights; 4.5 MiB a token are spread over eight.
    most = capacity(Point("gpt-3-175b", 1, 8192))

    each_bytes = 8192 * 4.5 * 2**20 / 8
    weights_bytes = 2 * (96 * 12 * 12288**2) / 8
    assert most == 4 * int((192 * 2**30 - weights_bytes) / each_bytes)


def test_latency_and_bandwidth_are_found_again() -> None:
    perfect = np.array([10.0, 50.0, 200.0])

    latency, efficiency = fitted(perfect, 5 + perfect / 0.8)

    assert latency == pytest.approx(5)
    assert efficiency == pytest.approx(0.8)


def test_no_link_is_fitted_to_be_faster_than_it_is() -> None:
    perfect = np.array([10.0, 50.0, 200.0])

    latency, efficiency = fitted(perfect, 5 + perfect / 1.5)

    assert efficiency == 1
    assert latency < 5


def test_elasticity_is_the_exponent_of_a_power() -> None:
    factors = [0.5, 0.8, 1.0, 1.25, 2.0]
    frame = pd.DataFrame(
        {"factor": factors, "tokens_per_s_per_device": [7 * one**0.3 for one in factors]}
    )

    found = with_elasticity(frame)

    assert found["elasticity"].tolist() == pytest.approx([0.3] * 5)
    assert found["over_base"].tolist() == pytest.approx([one**0.3 for one in factors])


@pytest.mark.parametrize(
    "name",
    [
        name
        if name in ("fig6", "fig11", "networks", "calibrated")
        else pytest.param(name, marks=pytest.mark.slow)
        for name in FIGURES
    ],
)
def test_a_figure_is_drawn_from_its_points(name: str, tmp_path: Path) -> None:
    frame = pd.read_csv(COMMITTED / f"{name}.csv")
    if "way" in frame:
        frame["way"] = frame["way"].fillna("")
    if "variants" in frame:
        frame["variants"] = [(one,) for one in frame["variants"]]

    DRAWINGS[name](tmp_path / name, frame, {one.key: one.expected for one in read_claims()})

    assert {file.suffix for file in tmp_path.iterdir()} == {".png", ".svg"}


def rows(simulated: float, passes: bool) -> list[dict[str, Any]]:
    return [
        claim("5", "1 %")._asdict() | {"simulated": simulated, "pass": passes},
    ]


def test_a_claim_that_fails_and_a_number_that_drifts_are_found(tmp_path: Path) -> None:
    save(Study(rows(5.0, True), {}), tmp_path, is_whole=True)

    assert faults(Study(rows(5.0, True), {}), tmp_path, is_whole=True) == []
    [drift] = faults(Study(rows(5.01, True), {}), tmp_path, is_whole=True)
    assert drift == "C0: nothing: 5.01, the summary has 5"
    [missing] = faults(Study([], {}), tmp_path, is_whole=True)
    assert missing == f"C0: nothing: is in {tmp_path / 'summary.csv'} and not simulated"
    [failure] = faults(Study(rows(5.0, False), {}), tmp_path, is_whole=True)
    assert failure == "C0: nothing: 5 x is not 5 (1 %)"


def test_a_figure_made_by_name_leaves_the_others_in_the_summary(tmp_path: Path) -> None:
    def found(name: str, simulated: float) -> Study:
        return Study([row | {"claim": name} for row in rows(simulated, True)], {name: frame})

    frame = pd.DataFrame({"devices": [32]})
    with pytest.MonkeyPatch.context() as patch:
        for name in ("networks", "calibrated"):
            patch.setitem(DRAWINGS, name, lambda file, frame, claims: None)
        save(Study(rows(1.0, True), {}), tmp_path, is_whole=True)
        save(found("networks", 2.0), tmp_path, is_whole=False)
        save(found("calibrated", 3.0), tmp_path, is_whole=False)
        save(found("networks", 4.0), tmp_path, is_whole=False)
        save(Study(rows(5.0, True), {}), tmp_path, is_whole=True)

    summary = pd.read_csv(tmp_path / "summary.csv")
    assert dict(zip(summary["claim"], summary["simulated"], strict=True)) == {
        "C0": 5.0,
        "calibrated": 3.0,
        "networks": 4.0,
    }
    assert len(summary) == 3


def test_what_is_made_by_its_name_only_keeps_its_rows_in_the_summary(tmp_path: Path) -> None:
    own = [{**rows(2.0, True)[0], "claim": "expert_scheduling"}]
    frame = pd.read_csv(COMMITTED / "expert_scheduling.csv")
    save(Study(rows(5.0, True), {}), tmp_path, is_whole=True)

    save(Study(own, {"expert_scheduling": frame}), tmp_path, is_whole=False)
    save(Study(rows(7.0, True), {}), tmp_path, is_whole=True)

    assert faults(Study(own, {}), tmp_path, is_whole=False) == []
    assert faults(Study(rows(7.0, True), {}), tmp_path, is_whole=True) == []


def test_one_figure_is_made_from_the_command_line(tmp_path: Path) -> None:
    outcome = moesim("reproduce", "fig3", "--out", str(tmp_path))

    assert outcome.status == 0, outcome.err
    assert {file.name for file in tmp_path.iterdir()} == {"fig3.csv", "fig3.png", "fig3.svg"}
    assert "deepseek-r1 reordered: decode core" in outcome.out


def test_the_committed_summary_is_what_is_simulated_today() -> None:
    outcome = moesim("reproduce", "fig3", "--check", "--out", str(COMMITTED))

    assert outcome.status == 0, outcome.err


def test_a_check_fails_on_a_summary_with_another_number(tmp_path: Path) -> None:
    text = (COMMITTED / "summary.csv").read_text(encoding="utf-8")
    line = next(one for one in text.splitlines() if "reordered: decode core,200" in one)
    number = line.split(",")[-2]
    (tmp_path / "summary.csv").write_text(text.replace(number, "236"), encoding="utf-8")

    outcome = moesim("reproduce", "fig3", "--check", "--out", str(tmp_path))

    assert outcome.status == 1
    assert "the summary has 236" in outcome.err


def test_a_check_fails_on_a_claim_that_is_not_met(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    missed = [one._replace(expected="300") for one in read_claims() if one.subject == "b200-sxm"]
    monkeypatch.setattr("sim.study.paper.reproduce.read_claims", lambda: missed)
    monkeypatch.setattr("sim.study.paper.reproduce.FIGURES", {})

    found = study()

    save(found, tmp_path, is_whole=True)
    assert faults(found, tmp_path, is_whole=True) == [
        "C1: b200-sxm: 281.25 Op/B is not 300 (0.1 %)"
    ]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["fig99"], "figure 'fig99' is not known; they are fig2"),
        (["fig3", "--check", "--out", "nowhere"], "nowhere/summary.csv: is not there"),
    ],
)
def test_wrong_words_give_a_line(words: list[str], said: str) -> None:
    outcome = moesim("reproduce", *words)

    assert outcome.status == 2
    assert said in outcome.err


def test_all_that_is_simulated_has_a_source() -> None:
    assert set_up()["source"]
