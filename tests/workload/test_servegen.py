import json
import math
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from sim.catalog.load import load_workload
from sim.errors import ScenarioError, ScenarioWarning
from sim.spec.workload import Workload
from sim.workload.requests import Request, arriving, requests
from sim.workload.traces.servegen import read_servegen

LENGTHS = {"input_tokens": "{100: 0.75, 300: 0.25}", "output_tokens": "{5: 1.0}"}
LATER = {"input_tokens": "{7: 1}", "output_tokens": "{9: 1}"}


def written(folder: Path, number: int, trace: str, dataset: Any) -> None:
    (folder / f"chunk-{number}-trace.csv").write_text(trace)
    (folder / f"chunk-{number}-dataset.json").write_text(json.dumps(dataset))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A client at 4 a second and then at 2, and one at 1 with another length."""
    written(tmp_path, 0, "0,4,1,Gamma,1,0.25\n600,2,2,Weibull,0.6,0.3\n", {"0": LENGTHS})
    written(tmp_path, 1, "0,1,,,,\n600,1,1,,,\n", {"0": LATER, "600": LATER})
    return tmp_path


def drawn(folder: Path, seed: int = 1, **keys: Any) -> list[Request]:
    return requests(Workload.model_validate({"servegen": str(folder), **keys}), seed)


def test_windows_have_the_laws_of_their_lines(folder: Path) -> None:
    first, second = read_servegen(folder).clients

    assert [(one.start_s, one.end_s, one.rate_per_s) for one in first.windows] == [
        (0.0, 600.0, 4.0),
        (600.0, 1200.0, 2.0),
    ]
    assert [one.gaps for one in first.windows] == [("gamma", 1.0), ("weibull", 0.6)]
    assert [one.gaps for one in second.windows] == [("gamma", 1.0), ("gamma", 1.0)]


def test_without_a_pattern_gaps_have_the_cv_of_the_line(folder: Path) -> None:
    written(folder, 0, "0,4,2,,,\n", {"0": LENGTHS})

    # A gamma distribution of shape k has a cv of 1 / sqrt(k).
    assert read_servegen(folder).clients[0].windows[0].gaps == ("gamma", 0.25)


def test_clients_send_what_their_windows_say(folder: Path) -> None:
    found = drawn(folder)

    prompts = Counter(one.prompt_tokens for one in found)
    early = sum((one.arrival_s or 0) < 600 for one in found)
    # 4 + 1 a second for 600 s; Poisson.
    assert early == pytest.approx(3000, abs=4 * math.sqrt(3000))
    assert prompts[7] == pytest.approx(1200, abs=4 * math.sqrt(1200))
    others = prompts[100] + prompts[300]
    assert prompts[300] / others == pytest.approx(0.25, abs=4 * math.sqrt(0.1875 / others))


def test_a_rate_is_that_of_all_clients_and_keeps_their_shares(folder: Path) -> None:
    found = drawn(folder, rate_per_s=1.0, window=(0.0, 600.0))

    assert len(found) == pytest.approx(600, abs=4 * math.sqrt(600))
    # A fifth of the 5 a second of this part.
    few = sum(one.prompt_tokens == 7 for one in found)
    assert few == pytest.approx(120, abs=4 * math.sqrt(120))


def test_a_window_starts_at_0_and_a_limit_counts_from_there(folder: Path) -> None:
    found = drawn(folder, window=(600.0, 700.0), limit=20)

    assert [one.number for one in found] == list(range(20))
    assert max(one.arrival_s or 0.0 for one in found) < 100


def test_lengths_are_those_of_the_last_window_that_had_any(folder: Path) -> None:
    nothing = {"input_tokens": "{}", "output_tokens": "{}"}
    written(folder, 0, "0,4,,,,\n600,2,,,,\n", {"0": LENGTHS, "300": LATER, "600": nothing})
    (folder / "chunk-1-trace.csv").unlink()

    found = drawn(folder)

    assert {one.prompt_tokens for one in found if (one.arrival_s or 0) < 300} == {100, 300}
    assert {one.prompt_tokens for one in found if (one.arrival_s or 0) >= 300} == {7}


def test_equal_seeds_give_equal_requests_and_others_do_not(folder: Path) -> None:
    assert drawn(folder) == drawn(folder)
    assert drawn(folder) != drawn(folder, seed=2)


def test_broken_lines_are_skipped_counted_and_warned_of(folder: Path) -> None:
    written(folder, 0, "0,4,1,Gamma,1,0.25\nx,1\n", {"0": LENGTHS})
    workload = Workload(servegen=str(folder), skip_bad=True, limit=5)

    with pytest.warns(ScenarioWarning, match="broken lines skipped: 1"):
        found = arriving(workload, seed=1)

    assert found.skipped_lines == 1


TRACE = "0,4,1,Gamma,1,0.25\n"


@pytest.mark.parametrize(
    ("trace", "dataset", "problem"),
    [
        (TRACE + "600,-1,,,,\n", {"0": LENGTHS}, "chunk-0-trace.csv:2: rate '-1'"),
        (TRACE + "600,nan,,,,\n", {"0": LENGTHS}, "chunk-0-trace.csv:2: rate 'nan'"),
        (TRACE + "0,1,,,,\n", {"0": LENGTHS}, "chunk-0-trace.csv:2: timestamp is not after"),
        (TRACE + "600,1,,Pareto,1,1\n", {"0": LENGTHS}, "chunk-0-trace.csv:2: pattern 'Pareto'"),
        (TRACE + "600,1,,Gamma,0,1\n", {"0": LENGTHS}, "chunk-0-trace.csv:2: arg1 '0' is the"),
        (TRACE + "\n", {"0": LENGTHS}, "chunk-0-trace.csv:2: 1 fields; write timestamp,rate"),
        (TRACE, [], "chunk-0-dataset.json: not a JSON object"),
        (TRACE, {}, "chunk-0-dataset.json: no window has lengths"),
        (TRACE, {"x": LENGTHS}, "chunk-0-dataset.json: the start of a window 'x'"),
        (TRACE, {"0": LENGTHS | {"input_tokens": "{1: 2"}}, "[0]: input_tokens: '{1: 2' is not"),
        (TRACE, {"0": LENGTHS | {"input_tokens": "open('x')"}}, "[0]: input_tokens: \"open('x')\""),
        (TRACE, {"0": LENGTHS | {"output_tokens": "{-1: 1}"}}, "[0]: output_tokens: length -1"),
        (TRACE, {"0": LENGTHS | {"output_tokens": "{1: -1}"}}, "[0]: output_tokens: probability"),
        (TRACE, {"0": LENGTHS | {"output_tokens": "{1: 0}"}}, "all probabilities are 0"),
        ("0,1e12,,,,\n", {"0": LENGTHS}, "about 6e+14 requests"),
        ("0,0,,,,\n", {"0": LENGTHS}, "no client sends from 0.0 s to 600.0 s"),
        ("", {"0": LENGTHS}, "no windows in any trace"),
    ],
)
def test_what_is_wrong_is_one_line_with_its_place(
    tmp_path: Path, trace: str, dataset: Any, problem: str
) -> None:
    written(tmp_path, 0, trace, dataset)

    with pytest.raises(ScenarioError) as caught:
        drawn(tmp_path)

    assert problem in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_folder_of_something_else_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ScenarioError, match=r"no file chunk-0-trace\.csv; give a folder"):
        drawn(tmp_path)


def test_a_data_set_that_is_missing_is_named(folder: Path) -> None:
    (folder / "chunk-1-dataset.json").unlink()

    with pytest.raises(ScenarioError, match=r"chunk-1-dataset\.json: no such file"):
        drawn(folder)


def test_the_shipped_folder_is_at_the_rate_that_its_workload_asks_for() -> None:
    found = requests(load_workload({"base": "servegen-small", "limit": 10_000}), seed=1)

    # The heavy client's gaps have a cv of 2, so four times the variance of Poisson's at most.
    assert len(found) == pytest.approx(3600, abs=4 * 2 * math.sqrt(3600))
