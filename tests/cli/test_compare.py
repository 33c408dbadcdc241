import json
from pathlib import Path

import pandas as pd
import pytest

from tests.cli.commands import moesim
from tests.cli.scenarios import written


def test_every_combination_is_a_row_with_ratios_to_the_first(tmp_path: Path) -> None:
    vary = ("--vary", "topology=dgx-h200,pcie-gen5-8-h200", "--vary", "engine.max_sequences=1,8")

    rows = json.loads(moesim("compare", written(tmp_path), *vary, "--json").out)

    assert [(row["topology"], row["engine.max_sequences"]) for row in rows] == [
        ("dgx-h200", "1"),
        ("dgx-h200", "8"),
        ("pcie-gen5-8-h200", "1"),
        ("pcie-gen5-8-h200", "8"),
    ]
    first = rows[0]
    for row in rows:
        throughput = row["output_throughput"] / first["output_throughput"]
        assert row["sim_throughput_ratio"] == throughput
        assert row["sim_p50_tpot_ratio"] == row["p50_tpot_ms"] / first["p50_tpot_ms"]
    assert rows[2]["sim_communication_share"] > rows[0]["sim_communication_share"]


def test_the_table_names_the_variants_and_the_fullest_link(tmp_path: Path) -> None:
    outcome = moesim("compare", written(tmp_path), "--vary", "topology=dgx-h200,pcie-gen5-8-h200")

    assert outcome.status == 0
    for words in ("pcie-gen5-8-h200", "p99 TTFT", "fullest link", "box0/gpu0>box0/nvswitch0"):
        assert words in outcome.out


def test_each_variant_has_its_folder_and_all_have_a_summary(tmp_path: Path) -> None:
    out = tmp_path / "out"

    outcome = moesim(
        "compare", written(tmp_path), "--vary", "seed=1,2", "--out", str(out), "--format", "csv"
    )

    assert outcome.status == 0, outcome.err
    assert sorted(path.name for path in out.iterdir()) == ["1", "2", "summary.csv"]
    assert (out / "2" / "requests.csv").is_file()
    assert pd.read_csv(out / "summary.csv")["seed"].tolist() == [1, 2]


@pytest.mark.parametrize("values", ["1,nonsense", "1,3", "1,16"])
def test_a_variant_that_is_impossible_is_found_before_any_runs(
    values: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sim.report.run_files.simulate", None)
    key = "deployment.pools.0.attention.tp"

    outcome = moesim(
        "compare", written(tmp_path), "--vary", f"{key}={values}", "--out", str(tmp_path / "out")
    )

    assert outcome.status == 2
    (line,) = outcome.err.splitlines()
    assert key in line
    assert not (tmp_path / "out").exists()


def test_the_speed_that_would_end_the_bottleneck_is_found_by_running(tmp_path: Path) -> None:
    scenario = written(tmp_path)
    vary = ("--vary", "topology=dgx-h200,pcie-gen5-8-h200")

    rows = json.loads(moesim("compare", scenario, *vary, "--until-not-network-bound", "--json").out)
    table = moesim("compare", scenario, *vary, "--until-not-network-bound").out

    assert "communication is 10 % of the steps" in table
    for row in rows:
        ratio = row["sim_enough_speed_ratio"]
        if ratio is None:
            assert "no speed is enough" in table
            assert row["sim_enough_communication_share"] > 0.1
        else:
            assert row["sim_enough_communication_share"] <= 0.102
            assert row["sim_enough_bytes_per_s"] == row["sim_fullest_link_bytes_per_s"] * ratio
