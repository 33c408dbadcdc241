"""When each token of each request was produced, worked out from the ends of its replica's steps.

The ranks of a replica step together, and a sequence that decodes does so in every step. So from its
first token on a request gets one token with each step of its replica, but for the steps between a
preemption and the token that its recomputation ends with.
"""

from collections import defaultdict
from collections.abc import Sequence

import numpy as np
import pandas as pd

from sim.errors import SimulationError
from sim.record.recorder import Stall

_Replica = tuple[str, int]


def tokens_of_requests_s(
    requests: pd.DataFrame, steps: pd.DataFrame, stalls: Sequence[Stall]
) -> list[np.ndarray]:
    """For each row of the requests, the instants of its tokens; empty where it got none."""
    ends_s = _step_ends_s(steps)
    stalls_of: defaultdict[int, list[Stall]] = defaultdict(list)
    for stall in stalls:
        stalls_of[stall.request].append(stall)
    columns = ("request", "pool", "replica", "output_tokens", "first_token_s", "finish_s")
    found_s = []
    for number, pool, replica, tokens, first_s, finish_s in zip(
        *(requests[column].tolist() for column in columns), strict=True
    ):
        own_ends_s = ends_s.get((pool, replica), np.empty(0))
        times_s = token_times_s(own_ends_s, first_s, tokens, stalls_of[number])
        ends_right = np.isnan(finish_s) or times_s[-1] == finish_s
        if len(times_s) != tokens or not ends_right:
            raise SimulationError(f"the steps do not give request {number} its {tokens} tokens")
        found_s.append(times_s)
    return found_s


def token_times_s(
    ends_s: np.ndarray, first_token_s: float, output_tokens: int, stalls: Sequence[Stall] = ()
) -> np.ndarray:
    """(tokens): the instants of one request's tokens.

    `ends_s` (steps) are the ends of all steps of its replica, in order; `stalls` are the request's
    own, in order. Every instant given is one of these ends, copied and not computed.
    """
    if not output_tokens:
        return np.empty(0)
    starts = np.searchsorted(ends_s, [first_token_s, *(stall.next_token_s for stall in stalls)])
    stops = np.searchsorted(ends_s, [stall.last_token_s for stall in stalls]) + 1
    before_the_last_stall = int((stops - starts[:-1]).sum())
    last_stop = starts[-1] + output_tokens - before_the_last_stall
    spans = zip(starts, [*stops, last_stop], strict=True)
    return np.concatenate([ends_s[start:stop] for start, stop in spans])


def _step_ends_s(steps: pd.DataFrame) -> dict[_Replica, np.ndarray]:
    """(steps) by replica: when each of its steps ended."""
    ends_s: defaultdict[_Replica, list[float]] = defaultdict(list)
    columns = (steps[name].tolist() for name in ("pool", "replica", "end_s"))
    for pool, replica, end_s in zip(*columns, strict=True):
        ends_s[pool, replica].append(end_s)
    return {replica: np.array(listed_s) for replica, listed_s in ends_s.items()}
