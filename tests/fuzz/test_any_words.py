"""Whatever is typed, a command does it, or refuses it with status 2 and a line that says why."""

from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from tests.cli.commands import moesim

FEW, MANY = 12, 2_000
SCENARIO, MODEL = "chat-llama-70b", "llama-3.1-8b"
GOOD = [
    ["run", SCENARIO, "--dry-run", "--set", "seed=2", "--json"],
    ["compare", SCENARIO, "--vary", "seed=2,x", "--set", "max_requests=1", "--out", "out"],
    ["trace", "t.csv", "--trace-format", "moesim", "--skip-bad", "--json"],
    ["show", "models/mixtral-8x7b"],
    ["list", "devices"],
    ["roofline", MODEL, "--device", "h100", "--batch", "4", "--length", "99", "--tp", "2"],
    ["roofline", MODEL, "--device", "h100", "--batch", "4", "--length", "99", "--mla", "auto"],
    ["kernel", "h100", "gemm", "m=64", "n=4096", "k=4096", "dtype=fp8"],
    ["kernel", "h100", "all_reduce", "bytes=1024", "ranks=8"],
    ["kernel", "h200_sxm", "mla_decode", "batch=64", "kv_tokens=4096", "heads=128", "kv_rank=512"],
    ["schema", "engine"],
    ["new", "-", "--model", MODEL, "--topology", "single", "--workload", "chat"],
]
ODD = [
    *(
        "",
        "-",
        "--",
        "x",
        "-1",
        "0",
        "1e9",
        "9" * 30,
        "9" * 5000,
        "nan",
        "1.5",
        "-x",
        "--nope",
        "/",
    ),
    *(
        "seed",
        "=",
        "=1",
        "seed=",
        "seed=x",
        "seed=[",
        "a.b.c=1",
        "model.layers=10000000",
        "é" * 300,
    ),
    *("a\nb", "\u2028", "\ud800", "./", "..", "/dev/null", "t.csv", "none.yaml", "~nobody/x.yaml"),
    *("models/x", "x/y/z", "*", "m=", "m=-1", "m=0", "m=1,2", "dtype=fp7", "bytes=1e400", "tp=3"),
    *("--json", "--set", "--out", "--dry-run", "--format", "csv", "--vary", "--help=1", "fp8"),
    *("topology=single", "engine.max_sequences=1000000000000", "seed=9,", "seed=1,1", "a=1,2"),
]


@pytest.fixture(autouse=True)
def _folder_with_a_trace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SIM_PATH", raising=False)
    Path("t.csv").write_text("arrival_s,prompt_tokens,output_tokens\n0,1,1\n")


def lines_of_words(count: int) -> Iterator[list[str]]:
    """Good commands with words gone, replaced, doubled or added."""
    for number in range(count):
        random = Random(f"words {number}")
        words = list(random.choice(GOOD))
        for _ in range(random.choice([1, 1, 2])):
            at = random.randrange(1, len(words) + 1)
            new = [random.choice(ODD)] if random.random() < 0.8 else []
            end = at + (random.random() < 0.7)
            words[at:end] = new
        yield words


def assert_done_or_refused(words: list[str]) -> None:
    outcome = moesim(*words)

    assert outcome.status in (0, 2), (words, outcome)
    if outcome.status == 2:
        assert not outcome.out, words
        assert outcome.err, words
    lines = outcome.err.splitlines()
    assert all(line.isprintable() and len(line) < 1500 for line in lines), words
    assert all(line.startswith(("moesim: ", "the ", "frames ")) for line in lines), words


def test_any_words_are_done_or_refused() -> None:
    for words in lines_of_words(FEW):
        assert_done_or_refused(words)


@pytest.mark.slow
def test_any_of_many_words_are_done_or_refused() -> None:
    for words in lines_of_words(MANY):
        assert_done_or_refused(words)


@pytest.mark.parametrize("words", GOOD, ids=" ".join)
def test_the_words_themselves_are_well_formed(words: list[str]) -> None:
    assert "--help" not in moesim(*words).err
