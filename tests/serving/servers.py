"""A replica whose steps take as long as a function says: queueing theory on the real engine."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import simpy

from sim.physics.sums import StepSums
from sim.record.recorder import Recorder, RequestRow
from sim.record.row_table import RowTable
from sim.serving.clients import open_stream
from sim.serving.company import Company
from sim.serving.front_door import FrontDoor
from sim.serving.kv_cache import KvCache
from sim.serving.player import Player
from sim.serving.prices import Prices
from sim.serving.rank import Rank
from sim.serving.rank_limits import RankLimits
from sim.serving.replica import Replica
from sim.serving.replica_log import ReplicaLog
from sim.serving.router import POLICIES
from sim.serving.step_plan import Phase, Program, StepPlan
from sim.workload.requests import Request

_OVERHEAD = Program.of([Phase("overhead", "step")])


def constant_plan(seconds: float) -> StepPlan:
    """A step that takes this long and does nothing else: queueing theory's server."""
    nothing = np.zeros(1)
    return StepPlan(_OVERHEAD, np.array([seconds]), {}, nothing, nothing, nothing)


StepSeconds = Callable[[StepSums], float]
PLENTY = 10**9


def replica(
    env: simpy.Environment,
    recorder: Recorder,
    step_seconds: StepSeconds,
    *,
    number: int = 0,
    ranks: int = 1,
    max_sequences: int = 1,
    max_step_tokens: int = PLENTY,
    kv_blocks: int = PLENTY,
    block_tokens: int = 1,
    prompts_are_cached: bool = False,
) -> Replica:
    """One device, no links."""
    limits = RankLimits(max_sequences, max_step_tokens, prompts_are_cached=prompts_are_cached)
    log = ReplicaLog(recorder, "main", number, np.array([number]), np.zeros(0))
    prices = Prices(lambda step, sums: constant_plan(step_seconds(sums)))
    player = Player(env, prices, log, Company())
    caches = [KvCache(kv_blocks, block_tokens) for _ in range(ranks)]
    return Replica(env, [Rank(rank, limits, cache) for rank, cache in enumerate(caches)], player)


def serve(
    requests: Sequence[Request],
    step_seconds: StepSeconds,
    *,
    replicas: int = 1,
    router: str = "round-robin",
    **limits: Any,
) -> Recorder:
    """Everything that these requests leave behind, when all have ended."""
    env = simpy.Environment()
    recorder = Recorder.of(links=0, devices=replicas)
    servers = [
        replica(env, recorder, step_seconds, number=number, **limits) for number in range(replicas)
    ]
    door = FrontDoor(env, servers, POLICIES[router], len(requests))
    for server in servers:
        env.process(server.run())
    env.process(open_stream(env, requests, door.submit))
    env.run(until=door.closed)
    recorder.elapsed_s = env.now
    by_number = sorted(recorder.requests, key=lambda row: row.request)
    recorder.requests = RowTable(RequestRow)
    for row in by_number:
        recorder.requests.append(row)
    return recorder


def rows(requests: Sequence[Request], step_seconds: StepSeconds, **limits: int) -> list[RequestRow]:
    """The rows of these requests, in their order."""
    return list(serve(requests, step_seconds, **limits).requests)  # type: ignore[arg-type]


def one_token(number: int, arrival_s: float) -> Request:
    """A request that takes exactly one step."""
    return Request(number, arrival_s, prompt_tokens=1, output_tokens=1)
