import json
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sim.report.exports.aiperf import UNITS, record, statistics, write_aiperf
from sim.report.exports.answers import Answer
from sim.simulation import Run, simulate
from sim.workload.traces.read import read_trace
from tests.report.exports.runs import cut_run, run

START_NS = 946_684_800_000_000_000
"""`date -u -d 2000-01-01 +%s`, in nanoseconds."""


class Written:
    """What stands in an export."""

    def __init__(self, exported: Run, folder: Path) -> None:
        folder.mkdir(exist_ok=True)
        write_aiperf(exported, folder / "run")
        text = (folder / "run" / "profile_export_aiperf.json").read_text(encoding="utf-8")
        lines = (folder / "run" / "profile_export.jsonl").read_text(encoding="utf-8").splitlines()
        self.summary: dict[str, Any] = json.loads(text)
        self.records: list[dict[str, Any]] = [json.loads(line) for line in lines]

    def values(self, tag: str) -> list[Any]:
        """Of the requests that have it."""
        return [one["metrics"][tag]["value"] for one in self.records if tag in one["metrics"]]


def answer(*token_at_s: float, problem: str = "") -> Answer:
    """A request of 100 tokens, sent after 1 s."""
    end_s = token_at_s[-1] if token_at_s else 1.0
    return Answer(7, 1.0, 0.25, 100, np.array(token_at_s), end_s, problem)


def test_a_request_by_hand() -> None:
    # Tokens after 0.5, 0.75, 1.5 and 2 s: gaps of 250, 750 and 500 ms, 500 ms on average.
    line = record(answer(1.5, 1.75, 2.5, 3.0))

    assert {tag: one["value"] for tag, one in line["metrics"].items()} == {
        "request_latency": 2000.0,
        "time_to_first_token": 500.0,
        "time_to_second_token": 250.0,
        "inter_token_latency": 500.0,
        "inter_chunk_latency": [250.0, 750.0, 500.0],
        "output_token_throughput_per_user": 2.0,
        "output_sequence_length": 4,
        "input_sequence_length": 100,
    }
    assert line["metadata"]["request_start_ns"] == START_NS + 1_000_000_000
    assert line["metadata"]["request_end_ns"] == START_NS + 3_000_000_000
    assert (line["metadata"]["x_correlation_id"], line["metadata"]["turn_index"]) == (
        "request-7",
        0,
    )
    assert line["error"] is None


def test_an_answer_of_one_token_has_nothing_of_later_ones() -> None:
    line = record(answer(1.5))

    assert set(line["metrics"]) == {
        "request_latency",
        "time_to_first_token",
        "output_sequence_length",
        "input_sequence_length",
    }


@pytest.mark.parametrize("problem", ["rejected", "failed: kv", "unfinished"])
def test_a_request_that_did_not_finish_is_an_error(problem: str) -> None:
    line = record(answer(problem=problem))

    assert line["error"]["message"] == problem
    assert line["metadata"]["was_cancelled"] == (problem == "unfinished")
    assert set(line["metrics"]) == {"error_isl"}


def test_statistics_by_hand() -> None:
    # Of 1, 2, 3, 4 and 10: the deviation is the root of (9 + 4 + 1 + 0 + 36) / 5.
    found = statistics([[1.0, 10.0], [2.0], [3.0, 4.0]])

    expected = {"avg": 4.0, "min": 1.0, "max": 10.0, "count": 5, "sum": 20.0, "p25": 2.0}
    assert {name: found[name] for name in expected} == expected
    assert found["std"] == pytest.approx(10**0.5)
    assert found["p90"] == pytest.approx(7.6)


def test_the_summary_is_of_its_lines(tmp_path: Path) -> None:
    written = Written(run(), tmp_path)

    for tag in ("request_latency", "inter_token_latency", "input_sequence_length"):
        values = written.values(tag)
        found = written.summary[tag]
        assert found["unit"] == UNITS[tag]
        assert found["count"] == len(values)
        assert found["p90"] == pytest.approx(np.percentile(values, 90))
    assert written.summary["inter_chunk_latency"]["count"] == sum(
        len(gaps) for gaps in written.values("inter_chunk_latency")
    )


