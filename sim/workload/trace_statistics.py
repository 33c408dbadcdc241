"""What a trace is like: rates, lengths, bursts, sessions, and how much of its prompts is shared."""

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from sim.workload.traces.table import Trace, TraceRow


class Spread(NamedTuple):
    """Of lengths, or of times; percentiles by linear interpolation."""

    mean: float
    p50: float
    p90: float
    p99: float
    max: float


class PrefixSharing(NamedTuple):
    """What a cache without bounds would save, in order of arrival.

    A block is hit where it and all before it in its prompt were in an earlier prompt. Blocks of a
    prompt that have no id are its own.
    """

    blocks: int
    block_hit_share: float
    token_hit_share: float
    """Of the prompts with blocks; a prompt's last block counts with the tokens that it holds."""


class TraceStatistics(NamedTuple):
    """A trace in figures."""

    requests: int
    skipped_lines: int
    failed_requests: int
    span_s: float
    """From the first to the last arrival."""
    requests_per_s: float | None
    """Gaps over span; None without a span, as are the others."""
    prompt_tokens_per_s: float | None
    """Of these requests, with their mean length."""
    output_tokens_per_s: float | None
    gap_cv: float | None
    """Standard deviation of the gaps between arrivals over their mean; 1 is Poisson.
    None with fewer than two gaps."""
    prompt_tokens: Spread
    output_tokens: Spread
    sessions: int
    turns: Spread | None
    """Of a session; None without sessions."""
    think_s: Spread | None
    """Of the turns whose think time is known; None without any."""
    prefix_sharing: PrefixSharing | None
    """None without hash ids."""


def trace_statistics(trace: Trace) -> TraceStatistics:
    """The figures of a trace."""
    rows = trace.rows
    arrivals_s = np.array([row.arrival_s for row in rows])
    span_s = float(arrivals_s[-1] - arrivals_s[0])
    rate_per_s = (len(rows) - 1) / span_s if span_s else None
    prompts = np.array([row.prompt_tokens for row in rows])
    outputs = np.array([row.output_tokens for row in rows])
    turns = Counter(row.session for row in rows if row.session is not None)
    return TraceStatistics(
        requests=len(rows),
        skipped_lines=trace.skipped,
        failed_requests=trace.failed,
        span_s=span_s,
        requests_per_s=rate_per_s,
        prompt_tokens_per_s=rate_per_s and rate_per_s * float(prompts.mean()),
        output_tokens_per_s=rate_per_s and rate_per_s * float(outputs.mean()),
        gap_cv=_cv(np.diff(arrivals_s)) if span_s and len(rows) > 2 else None,
        prompt_tokens=_spread(prompts),
        output_tokens=_spread(outputs),
        sessions=len(turns),
        turns=_spread_of(list(turns.values())),
        think_s=_spread_of([row.think_s for row in rows if row.think_s is not None]),
        prefix_sharing=prefix_sharing(rows),
    )


def prefix_sharing(rows: Sequence[TraceRow]) -> PrefixSharing | None:
    """What is shared, where the trace has hash ids."""
    seen: set[int] = set()
    blocks = hit_blocks = tokens = hit_tokens = 0
    for row in rows:
        if not row.hash_ids or row.block_tokens is None:
            continue
        hits = next(
            (place for place, one in enumerate(row.hash_ids) if one not in seen), len(row.hash_ids)
        )
        seen.update(row.hash_ids)
        blocks += -(-row.prompt_tokens // row.block_tokens)
        hit_blocks += hits
        tokens += row.prompt_tokens
        hit_tokens += min(hits * row.block_tokens, row.prompt_tokens)
    return PrefixSharing(blocks, hit_blocks / blocks, hit_tokens / tokens) if blocks else None


def _spread_of(values: Sequence[float]) -> Spread | None:
    return _spread(np.array(values)) if values else None


def _spread(values: np.ndarray) -> Spread:
    p50, p90, p99 = (float(one) for one in np.percentile(values, (50, 90, 99)))
    return Spread(float(values.mean()), p50, p90, p99, float(values.max()))


def _cv(values: np.ndarray) -> float:
    return float(values.std() / values.mean())
