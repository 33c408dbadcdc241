"""The keys and rules are those of vLLM 0.33's `bench serve`, `bench sweep plot`, `plot_pareto`."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sim.report.exports.vllm_bench import vllm_bench, write_vllm_bench, write_vllm_sweep
from sim.simulation import simulate
from sim.workload.traces.read import read_trace
from tests.laws.scenarios import DENSE, pool, scenario
from tests.report.exports.runs import cut_run, run

LISTS = """
    input_lens output_lens ttfts itls latencies start_times queue_times generated_texts errors
"""


def written(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def test_the_flat_values_are_those_of_the_summary(tmp_path: Path) -> None:
    write_vllm_bench(run(), tmp_path / "result.json")

    found = written(tmp_path / "result.json")
    assert {name: found[name] for name in run().summary()} == run().summary()
    assert found["date"] == "20000101-000000"


def test_every_request_is_in_every_list() -> None:
    found = vllm_bench(run())

    for name in LISTS.split():
        assert len(found[name]) == found["num_prompts"] == 30, name


def test_statistics_of_the_lists_are_those_beside_them() -> None:
    # As vLLM computes them, from those of its lists that have no error.
    found = vllm_bench(run())
    good = [number for number, error in enumerate(found["errors"]) if not error]
    later = [number for number in good if found["output_lens"][number] > 1]
    lists = {name: [found[name][number] for number in good] for name in LISTS.split()}
    tpots_s = [
        (found["latencies"][number] - found["ttfts"][number]) / (found["output_lens"][number] - 1)
        for number in later
    ]

    for name, values_s in {
        "ttft": lists["ttfts"],
        "tpot": tpots_s,
        "itl": np.concatenate(found["itls"]),
        "e2el": lists["latencies"],
    }.items():
        values_ms = np.array(values_s) * 1000
        assert found[f"mean_{name}_ms"] == pytest.approx(np.mean(values_ms))
        assert found[f"std_{name}_ms"] == pytest.approx(np.std(values_ms))
        for rank in (50, 90, 95, 99):
            assert found[f"p{rank}_{name}_ms"] == pytest.approx(np.percentile(values_ms, rank))
    assert found["completed"] == len(good)
    assert found["total_input_tokens"] == sum(lists["input_lens"])
    assert found["total_output_tokens"] == sum(lists["output_lens"])


def test_a_finished_request_has_a_gap_for_each_later_token() -> None:
    assert run().recorder.stalls
    found = vllm_bench(run())

    for number, error in enumerate(found["errors"]):
        if not error:
            gaps_s = found["itls"][number]
            assert len(gaps_s) == found["output_lens"][number] - 1
            whole_s = found["ttfts"][number] + sum(gaps_s)
            assert whole_s == pytest.approx(found["latencies"][number], rel=1e-9)


def test_waiting_for_the_first_step_is_waiting_in_the_server() -> None:
    found, requests = vllm_bench(run()), run().requests
    waits_s = (requests["first_scheduled_s"] - requests["arrival_s"]).dropna()

    assert [one for one in found["server_queue_times"] if one is not None] == waits_s.tolist()
    assert max(waits_s) > 0
    assert set(found["queue_times"]) == {0.0}


def test_requests_that_failed_say_so_and_produced_nothing_that_counts() -> None:
    found = vllm_bench(run())

    assert set(found["errors"]) == {"", "rejected", "failed: kv"}
    for number, error in enumerate(found["errors"]):
        if error:
            assert found["output_lens"][number] == 0
            assert found["latencies"][number] == 0.0
        if error == "rejected":
            assert (found["ttfts"][number], found["itls"][number]) == (0.0, [])
            assert found["server_queue_times"][number] is None


def test_a_run_that_was_cut_off_can_be_exported() -> None:
    found = vllm_bench(cut_run())

    assert found["errors"].count("unfinished") == found["sim_unfinished"] > 0


def test_our_reader_finds_the_same_arrivals_and_lengths(tmp_path: Path) -> None:
    write_vllm_bench(run(), tmp_path / "result.json")

    trace = read_trace(tmp_path / "result.json")

    good = run().requests[run().requests["status"] == "finished"]
    arrivals_s = good["arrival_s"] - good["arrival_s"].min()
    assert [row.arrival_s for row in trace.rows] == pytest.approx(arrivals_s.tolist(), abs=1e-12)
    assert [row.prompt_tokens for row in trace.rows] == good["prompt_tokens"].tolist()
    assert [row.output_tokens for row in trace.rows] == good["output_tokens"].tolist()
    assert trace.failed == 30 - len(good)


def test_equal_runs_give_equal_bytes(tmp_path: Path) -> None:
    write_vllm_bench(run(), tmp_path / "one.json")
    write_vllm_bench(simulate(run().scenario), tmp_path / "other.json")

    assert (tmp_path / "one.json").read_bytes() == (tmp_path / "other.json").read_bytes()


def test_the_parallel_sizes_make_up_the_devices() -> None:
    sizes = ("tensor_parallel_size", "pipeline_parallel_size", "data_parallel_size")
    wide, narrow = pool(2, name="wide"), pool(1, replicas=2, name="narrow")

    equal = vllm_bench(run())
    one = vllm_bench(simulate(scenario(DENSE, wide)))
    different = vllm_bench(simulate(scenario(DENSE, wide, narrow)))

    assert [equal[name] for name in sizes] == [1, 1, 4]
    assert [one[name] for name in sizes] == [2, 1, 1]
    assert [different[name] for name in sizes] == [1, 1, 4]


def sweep(folder: Path) -> list[dict[str, Any]]:
    """What `vllm bench sweep plot` gathers."""
    return [one for path in sorted(folder.rglob("**/summary.json")) for one in written(path)]


def test_exports_side_by_side_are_a_sweep(tmp_path: Path) -> None:
    write_vllm_sweep(run(concurrency=2), tmp_path / "2")
    write_vllm_sweep(run(concurrency=8), tmp_path / "8")

    gathered = sweep(tmp_path)

    assert [one["max_concurrency"] for one in gathered] == [2, 8]
    # What the two plots need: axes by default, users, and numbers that become tokens/s/GPU.
    for one in gathered:
        for name in ("request_throughput", "p99_e2el_ms", "output_throughput"):
            assert isinstance(one[name], float), name
        assert not any(isinstance(value, list) for value in one.values())
