"""Whatever is wrong with the input: one line that says where, what, and what would do."""

from pathlib import Path
from typing import NamedTuple

import pytest

from tests.cli.commands import moesim
from tests.cli.scenarios import SMALL, written

HEADER = "arrival_s,prompt_tokens,output_tokens\n"


class Bad(NamedTuple):
    """A way to spoil the small scenario, and what the message must say."""

    old: str
    new: str
    says: tuple[str, ...]
    trace: str | None = None


OF_TRACE = SMALL[SMALL.index("workload:") : SMALL.index("slo:")]
PARTED = """\
topology:
  base: dgx-h200
  links:
    - {between: [gpu, nic], pattern: index, kind: x, bytes_per_s: 1 GB/s, latency_s: 0 s}
"""

ROOFLINE = ("roofline", "llama-3.1-8b", "--device", "h100", "--batch", "1", "--length", "9")

BAD = {
    "unknown key": Bad(
        "max_sequences", "max_sequence", ("small.yaml:6", "max_sequence", "did you mean")
    ),
    "wrong unit": Bad("10 /s", "10 GB", ("small.yaml:9", "rate", "'GB'", "write for example")),
    "no unit": Bad("ttft: 1 s", "ttft: 1", ("small.yaml:12", "ttft", "1", "write for example")),
    "negative": Bad("10 /s", "-10 /s", ("small.yaml:9", "rate", "-10", "above 0")),
    "nan": Bad("10 /s", ".nan", ("small.yaml:9", "rate", "nan", "write for example")),
    "whole number": Bad(
        "requests: 5", "requests: 5.5", ("small.yaml:8", "requests", "5.5", "whole")
    ),
    "key twice": Bad(
        "slo:", "model: gpt-3-175b\nslo:", ("small.yaml:12", "model", "twice", "keep")
    ),
    "unknown name": Bad(
        "llama-3.1-8b", "llama-3.1-8", ("small.yaml:1", "model", "'llama-3.1-8'", "did you mean")
    ),
    "impossible parallelism": Bad(
        "tp: 2", "tp: 3", ("small.yaml", "attention.tp", "3", "choose a divisor")
    ),
    "too few devices": Bad(
        "tp: 2", "tp: 16", ("small.yaml", "deployment.pools.0", "16 devices", "change")
    ),
    "does not fit": Bad(
        "model: llama-3.1-8b",
        "model: deepseek-r1",
        ("small.yaml", "deepseek-r1", "does not fit", "use more devices"),
    ),
    "unreachable device": Bad(
        "topology: dgx-h200\n",
        PARTED,
        ("small.yaml", "no way from", "box0/gpu", "join their groups"),
    ),
    "no trace": Bad(
        OF_TRACE,
        "workload: {trace: none.csv}\n",
        ("small.yaml:7", "trace", "'none.csv'", "give the path"),
    ),
    "empty trace": Bad(OF_TRACE, "workload: {trace: t.csv}\n", ("t.csv", "request"), HEADER),
    "broken trace line": Bad(
        OF_TRACE,
        "workload: {trace: t.csv}\n",
        ("t.csv:3", "prompt_tokens", "'many'"),
        HEADER + "0,5,5\n1,many,5\n",
    ),
    "not yaml": Bad("{ttft: 1 s}", "{ttft: 1 s", ("small.yaml:1", "mend the YAML")),
}


@pytest.mark.parametrize("kind", BAD)
def test_bad_input_is_one_line_that_names_file_key_value_and_remedy(
    kind: str, tmp_path: Path
) -> None:
    bad = BAD[kind]
    assert bad.old in SMALL
    if bad.trace is not None:
        written(tmp_path, bad.trace, "t.csv")
    path = written(tmp_path, SMALL.replace(bad.old, bad.new))

    outcome = moesim("run", path, "--out", str(tmp_path / "out"))

    assert outcome.status == 2
    assert not outcome.out
    (line,) = outcome.err.splitlines()
    assert line.startswith("moesim: ")
    assert all(part in line for part in bad.says), line
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_dir()) == []