def test_its_inter_token_latency_is_the_tpot_of_our_summary(tmp_path: Path) -> None:
    written, ours = Written(run(), tmp_path).summary, run().summary()

    for theirs, name in {
        "inter_token_latency": "tpot",
        "time_to_first_token": "ttft",
        "request_latency": "e2el",
    }.items():
        for statistic, ours_name in {"avg": "mean", "std": "std", "p99": "p99"}.items():
            key = f"{ours_name}_{name}_ms"
            assert written[theirs][statistic] == pytest.approx(ours[key]), key


def test_rates_are_from_the_first_request_to_the_last_answer(tmp_path: Path) -> None:
    written, requests = Written(run(), tmp_path).summary, run().requests
    good = requests[requests["status"] == "finished"]
    duration_s = good["finish_s"].max() - good["arrival_s"].min()

    rates = {
        "benchmark_duration": duration_s,
        "request_throughput": len(good) / duration_s,
        "output_token_throughput": good["output_tokens"].sum() / duration_s,
        "output_token_throughput_per_gpu": good["output_tokens"].sum() / duration_s / 4,
    }

    assert {tag: written[tag]["avg"] for tag in rates} == pytest.approx(rates)
    assert written["request_count"]["avg"] == len(good)


def test_errors_are_counted_by_kind(tmp_path: Path) -> None:
    written = Written(run(), tmp_path)

    counted = {
        one["error_details"]["message"]: one["count"] for one in written.summary["error_summary"]
    }
    statuses = run().requests["status"].value_counts()
    assert counted == {kind: statuses[kind] for kind in ("failed: kv", "rejected")}
    assert written.summary["error_request_count"]["avg"] == sum(counted.values())
    assert sum(one["error"] is not None for one in written.records) == sum(counted.values())


def test_a_run_that_was_cut_off_is_cancelled_at_its_end(tmp_path: Path) -> None:
    written = Written(cut_run(), tmp_path)

    assert written.summary["was_cancelled"]
    elapsed = datetime.fromisoformat(written.summary["end_time"]) - datetime.fromisoformat(
        written.summary["start_time"]
    )
    elapsed_s = cut_run().recorder.elapsed_s
    assert elapsed.total_seconds() == pytest.approx(elapsed_s, abs=1e-6)
    cut = [one["metadata"] for one in written.records if one["metadata"]["was_cancelled"]]
    assert {one["request_end_ns"] for one in cut} == {START_NS + round(elapsed_s * 1e9)}


def test_a_run_without_an_answer_has_no_rates(tmp_path: Path) -> None:
    written = Written(run(until_s=1e-9), tmp_path)

    assert written.summary["request_count"]["avg"] == 0
    assert "request_throughput" not in written.summary
    assert written.records == []


def test_the_concurrency_is_that_of_a_closed_loop(tmp_path: Path) -> None:
    closed = Written(run(concurrency=3), tmp_path / "closed").summary["input_config"]
    opened = Written(run(), tmp_path / "open").summary["input_config"]

    assert closed["phases"][0]["concurrency"] == 3
    assert opened["phases"][0]["concurrency"] is None
    assert opened["models"]["items"][0]["name"] == run().scenario.model.name


def test_our_reader_finds_the_same_arrivals_and_lengths(tmp_path: Path) -> None:
    write_aiperf(run(), tmp_path / "run")

    trace = read_trace(tmp_path / "run" / "profile_export.jsonl")

    good = run().requests[run().requests["status"] == "finished"]
    arrivals_s = good["arrival_s"] - good["arrival_s"].min()
    assert [row.arrival_s for row in trace.rows] == pytest.approx(arrivals_s.tolist(), abs=1e-9)
    assert [row.prompt_tokens for row in trace.rows] == good["prompt_tokens"].tolist()
    assert [row.output_tokens for row in trace.rows] == good["output_tokens"].tolist()
    assert trace.failed == 30 - len(good)


def test_equal_runs_give_equal_bytes(tmp_path: Path) -> None:
    write_aiperf(run(), tmp_path / "one")
    write_aiperf(simulate(run().scenario), tmp_path / "other")

    for name in ("profile_export_aiperf.json", "profile_export.jsonl"):
        one, other = (tmp_path / folder / name for folder in ("one", "other"))
        assert one.read_bytes() == other.read_bytes()
