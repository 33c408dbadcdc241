"""One rank's schedule once more, slowly: every sequence, every token and every block by itself.

It shares no code with the engine. The rules: decoding sequences first, then prompts in order of
admission, then new ones first come first served while tokens, places and blocks last; a sequence
holds the blocks of what it has to prefill from its admission on; who finds no block for its next
token makes the latest admitted give up all of theirs, which then head the queue, and nobody is
admitted in that step; one that is alone fails.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from sim.workload.requests import Request


class Batch(NamedTuple):
    """What a step computes."""

    decoding: int
    decoding_kv: int
    new: int
    pairs: int
    new_kv: int
    sampled: int


class Limits(NamedTuple):
    """What the engine may do."""

    blocks: int
    block_tokens: int
    max_sequences: int
    max_step_tokens: int


class Step(NamedTuple):
    """One step, as it is compared."""

    start_s: float
    end_s: float
    sequences: int
    tokens: int
    output_tokens: int


@dataclass(eq=False)
class Served:
    """A request and all of its tokens."""

    request: Request
    to_prefill: int
    cached: int = 0
    produced: int = 0
    preemptions: int = 0
    first_token_s: float | None = None
    token_at_s: list[float] = field(default_factory=list)
    finish_s: float | None = None
    status: str = "open"
    chunk: int = 0

    @property
    def decodes(self) -> bool:
        """Whether all of its prompt is in the cache."""
        return self.cached >= self.to_prefill


@dataclass
class Twin:
    """The run of one rank."""

    limits: Limits
    step_seconds: Callable[[Batch], float]
    now_s: float = 0.0
    waiting: list[Served] = field(default_factory=list)
    running: list[Served] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)
    recomputed_tokens: int = 0

    def serve(self, requests: Sequence[Request]) -> list[Served]:
        """All of them, to their ends."""
        sequences = [Served(request, request.prompt_tokens) for request in requests]
        to_come = list(sequences)
        while to_come or self.waiting or self.running:
            if not self.waiting and not self.running:
                self.now_s = max(self.now_s, arrival(to_come[0]))
            while to_come and arrival(to_come[0]) <= self.now_s:
                self._take_in(to_come.pop(0))
            self._schedule()
            self._step()
        return sequences

    def _take_in(self, sequence: Served) -> None:
        if self._blocks(sequence.to_prefill) > self.limits.blocks:
            sequence.status = "rejected"
        else:
            self.waiting.append(sequence)

    def _blocks(self, tokens: int) -> int:
        return -(-tokens // self.limits.block_tokens)

    def _needed(self) -> int:
        """Blocks that all who run need for this step."""
        return sum(
            self._blocks(max(one.to_prefill, one.cached + 1 if one.decodes else 0))
            for one in self.running
        )

    def _schedule(self) -> None:
        somebody_gave_up = False
        while self._needed() > self.limits.blocks:
            victim = self.running.pop()
            if not self.running:
                victim.status = "failed: kv"
                somebody_gave_up = False
                break
            self._give_up(victim)
            somebody_gave_up = True
        left = self.limits.max_step_tokens - sum(one.decodes for one in self.running)
        for one in self.running:
            if not one.decodes:
                left -= self._chunk(one, left)
        while not somebody_gave_up and self.waiting and left > 0 and self._has_room():
            one = self.waiting.pop(0)
            self.running.append(one)
            left -= self._chunk(one, left)

    def _has_room(self) -> bool:
        wanted = self._needed() + self._blocks(self.waiting[0].to_prefill)
        return len(self.running) < self.limits.max_sequences and wanted <= self.limits.blocks

    def _give_up(self, victim: Served) -> None:
        self.recomputed_tokens += victim.cached
        victim.preemptions += 1
        victim.to_prefill = victim.request.prompt_tokens + victim.produced
        victim.cached = 0
        self.waiting.insert(0, victim)

    def _chunk(self, sequence: Served, left: int) -> int:
        sequence.chunk = min(left, sequence.to_prefill - sequence.cached)
        return sequence.chunk

    def _step(self) -> None:
        decoding = [one for one in self.running if one.decodes]
        filling = [one for one in self.running if not one.decodes and one.chunk]
        if not decoding and not filling:
            return
        done = [one for one in filling if one.cached + one.chunk == one.to_prefill]
        batch = Batch(
            decoding=len(decoding),
            decoding_kv=sum(one.cached + 1 for one in decoding),
            new=sum(one.chunk for one in filling),
            pairs=sum(one.cached + n for one in filling for n in range(1, one.chunk + 1)),
            new_kv=sum(one.cached + one.chunk for one in filling),
            sampled=len(decoding) + len(done),
        )
        start_s, self.now_s = self.now_s, self.now_s + self.step_seconds(batch)
        self.steps.append(
            Step(
                start_s,
                self.now_s,
                len(decoding) + len(filling),
                batch.decoding + batch.new,
                batch.sampled,
            )
        )
        for one in filling:
            one.cached, one.chunk = one.cached + one.chunk, 0
        for one in decoding:
            one.cached += 1
        for one in decoding + done:
            self._produce(one)

    def _produce(self, sequence: Served) -> None:
        sequence.produced += 1
        sequence.token_at_s.append(self.now_s)
        if sequence.first_token_s is None:
            sequence.first_token_s = self.now_s
        if sequence.produced == sequence.request.output_tokens:
            sequence.status, sequence.finish_s = "finished", self.now_s
            self.running.remove(sequence)


def arrival(sequence: Served) -> float:
    """When it comes."""
    assert sequence.request.arrival_s is not None
    return sequence.request.arrival_s