def test_a_name_that_refers_to_itself_is_refused_by_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "models").mkdir()
    written(tmp_path / "models", "base: other\n", "mine.yaml")
    written(tmp_path / "models", "base: mine\n", "other.yaml")
    path = written(tmp_path, SMALL.replace("llama-3.1-8b", "mine"))

    outcome = moesim("run", path, "--out", "out")

    assert outcome.status == 2
    (line,) = outcome.err.splitlines()
    assert "small.yaml:1: model:" in line
    assert "refers to itself" in line
    assert not (tmp_path / "out").exists()


def test_every_problem_of_a_file_is_a_line(tmp_path: Path) -> None:
    path = written(tmp_path, SMALL.replace("max_sequences", "max").replace("ttft", "ttfft"))

    outcome = moesim("run", path)

    assert outcome.status == 2
    assert [line.split(":")[0] for line in outcome.err.splitlines()] == ["moesim", "moesim"]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("run", "nope"), ("'nope'", "known: ")),
        (("run", "chat-llama-70b", "--set", "seed"), ("--set seed", "write for example")),
        (("run", "chat-llama-70b", "--set", "sed=1"), ("sed=1", "did you mean 'seed'")),
        (("compare", "chat-llama-70b", "--vary", "topology"), ("'topology'", "write for example")),
        (("compare", "chat-llama-70b", "--vary", "seed=1,1"), ("seed=1,1", "give each once")),
        (("list", "modles"), ("'modles'", "did you mean 'models'")),
        (("show", "deepseek-r11"), ("'deepseek-r11'", "did you mean 'deepseek-r1'")),
        (("show", "models/h100-sxm"), ("'models/h100-sxm'", "known: ")),
        (("kernel", "h100-sxm", "gem", "m=1"), ("'gem'", "gemm, gqa_decode")),
        (("kernel", "h100-sxm", "gemm", "m=1", "q=2"), ("q: unknown", "m, n, k, dtype")),
        (("kernel", "h100-sxm", "gemm", "m=1", "n=2"), ("k, dtype: missing", "m, n, k, dtype")),
        (("kernel", "h100-sxm", "gemm", "m"), ("'m'", "KEY=VALUE")),
        (("run",), ("Missing argument", "see 'moesim run --help'")),
        (("run", "chat-llama-70b", "--nope"), ("--nope", "see 'moesim run --help'")),
        (("run", "chat-llama-70b", "--dry-run", "--out", "x"), ("a dry run writes nothing",)),
        (("run", "chat-llama-70b", "--format", "txt"), ("'txt'", "see 'moesim run --help'")),
        (("roofline", "x", "--batch", "many"), ("'--batch'", "see 'moesim roofline --help'")),
        (("show", "9" * 5000), ("is not in the catalog",)),
        (("show", "a", "9" * 5000), ("...; see 'moesim show --help'",)),
        (("schema", "modell"), ("'modell'", "did you mean 'models'")),
        (("new", "--model", "qwen"), ("model: 'qwen'", "none of the models")),
        (("kernel", "h100-sx", "gemm", "m=1"), ("'h100-sx'", "did you mean")),
        (
            (*ROOFLINE, "--batch", "0"),
            ("batch: 0", "at least 1"),
        ),
        (
            (*ROOFLINE, "--tp", "3"),
            ("tp: 3", "32 heads"),
        ),
    ],
)
def test_bad_words_are_one_line_that_says_what_would_do(
    words: tuple[str, ...], says: tuple[str, ...]
) -> None:
    outcome = moesim(*words)

    assert outcome.status == 2
    assert not outcome.out
    (line,) = outcome.err.splitlines()
    assert all(part in line for part in says), line


def test_a_broken_law_asks_for_a_report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import sim.report.run_files
    from sim.errors import SimulationError
    from sim.spec.scenario import Scenario

    def broken(scenario: Scenario) -> None:
        raise SimulationError("3 requests were submitted and 2 recorded")

    monkeypatch.setattr(sim.report.run_files, "simulate", broken)

    outcome = moesim("run", written(tmp_path))

    assert outcome.status == 1
    (line,) = outcome.err.splitlines()
    assert "3 requests were submitted and 2 recorded" in line
    assert "report" in line
