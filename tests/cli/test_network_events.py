"""Links that fail, as the command line tells it."""

import json
from pathlib import Path

import pytest

from tests.cli.commands import moesim
from tests.cli.scenarios import written

CUT = "links=[{kind: fail, link: box0/gpu1, at: 50 ms}]"


def test_a_device_out_of_reach_is_one_line_and_no_error(tmp_path: Path) -> None:
    outcome = moesim("run", written(tmp_path), "--json", "--set", CUT)

    assert outcome.status == 0
    assert outcome.err.splitlines() == [
        "moesim: box0/gpu1 out of reach from 0.05 s on, with box0/gpu1 failed: "
        "replica 0 of pool main stands still"
    ]
    summary = json.loads(outcome.out)
    assert summary["sim_unfinished"] > 0
    assert summary["sim_stops"]["main 0"][0]["links"] == ["box0/gpu1"]


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("links=[{kind: fail, link: box0/gpu13, at: 1 s}]", "did you mean 'box0/gpu3'?"),
        ("links=[{kind: fail, link: box0/gpu3, at: 1}]", "1 is not a number and a unit"),
        ("links=[{kind: fial, link: box0/gpu3, at: 1 s}]", "'fial' is not one of"),
        ("links=[{kind: fail, link: box0/gpu3, at: 1 s, until: 1 s}]", "1 s is not after at = 1 s"),
        (
            "movements=[{name: w, from_devices: [box1], to_devices: [0], bytes: 1 GB}]",
            "movements.0.from_devices: 'box1' is no device or box; did you mean 'box0'?",
        ),
        (
            "movements=[{name: w, from_devices: [0], to_devices: [0], bytes: 1 GB}]",
            "box0/gpu0 sends to itself",
        ),
    ],
)
def test_wrong_names_and_times_are_one_line(tmp_path: Path, setting: str, said: str) -> None:
    outcome = moesim("run", written(tmp_path), "--set", setting)

    assert outcome.status == 2
    assert said in outcome.err
    assert len(outcome.err.splitlines()) == 1


@pytest.mark.parametrize(
    ("command", "options", "runs"),
    [
        ("run", ["--seeds", "2"], ["seed 1", "seed 2"]),
        ("compare", ["--vary", "seed=1,2"], ["seed=1", "seed=2"]),
    ],
)
def test_of_several_runs_each_says_who_stood_still(
    tmp_path: Path, command: str, options: list[str], runs: list[str]
) -> None:
    outcome = moesim(command, written(tmp_path), *options, "--json", "--set", CUT)

    said = [line for line in outcome.err.splitlines() if "stands still" in line]
    assert [line.split(": ")[1] for line in said] == runs


def test_movements_are_a_table_of_the_run(tmp_path: Path) -> None:
    moved = "[{name: weights, from_devices: [0], to_devices: [1], bytes: 1 MB, at: 1 ms}]"

    outcome = moesim("run", written(tmp_path), "--set", f"movements={moved}")

    row = next(line.split() for line in outcome.out.splitlines() if " weights " in line)
    assert row[:3] == ["weights", "1", "1"]
    # The means of how long each took, and alone: with units.
    assert len(row) == 7
