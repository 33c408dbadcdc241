import math

import pytest

from sim.workload.trace_statistics import prefix_sharing, trace_statistics
from sim.workload.traces.read import read_trace
from sim.workload.traces.table import Trace, TraceRow
from tests.workload.traces.shared import shared_trace


def at(*instants_s: float) -> Trace:
    return Trace([TraceRow(arrival_s, 10, 5) for arrival_s in instants_s])


def blocks(prompt_tokens: int, *hash_ids: int) -> TraceRow:
    return TraceRow(0.0, prompt_tokens, 1, hash_ids=hash_ids, block_tokens=4)


def test_rates_are_over_the_span() -> None:
    found = trace_statistics(at(0.0, 1.0, 4.0))

    assert found.span_s == 4.0
    assert found.requests_per_s == 0.5
    # Of the same two gaps: 10 and 5 tokens a request.
    assert found.prompt_tokens_per_s == 5.0
    assert found.output_tokens_per_s == 2.5


def test_burstiness_is_the_deviation_of_gaps_over_their_mean() -> None:
    # Gaps of 1 and 3: mean 2, deviation 1.
    assert trace_statistics(at(0.0, 1.0, 4.0)).gap_cv == 0.5
    assert trace_statistics(at(0.0, 2.0, 4.0)).gap_cv == 0.0


def test_one_gap_has_no_burstiness() -> None:
    assert trace_statistics(at(0.0, 4.0)).gap_cv is None


@pytest.mark.parametrize("instants_s", [(0.0,), (0.0, 0.0)])
def test_without_a_span_there_are_no_rates(instants_s: tuple[float, ...]) -> None:
    found = trace_statistics(at(*instants_s))

    assert found.requests_per_s is None
    assert found.gap_cv is None


def test_lengths_have_their_mean_and_percentiles() -> None:
    rows = [TraceRow(0.0, tokens, 7) for tokens in range(1, 102)]

    found = trace_statistics(Trace(rows))

    assert found.prompt_tokens == (51.0, 51.0, 91.0, 100.0, 101.0)
    assert set(found.output_tokens) == {7.0}


def test_sessions_have_turns_and_think_times() -> None:
    rows = [
        TraceRow(0.0, 1, 1, "a"),
        TraceRow(1.0, 1, 1, "b"),
        TraceRow(2.0, 1, 1, "a", parent=0, think_s=0.5),
        TraceRow(3.0, 1, 1),
    ]

    found = trace_statistics(Trace(rows, skipped=3, failed=2))

    assert (found.sessions, found.skipped_lines, found.failed_requests) == (2, 3, 2)
    assert found.turns is not None
    assert (found.turns.mean, found.turns.max) == (1.5, 2.0)
    assert found.think_s is not None
    assert found.think_s.mean == 0.5


def test_a_block_is_hit_where_all_before_it_are() -> None:
    rows = [blocks(12, 1, 2, 3), blocks(12, 1, 9, 3), blocks(7, 1, 2)]

    # Block 1 of the second prompt; both of the third, 7 tokens: 3 of 8 blocks, 4 + 7 of 31 tokens.
    found = prefix_sharing(rows)

    assert found == (8, 3 / 8, 11 / 31)


def test_without_hash_ids_nothing_is_known_of_sharing() -> None:
    assert prefix_sharing([TraceRow(0.0, 1, 1)]) is None


# Shares of blocks and tokens hit in a cache without bounds: the description of these traces.
@pytest.mark.parametrize(
    ("name", "block_share", "token_share"),
    [("conversation", 0.3664, 0.3736), ("synthetic", 0.6396, 0.6512)],
)
def test_the_mooncake_traces_share_prefixes_as_they_are_described(
    name: str, block_share: float, token_share: float
) -> None:
    found = trace_statistics(read_trace(shared_trace(f"{name}_trace.jsonl"))).prefix_sharing

    assert found is not None
    assert math.isclose(found.block_hit_share, block_share, abs_tol=5e-5)
    assert math.isclose(found.token_hit_share, token_share, abs_tol=5e-5)
