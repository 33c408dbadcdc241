import json
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.record.metrics import summary
from sim.record.recorder import Recorder, RequestRow
from sim.spec.scenario import Slo
from sim.spec.workload import Workload
from tests.record.example import frames, recorder, request

LENGTHS = {"requests": 4, "prompt_tokens": 100, "output_tokens": 3}
POISSON = {"kind": "poisson", "rate_per_s": 2.0}


def workload(**arrivals: Any) -> Workload:
    return Workload.model_validate({"arrivals": arrivals or POISSON, **LENGTHS})


def summary_of(
    made: Recorder, asked: Workload | None = None, slo: Slo | None = None, *, detailed: bool = False
) -> dict[str, Any]:
    tables = frames(made)
    return summary(
        made,
        tables["requests"],
        tables["links"],
        tables["devices"],
        model_id="tiny",
        workload=workload() if asked is None else asked,
        slo=Slo() if slo is None else slo,
        detailed=detailed,
    )


def recorder_of(rows: list[RequestRow], elapsed_s: float) -> Recorder:
    made = Recorder.of(links=2, devices=3)
    for row in rows:
        made.requests.append(row)
    made.elapsed_s = elapsed_s
    return made


VLLM_KEYS = """
    endpoint_type backend label model_id tokenizer_id num_prompts request_rate burstiness
    max_concurrency duration completed failed total_input_tokens total_output_tokens
    request_throughput request_goodput output_throughput total_token_throughput
    max_output_tokens_per_s max_concurrent_requests rtfx
"""


def test_the_keys_are_those_of_vllm_in_its_order_and_then_our_own() -> None:
    keys = list(summary_of(recorder()))

    statistics = ["mean", "median", "std", "p50", "p90", "p95", "p99"]
    quantities = ["ttft", "tpot", "itl", "e2el"]
    latencies = [f"{statistic}_{name}_ms" for name in quantities for statistic in statistics]
    expected = [*VLLM_KEYS.split(), *latencies]
    assert keys[: len(expected)] == expected
    assert all(key.startswith("sim_") for key in keys[len(expected) :])


def test_counts_and_throughputs_are_of_finished_requests() -> None:
    found = summary_of(recorder())

    assert (found["num_prompts"], found["completed"], found["failed"]) == (4, 2, 1)
    assert (found["total_input_tokens"], found["total_output_tokens"]) == (200, 4)
    # One request is open at the end of the run, at 4 s.
    assert found["duration"] == 4.0
    assert found["request_throughput"] == 0.5
    assert found["output_throughput"] == 1.0
    assert found["total_token_throughput"] == 51.0


def test_a_run_that_answered_everything_lasts_until_its_last_answer() -> None:
    made = recorder_of([request(0, 0.0, 1.0, 2.0, 2), request(1, 0.0, 1.0, 1.0, 1)], elapsed_s=9.0)

    found = summary_of(made)

    assert (found["duration"], found["sim_elapsed_s"]) == (2.0, 9.0)


def test_times_are_in_milliseconds() -> None:
    found = summary_of(recorder())

    assert found["mean_ttft_ms"] == 500.0
    assert found["mean_itl_ms"] == 1000.0
    # Of 2500 and 500 ms.
    assert found["mean_e2el_ms"] == 1500.0
    assert found["std_e2el_ms"] == 1000.0
    assert found["p99_e2el_ms"] == pytest.approx(500 + 0.99 * 2000)


def test_answers_of_one_token_are_left_out_of_tpot() -> None:
    found = summary_of(recorder())

    assert found["mean_tpot_ms"] == 1000.0
    assert found["std_tpot_ms"] == 0.0


@pytest.mark.parametrize(
    ("slo", "good"),
    [
        (Slo(ttft_s=0.5), 2),
        (Slo(ttft_s=0.49), 0),
        # The answer of one token counts as 0 per later token, and so is good.
        (Slo(tpot_s=0.9), 1),
        (Slo(tpot_s=1.0), 2),
        (Slo(e2el_s=2.0), 1),
        (Slo(ttft_s=0.5, tpot_s=1.0, e2el_s=2.5), 2),
        (Slo(ttft_s=0.5, tpot_s=1.0, e2el_s=0.4), 0),
    ],
)
def test_goodput_counts_requests_that_meet_every_limit(slo: Slo, good: int) -> None:
    found = summary_of(recorder(), slo=slo)

    assert found["request_goodput"] == good / 4.0
    # Of three that ended; the fourth was cut off.
    assert found["sim_slo_attainment_share"] == pytest.approx(good / 3)


def test_without_limits_there_is_no_goodput() -> None:
    found = summary_of(recorder())

    assert found["request_goodput"] is None
    assert found["sim_slo_attainment_share"] is None


def test_peaks_are_of_whole_seconds_from_the_first_arrival() -> None:
    found = summary_of(recorder())

    # From 1 s: tokens at 0.5, 1.5 (twice) and 2.5 s (twice); both requests touch the second second.
    assert found["max_output_tokens_per_s"] == 2.0
    assert found["max_concurrent_requests"] == 2


