"""A replica: ranks that step in lockstep, because they share experts.

How a step is priced and how it is played are functions handed in, so that a test can put a
queueing model with a known answer in the place of the physics.
"""

from collections.abc import Callable, Generator, Sequence
from typing import Any

import numpy as np
import simpy

from sim.network.instants import STARTS, sleep_until
from sim.physics.sums import StepSums
from sim.record.recorder import Status
from sim.serving.players import Player
from sim.serving.rank import Rank
from sim.serving.replica_log import ReplicaLog, StepFacts
from sim.serving.router import Snapshot
from sim.serving.sequence import ServedSequence
from sim.serving.step_plan import StepPlan

PlanStep = Callable[[int, StepSums], StepPlan]
"""(step number, sums by rank) -> what the step does."""


class Replica:
    """Serves sequences in continuous batches, first come first served on each rank."""

    def __init__(
        self,
        env: simpy.Environment,
        ranks: Sequence[Rank],
        plan_step: PlanStep,
        play: Player,
        log: ReplicaLog,
    ) -> None:
        self._env = env
        self._ranks = ranks
        self._plan_step = plan_step
        self._play = play
        self._log = log
        self._step = 0
        self._step_start_s: float | None = None
        self._work_arrived = env.event()

    @property
    def snapshot(self) -> Snapshot:
        """What a router may know: the last finished step, and what was sent since."""
        return Snapshot(
            unfinished=sum(rank.unfinished for rank in self._ranks),
            kv_tokens=sum(rank.load_tokens for rank in self._ranks),
        )

    def submit(self, sequence: ServedSequence) -> None:
        """Queue a sequence on the rank with the fewest tokens, and wake the engine if it sleeps."""
        rank = min(self._ranks, key=lambda rank: (rank.load_tokens, rank.number))
        if not rank.cache.fits_ever(sequence.request.prompt_tokens):
            self._end(sequence, None, "rejected")
            return
        rank.enqueue(sequence)
        if not self._work_arrived.triggered:
            self._work_arrived.succeed()

    def run(self) -> Generator[simpy.Event, Any, None]:
        """Serve for ever: choose the step's tokens, live through it, hand out its tokens."""
        while True:
            if all(rank.is_idle for rank in self._ranks):
                self._work_arrived = self._env.event()
                yield self._work_arrived
            if self._env.peek() <= self._env.now:
                # What ends or arrives at this instant comes before what starts.
                yield sleep_until(self._env, self._env.now, STARTS)
            yield from self._one_step()

    def stop(self) -> None:
        """Record what is open when the run ends."""
        if self._step_start_s is not None:
            self._log.cut(self._env.now - self._step_start_s)
        for rank in self._ranks:
            for sequence in rank.in_flight:
                produced = sequence.produced_after(self._step - (self._step_start_s is not None))
                self._log.request(sequence, rank.number, "unfinished", None, produced)

    def _one_step(self) -> Generator[simpy.Event, Any, None]:
        self._step += 1
        sums = self._schedule()
        if not np.any(sums.decode_tokens) and not np.any(sums.prefill_tokens):
            return
        start_s = self._step_start_s = self._env.now
        plan = self._plan_step(self._step, sums)
        played = yield from self._play(plan)
        facts = StepFacts(self._step, start_s, self._env.now, sums, plan, played)
        self._step_start_s = None
        self._finish(facts)

    def _schedule(self) -> StepSums:
        chosen = []
        for rank in self._ranks:
            sums, failed = rank.schedule(self._step, self._env.now)
            chosen.append(sums)
            for sequence in failed:
                self._end(sequence, rank, "failed: kv")
        return StepSums(*np.array(chosen, dtype=np.float64).T)

    def _finish(self, facts: StepFacts) -> None:
        outcomes = [rank.finish_step(facts.step) for rank in self._ranks]
        self._log.step(facts, outcomes)
        for rank, outcome in zip(self._ranks, outcomes, strict=True):
            for sequence in outcome.first_tokens:
                if sequence.first_token_s is None:
                    sequence.first_token_s = facts.end_s
            for sequence in outcome.ended:
                self._end(sequence, rank, "finished")

    def _end(self, sequence: ServedSequence, rank: Rank | None, status: Status) -> None:
        is_finished = status == "finished"
        self._log.request(
            sequence,
            None if rank is None else rank.number,
            status,
            finish_s=self._env.now if is_finished else None,
            output_tokens=(
                sequence.request.output_tokens if is_finished else sequence.produced_tokens
            ),
        )
        sequence.answered.succeed()
