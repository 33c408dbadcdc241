"""aiperf itself plots what was exported; it is installed where nothing else is.

Skipped, with pip's words, where it cannot be installed. aiperf draws through a browser, which
need not be there: the kaleido of before 1.0 brings its own.
"""

import json
import os
import subprocess
import sys
import venv
from pathlib import Path
from typing import Any

import pytest

from sim.report.exports.aiperf import write_aiperf
from tests.report.exports.runs import cut_run, run

pytestmark = pytest.mark.slow

INSTALLS = (("aiperf==0.13.0",), ("--no-deps", "kaleido==0.2.1"))

LOADED = """
import json, sys
from pathlib import Path
from aiperf.plot.core.data_loader import DataLoader
run = DataLoader().load_run(Path(sys.argv[1]))
found = {
    "requests": len(run.requests),
    "ttft": run.requests["time_to_first_token"].dropna().tolist(),
    "errors": int(run.requests["error"].notna().sum()),
    "model": run.metadata.model,
    "concurrency": run.metadata.concurrency,
    "was_cancelled": run.metadata.was_cancelled,
    "p90": run.get_metric("inter_token_latency")["p90"],
}
Path(sys.argv[2]).write_text(json.dumps(found))
"""


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the programs of an environment with aiperf."""
    folder = tmp_path_factory.mktemp("aiperf-environment")
    venv.create(folder, with_pip=True)
    programs = folder / ("Scripts" if sys.platform == "win32" else "bin")
    for words in INSTALLS:
        command = [programs / "python", "-m", "pip", "install", "--quiet", *words]
        finished = subprocess.run(command, capture_output=True, text=True, check=False)
        if finished.returncode:
            why = (finished.stderr.strip().splitlines() or ["no message"])[-1]
            pytest.skip(f"pip cannot install {words[-1]} here: {why}")
    return programs


def called(*words: str | Path, home: Path) -> str:
    """What a program prints; its settings are kept out of the user's home."""
    settings = os.environ | {"HOME": str(home), "USERPROFILE": str(home)}
    finished = subprocess.run(
        [str(word) for word in words],
        capture_output=True,
        text=True,
        cwd=home,
        env=settings,
        check=False,
    )
    assert finished.returncode == 0, finished.stdout + finished.stderr
    return finished.stdout + finished.stderr


def plots(environment: Path, folder: Path, home: Path) -> set[str]:
    """The names of the pictures that aiperf draws; each is one."""
    printed = called(environment / "aiperf", "plot", folder, "--output", home / "plots", home=home)
    drawn = list((home / "plots").glob("*.png"))
    for path in drawn:
        assert path.read_bytes().startswith(b"\x89PNG\r\n\x1a\n"), path
        assert path.stat().st_size > 10_000, path
    assert f"Saved {len(drawn)} plots" in printed
    return {path.stem for path in drawn}


def loaded(environment: Path, folder: Path, home: Path) -> dict[str, Any]:
    """What aiperf's own reader finds."""
    result = home / "loaded.json"
    called(environment / "python", "-c", LOADED, folder, result, home=home)
    found: dict[str, Any] = json.loads(result.read_text(encoding="utf-8"))
    return found


def test_aiperf_plots_one_run(environment: Path, tmp_path: Path) -> None:
    write_aiperf(run(), tmp_path / "run")

    # Its other plots are of samples of the hardware, or of slices of time.
    assert plots(environment, tmp_path / "run", tmp_path) >= {"ttft_over_time", "ttft_timeline"}


def test_aiperf_plots_several_runs(environment: Path, tmp_path: Path) -> None:
    (tmp_path / "runs").mkdir()
    for concurrency in (1, 2, 4, 8):
        exported = run(concurrency=concurrency)
        write_aiperf(exported, tmp_path / "runs" / f"concurrency-{concurrency}")

    assert plots(environment, tmp_path / "runs", tmp_path) >= {
        "pareto_curve_throughput_per_gpu_vs_latency",
        "pareto_curve_throughput_per_gpu_vs_interactivity",
        "ttft_vs_throughput",
        "latency_throughput_uncertainty",
    }


def test_aiperf_reads_every_request(environment: Path, tmp_path: Path) -> None:
    write_aiperf(run(concurrency=4), tmp_path / "run")

    found = loaded(environment, tmp_path / "run", tmp_path)

    summary, requests = run(concurrency=4).summary(), run(concurrency=4).requests
    ttft_ms = (requests["ttft_s"][requests["status"] == "finished"] * 1000).tolist()
    assert found["requests"] == summary["num_prompts"] == 30
    assert found["ttft"] == pytest.approx(ttft_ms)
    assert found["errors"] == summary["failed"] > 0
    assert found["concurrency"] == 4
    assert found["model"] == summary["model_id"]
    assert found["p90"] == pytest.approx(summary["p90_tpot_ms"])


def test_aiperf_sees_that_a_run_was_cut_off(environment: Path, tmp_path: Path) -> None:
    write_aiperf(cut_run(), tmp_path / "run")

    assert loaded(environment, tmp_path / "run", tmp_path)["was_cancelled"]