@given(
    st.lists(
        st.tuples(st.floats(0, 9), st.floats(0.01, 5), st.lists(st.floats(0.001, 2.0), max_size=5)),
        min_size=1,
        max_size=8,
    )
)
def test_peaks_are_what_vllms_loop_over_tokens_and_seconds_counts(
    made_up: list[tuple[float, float, list[float]]],
) -> None:
    made = recorder_of([], elapsed_s=99.0)
    answers: list[tuple[float, list[float]]] = []
    for number, (arrival_s, ttft_s, gaps_s) in enumerate(made_up):
        tokens_s = np.add.accumulate([arrival_s + ttft_s, *gaps_s]).tolist()
        answers.append((arrival_s, tokens_s))
        made.requests.append(request(number, arrival_s, tokens_s[0], tokens_s[-1], len(tokens_s)))
        for at_s in tokens_s:
            made.add_output(at_s, 1)

    found = summary_of(made)

    start_s = min(arrival_s for arrival_s, _ in answers)
    seconds = 2 + math.ceil(max(tokens_s[-1] for _, tokens_s in answers) - start_s)
    tokens, concurrent = [0] * seconds, [0] * seconds
    for arrival_s, tokens_s in answers:
        for at_s in tokens_s:
            tokens[int(at_s - start_s)] += 1
        for second in range(int(arrival_s - start_s), int(tokens_s[-1] - start_s) + 1):
            concurrent[second] += 1
    assert found["max_output_tokens_per_s"] == max(tokens)
    assert found["max_concurrent_requests"] == max(concurrent)


def test_peaks_leave_out_tokens_from_before_the_first_answered_request() -> None:
    made = recorder()
    made.add_output(0.5, 9)

    assert summary_of(made)["max_output_tokens_per_s"] == 2.0


def test_per_device_values_are_of_devices_that_serve() -> None:
    found = summary_of(recorder())

    assert found["sim_devices"] == 2
    assert found["sim_output_throughput_per_device"] == 0.5
    assert found["sim_total_token_throughput_per_device"] == 25.5
    # (2 + 1) s of 4 s each.
    assert found["sim_compute_busy_share"] == 0.375


def test_energy_is_of_every_device_and_shared_by_every_token() -> None:
    found = summary_of(recorder())

    assert found["sim_energy_j"] == 600.0
    assert found["sim_energy_j_per_output_token"] == 120.0


def test_what_did_not_end_well_is_counted() -> None:
    found = summary_of(recorder())

    counts = [found[f"sim_{name}"] for name in ("unfinished", "rejected", "failed_kv")]
    assert counts == [1, 1, 0]
    assert found["sim_preemptions"] == 1


def test_the_fullest_link_is_the_one_nearest_to_what_it_can_carry() -> None:
    found = summary_of(recorder())

    # 60 bytes of 400, against 20 bytes of 40.
    assert (found["sim_fullest_link"], found["sim_fullest_link_share"]) == ("b>a", 0.5)


@pytest.mark.parametrize(
    ("arrivals", "rate", "burstiness", "concurrency"),
    [
        ({"kind": "poisson", "rate_per_s": 2.0}, 2.0, 1.0, None),
        ({"kind": "gamma", "rate_per_s": 2.0, "burstiness": 0.5}, 2.0, 0.5, None),
        ({"kind": "fixed", "rate_per_s": 2.0}, 2.0, None, None),
        ({"kind": "at-once"}, "inf", 1.0, None),
        ({"kind": "closed-loop", "concurrency": 8}, "inf", 1.0, 8),
    ],
)
def test_the_load_is_described_as_vllm_asks_for_it(
    arrivals: dict[str, Any], rate: object, burstiness: float | None, concurrency: int | None
) -> None:
    found = summary_of(recorder(), workload(**arrivals))

    assert found["request_rate"] == rate
    assert found["burstiness"] == burstiness
    assert found["max_concurrency"] == concurrency


def test_the_rate_of_a_trace_is_that_of_its_arrivals() -> None:
    found = summary_of(recorder(), Workload(trace="some.csv"))

    # Three gaps between 1 s and 3 s.
    assert found["request_rate"] == 1.5


@pytest.mark.parametrize("asked", [workload(), Workload(trace="some.csv")])
def test_an_empty_run_is_strict_json_with_null_for_what_is_undefined(asked: Workload) -> None:
    found = summary_of(Recorder.of(links=2, devices=3), asked, Slo(ttft_s=1.0), detailed=True)

    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert (found["completed"], found["duration"], found["p99_itl_ms"]) == (0, 0.0, None)
    assert found["sim_fullest_link"] is None


def test_details_are_given_for_every_request_and_are_strict_json() -> None:
    found = summary_of(recorder(), detailed=True)

    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert found["ttfts"] == [0.5, 0.5, None, 0.5]
    assert found["latencies"] == [2.5, 0.5, None, None]
    assert found["queue_times"] == [0.25, 0.25, None, 0.25]
    assert found["errors"] == ["", "", "rejected", "unfinished"]
    assert "ttfts" not in summary_of(recorder())


def test_a_long_and_nearly_idle_run_counts_only_its_busy_seconds() -> None:
    rows = [request(0, 0.0, 1.0, 2.0, 2), request(1, 3e10, 3e10 + 1, 3e10 + 2, 2)]

    found = summary_of(recorder_of(rows, 3e10 + 2))

    assert found["max_concurrent_requests"] == 1


def test_tokens_of_requests_that_a_runs_end_cut_off_are_produced_too() -> None:
    made = recorder_of([request(0, 0.0, 1.0, None, 3, "unfinished")], elapsed_s=4.0)
    made.add_output(1.0, 1)
    made.add_output(2.0, 2)

    found = summary_of(made)

    assert found["output_throughput"] == 0.0
    assert found["sim_produced_tokens"] == 3
    assert found["sim_produced_throughput"] == 0.75
