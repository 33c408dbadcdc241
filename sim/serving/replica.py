"""A replica: ranks that step in lockstep, because they share experts.

It decides what goes into the next steps, and leaves it to a player to live through them, so that a
test can put a queueing model with a known answer in the place of the physics.
"""

from collections.abc import Generator, Sequence
from typing import Any

import numpy as np
import simpy

from sim.network.instants import STARTS, sleep_until
from sim.physics.sums import StepSums
from sim.physics.work import Real
from sim.record.recorder import Status
from sim.serving.player import Player
from sim.serving.prices import Prices
from sim.serving.rank import Rank
from sim.serving.sequence import ServedSequence
from sim.serving.stretch import Stretch


class Replica:
    """Serves sequences in continuous batches, first come first served on each rank."""

    def __init__(
        self,
        env: simpy.Environment,
        ranks: Sequence[Rank],
        player: Player,
        *,
        most_steps: float = np.inf,
    ) -> None:
        """At most `most_steps` go by rule without a look at the ranks; tests look at each."""
        self._env = env
        self._ranks = ranks
        self._player = player
        self._log = player.log
        self._most_steps = most_steps
        self._step = 0
        """The last one of which the ranks were told that it ended."""
        self._stretch: Stretch | None = None
        self._loads_between: list[int] | None = None
        """Of each rank, where nobody steps and somebody has asked: many may come at once."""
        self._work_arrived = env.event()
        self.unfinished = 0
        """Requests sent to it and not yet answered."""

    @property
    def kv_tokens(self) -> int:
        """Tokens in its cache, as of the last finished step, and waiting to get there."""
        return sum(self._load_tokens())

    def submit(self, sequence: ServedSequence) -> None:
        """Queue a sequence on the rank with the fewest tokens, and wake the engine if it sleeps."""
        self.unfinished += 1
        loads = self._load_tokens()
        rank = self._ranks[loads.index(min(loads))]
        if not rank.fits_ever(sequence):
            self._end(sequence, None, "rejected")
            return
        if self._stretch is not None and rank.would_start(sequence):
            self._stretch.cut(self._env)
        rank.enqueue(sequence)
        loads[rank.number] += sequence.prefill_tokens
        if not self._work_arrived.triggered:
            self._work_arrived.succeed()

    def change(self, prices: Prices | None) -> None:
        """Go by these prices from now on, after the step in flight; with None, stand still."""
        if self._stretch is not None:
            self._stretch.cut(self._env)
        self._player.change(prices)

    def run(self) -> Generator[simpy.Event, Any, None]:
        """Serve for ever: choose the tokens of the next steps, live through them, end sequences."""
        while True:
            if not self.unfinished:
                self._player.company.end()
                self._work_arrived = self._env.event()
                yield self._work_arrived
            if self._env.peek() <= self._env.now:
                # What ends or arrives at this instant comes before what starts.
                yield sleep_until(self._env, self._env.now, STARTS)
            if self._player.newest is None:
                self._player.company.end()
                yield from self._player.wait_for_way()
                continue
            self._player.company.begin()
            yield from self._one_stretch()

    @property
    def waits_since_s(self) -> float:
        """When it began to stand still, the last time that it did."""
        return self._player.waits_since_s

    def stop(self, ended_s: float) -> None:
        """Record what is open when the run ends."""
        just_ended = self._catch_up()
        last_step = self._step + just_ended
        if self._stretch is not None:
            self._log.cut(self._stretch, ended_s)
        for rank in self._ranks:
            for sequence in rank.in_flight:
                produced = sequence.produced_after(last_step)
                self._log.request(sequence, rank.number, "unfinished", None, produced)
        self._log.close()

    def _one_stretch(self) -> Generator[simpy.Event, Any, None]:
        stretch = self._schedule()
        if stretch is None:
            self._step += 1
            return
        self._stretch = stretch
        yield from self._player.play(stretch)
        self._pass_by(stretch, len(stretch.ends_s) - 1)
        self._stretch = None
        self._finish()

    def _schedule(self) -> Stretch | None:
        """The steps to come; None where all that could run had to be given up."""
        step = self._step + 1
        self._loads_between = None
        chosen = []
        sequences = 0
        for rank in self._ranks:
            sums, failed = rank.schedule(step, self._env.now)
            chosen.append(sums)
            sequences += rank.running
            for sequence in failed:
                self._end(sequence, rank, "failed: kv")
        if not sequences:
            return None
        steps = self._most_steps
        for rank in self._ranks:
            if steps == 1:
                break
            steps = min(steps, rank.steps_by_rule(step))
        newcomers = sum(rank.newcomers for rank in self._ranks)
        growing: Real = self._ranks[0].decoding.growing
        sums = chosen[0]
        if len(self._ranks) > 1:
            growing = np.array([float(rank.decoding.growing) for rank in self._ranks])
            sums = StepSums(*np.array(chosen, dtype=np.float64).T)
        return Stretch(step, int(steps), sequences, sums, growing, self._env.now, newcomers)

    def _load_tokens(self) -> list[int]:
        """Of each rank, as of the last finished step."""
        if self._loads_between is not None:
            return self._loads_between
        steps = self._catch_up()
        loads = [rank.load_tokens_after(steps) for rank in self._ranks]
        if self._stretch is None:
            self._loads_between = loads
        return loads

    def _catch_up(self) -> int:
        """Tell the ranks of the steps that ended earlier; how many have ended at this instant.

        Those are not told yet: whoever comes now may make the last of them that of its stretch.
        """
        stretch = self._stretch
        if stretch is None:
            return 0
        self._pass_by(stretch, stretch.ended_before(self._env.now))
        return stretch.ended_by(self._env.now) - stretch.passed

    def _pass_by(self, stretch: Stretch, ended: int) -> None:
        """Tell the ranks that so many steps of a stretch have ended; never of its last one."""
        steps = ended - stretch.passed
        if steps > 0:
            for rank in self._ranks:
                rank.pass_by(self._step + 1, steps)
            self._step += steps
            stretch.passed = ended

    def _finish(self) -> None:
        """End the last step of a stretch: hand out what it brought forth."""
        self._step += 1
        end_s = self._env.now
        for rank in self._ranks:
            first_tokens, ended = rank.finish_step(self._step)
            for sequence in first_tokens:
                if sequence.first_token_s is None:
                    sequence.first_token_s = end_s
                if sequence.last_token_s is not None:
                    self._log.late_token(sequence, end_s)
            for sequence in ended:
                self._end(sequence, rank, "finished")

    def _end(self, sequence: ServedSequence, rank: Rank | None, status: Status) -> None:
        is_finished = status == "finished"
        self.unfinished -= 1
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
