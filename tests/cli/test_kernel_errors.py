import json

import pytest

from tests.cli.commands import moesim

MEASURED = (
    *("run", "chat-llama-70b", "--kernel-errors", "--set", "topology=dgx-h100"),
    *("--set", "workload.limit=4", "--set", "engine.profile=measured"),
)


def test_three_runs_are_laid_beside_one_another() -> None:
    shown = moesim(*MEASURED)

    assert (shown.status, shown.err) == (0, "")
    assert "as priced" in shown.out
    assert "all slower" in shown.out


def test_json_has_a_dict_for_each_run() -> None:
    found = json.loads(moesim(*MEASURED, "--json").out)

    assert list(found) == ["as_priced", "all_faster", "all_slower"]
    assert found["all_faster"]["mean_e2el_ms"] < found["all_slower"]["mean_e2el_ms"]


@pytest.mark.parametrize(
    "words", [("--seeds", "3"), ("--out", "x"), ("--dry-run",), ("--export", "vllm=x")]
)
def test_it_goes_with_nothing_that_is_of_one_run(words: tuple[str, ...]) -> None:
    refused = moesim(*MEASURED, *words)

    assert refused.status == 2
    assert refused.out == ""
    assert refused.err.count("\n") == 1
    assert "--kernel-errors" in refused.err or "dry run" in refused.err
