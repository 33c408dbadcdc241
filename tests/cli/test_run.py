import json
from pathlib import Path

import pandas as pd
import pytest

import sim
from sim.cli import main
from sim.record.run_folder import read_run
from tests.cli.commands import moesim
from tests.cli.scenarios import SMALL, written


def test_a_run_says_what_came_out_and_what_limits_it(tmp_path: Path) -> None:
    outcome = moesim("run", written(tmp_path))

    assert outcome.status == 0
    assert not outcome.err
    for words in ("llama-3.1-8b on dgx-h200", "completed", "TTFT", "attention", "box0/gpu0>box0"):
        assert words in outcome.out or words.lower() in outcome.out


def test_json_is_the_summary_of_the_same_run(tmp_path: Path) -> None:
    path = written(tmp_path)

    outcome = moesim("run", path, "--json")

    assert json.loads(outcome.out) == sim.simulate(sim.load_scenario(path)).summary()


def test_settings_change_the_scenario(tmp_path: Path) -> None:
    outcome = moesim("run", written(tmp_path), "--json", "--set", "workload.requests=3")

    assert json.loads(outcome.out)["completed"] == 3


def test_the_folder_has_every_frame_the_summary_and_the_scenario(tmp_path: Path) -> None:
    path, out = written(tmp_path), tmp_path / "out"

    outcome = moesim("run", path, "--out", str(out))

    saved = read_run(out)
    run = sim.simulate(sim.load_scenario(path))
    assert str(out) in outcome.err
    assert saved.summary == run.summary()
    assert saved.manifest["versions"]["moesim"] == sim.__version__
    assert saved.manifest["trace_sha256"] is None
    frames = "requests steps links link_users devices experts transfers movements"
    for name in frames.split():
        pd.testing.assert_frame_equal(saved.frames[name], getattr(run, name))


def test_the_manifests_scenario_gives_the_same_run_again(tmp_path: Path) -> None:
    out = tmp_path / "out"
    moesim("run", written(tmp_path), "--out", str(out), "--format", "csv")
    saved = read_run(out)

    again = sim.simulate(sim.load_scenario(saved.manifest["scenario"]))

    assert again.summary() == saved.summary
    assert (out / "requests.csv").is_file()


def test_the_manifest_knows_its_trace(tmp_path: Path) -> None:
    trace = "arrival_s,prompt_tokens,output_tokens\n0,5,5\n"
    written(tmp_path, trace, "t.csv")
    workload = SMALL[SMALL.index("workload:") : SMALL.index("slo:")]
    path = written(tmp_path, SMALL.replace(workload, "workload: {trace: t.csv}\n"))

    moesim("run", path, "--out", str(tmp_path / "out"))

    # sha256sum of these 44 bytes.
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["trace_sha256"] == (
        "5921a2fe61576aad854d4bcf9fd943a52d6836c6aa815dff9bbd74aed58c4a02"
    )


def test_a_folder_that_is_there_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()

    outcome = moesim("run", written(tmp_path), "--out", str(tmp_path / "out"))

    assert outcome.status == 2
    assert "exists already" in outcome.err
    assert not list((tmp_path / "out").iterdir())


@pytest.mark.parametrize("words", [("run",), ("compare", "--vary", "seed=1,2")])
def test_a_format_of_no_tables_is_refused(words: tuple[str, ...], tmp_path: Path) -> None:
    command, *options = words

    outcome = moesim(command, written(tmp_path), *options, "--format", "csv")

    assert outcome.status == 2
    assert "--out" in outcome.err


def test_a_dry_run_shows_memory_and_prices_and_simulates_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sim.report.run_files.simulate", None)

    outcome = moesim("run", written(tmp_path), "--dry-run")

    assert outcome.status == 0
    for words in ("Memory of each device", "weights", "box0/gpu1", "decode: 5 sequences a rank"):
        assert words in outcome.out
    for words in (
        "prefill: one prompt a rank, 64 tokens",
        "decode core",
        "prefill core",
        "memory",
        "network",
    ):
        assert words in outcome.out


def test_ctrl_c_says_where_the_rest_is(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("sim.study.ready.ready_scenario", interrupted)

    status = main(["run", "chat-llama-70b"])

    assert status == 130
    assert ".partial" in capsys.readouterr().err


def _with_a_broken_line(folder: Path) -> str:
    trace = "arrival_s,prompt_tokens,output_tokens\n0,5,5\n1,x,5\n2,5,5\n"
    written(folder, trace, "t.csv")
    workload = SMALL[SMALL.index("workload:") : SMALL.index("slo:")]
    return written(folder, SMALL.replace(workload, "workload: t.csv\n"))


def test_broken_lines_are_refused_or_skipped_and_told(tmp_path: Path) -> None:
    path = _with_a_broken_line(tmp_path)

    refused = moesim("run", path)
    skipped = moesim("run", path, "--skip-bad", "--trace-format", "moesim", "--json")

    assert refused.status == 2
    assert "t.csv:3: prompt_tokens 'x'" in refused.err
    assert skipped.err == f"moesim: warning: {tmp_path / 't.csv'}: broken lines skipped: 1\n"
    summary = json.loads(skipped.out)
    assert (summary["completed"], summary["sim_skipped_lines"]) == (2, 1)


def test_a_comparison_skips_broken_lines_whatever_is_varied(tmp_path: Path) -> None:
    path = _with_a_broken_line(tmp_path)
    written(tmp_path, "arrival_s,prompt_tokens,output_tokens\n0,5,5\n", "u.csv")

    outcome = moesim("compare", path, "--skip-bad", "--vary", "workload=t.csv,u.csv")

    assert outcome.status == 0
    assert outcome.err.count("broken lines skipped: 1") == 1


def test_a_request_too_many_waits_for_an_answer(tmp_path: Path) -> None:
    path = written(tmp_path, SMALL.replace("kind: fixed, rate: 10 /s", "kind: vllm"))
    bound = "workload.arrivals={kind: vllm, request_rate: 1000 /s, max_concurrency: 1}"

    free, bounded = (
        json.loads(moesim("run", path, "--json", *more).out) for more in ((), ("--set", bound))
    )

    assert free["max_concurrent_requests"] == 5
    assert (bounded["completed"], bounded["max_concurrency"]) == (5, 1)
    # One after another: the run lasts as long as all answers together, but for the first's arrival.
    assert bounded["duration"] == pytest.approx(5 * bounded["mean_e2el_ms"] / 1000, abs=0.005)


def test_links_are_explained_in_place_of_the_summary(tmp_path: Path) -> None:
    path = written(tmp_path)

    shown, as_json = (moesim("run", path, "--explain", "links", *more) for more in ([], ["--json"]))

    assert "busiest links" in shown.out
    assert "TTFT" not in shown.out
    ((title, rows),) = json.loads(as_json.out).items()
    assert title in shown.out
    assert rows[0]["link"] in shown.out


def test_what_has_no_links_to_explain_is_refused(tmp_path: Path) -> None:
    for more in (["--dry-run"], ["--seeds", "2"], ["--kernel-errors"]):
        outcome = moesim("run", written(tmp_path), "--explain", "links", *more)

        assert outcome.status == 2
        assert "--explain" in outcome.err
