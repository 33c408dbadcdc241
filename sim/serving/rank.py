"""One attention rank: its queue, its running sequences, and what it puts into each step.

Continuous batching with chunked prefill: first every decoding sequence, then prompts in order
of admission, then new ones while tokens, places and cache blocks last. When decoding sequences
outgrow the cache, the latest admitted are preempted and computed anew later. Prompts that come with
their keys and values decode from their admission on.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field

from sim.physics.sums import StepSums, prefill, total
from sim.physics.sums import decoding as decoding_sums
from sim.serving.decode_batch import DecodeBatch
from sim.serving.kv_cache import KvCache
from sim.serving.rank_limits import RankLimits, StepOutcome
from sim.serving.sequence import ServedSequence


@dataclass(slots=True)
class Rank:
    """The schedule of one rank, without a clock: the replica says when steps begin and end."""

    number: int
    limits: RankLimits
    cache: KvCache
    decoding: DecodeBatch = field(init=False)
    waiting: deque[ServedSequence] = field(default_factory=deque)
    waiting_tokens: int = 0
    _prefilling_tokens: int = 0
    """Of whole prompts, also of the part that is computed."""
    _admitted: dict[ServedSequence, None] = field(default_factory=dict)
    _prefilling: deque[ServedSequence] = field(default_factory=deque)
    _chunks: list[tuple[ServedSequence, int]] = field(default_factory=list)
    _newcomers: list[ServedSequence] = field(default_factory=list)
    """Those that came with their prompts, in their first step."""

    def __post_init__(self) -> None:
        """Start empty."""
        self.decoding = DecodeBatch(self.limits.window)

    @property
    def running(self) -> int:
        """Sequences that take part in the step that is scheduled."""
        return self.decoding.sequences + len(self._chunks)

    @property
    def newcomers(self) -> int:
        """Sequences that decode in the step that is scheduled, and have no token before it."""
        return len(self._newcomers)

    def load_tokens_after(self, steps: int) -> int:
        """Tokens that it holds, so many steps by rule later, or has still to take in."""
        decoding_tokens = self.decoding.kv_tokens + steps * self.decoding.sequences
        return decoding_tokens + self._prefilling_tokens + self.waiting_tokens

    @property
    def in_flight(self) -> Iterator[ServedSequence]:
        """Everything that has not ended."""
        yield from self._admitted
        yield from self.waiting

    def would_start(self, sequence: ServedSequence) -> bool:
        """Whether a new sequence may be admitted at the next step, or blocks others for nothing.

        Otherwise it waits at least until some sequence has ended: until then the cache only fills.
        """
        return (
            not self.waiting
            and len(self._admitted) < self.limits.max_sequences
            and self.decoding.sequences < self.limits.max_step_tokens
            and self.cache.blocks(self._first_tokens(sequence)) <= self.cache.free_blocks
        )

    def fits_ever(self, sequence: ServedSequence) -> bool:
        """Whether a new sequence can be admitted when it is alone."""
        return self.cache.fits_ever(self._first_tokens(sequence))

    def enqueue(self, sequence: ServedSequence) -> None:
        """Let a new sequence wait; it must fit into the empty cache."""
        sequence.prefill_tokens = sequence.request.prompt_tokens
        self.waiting.append(sequence)
        self.waiting_tokens += sequence.prefill_tokens

    def schedule(self, step: int, now_s: float) -> tuple[StepSums, list[ServedSequence]]:
        """Choose this rank's part of a step; also the sequences that had to be given up."""
        failed = self._make_room(step, now_s)
        self.cache.grow(step)
        self._chunks, self._newcomers = [], []
        tokens_left = self.limits.max_step_tokens - self.decoding.sequences
        for sequence in self._prefilling:
            tokens_left -= self._take_chunk(sequence, tokens_left)
        self._admit(step, tokens_left, now_s)
        return self._sums(), failed

    def steps_by_rule(self, step: int) -> float:
        """How many steps go by rule from the one just scheduled: all that changes is lengths.

        The last of them may end sequences. Whoever waits could not be admitted now, and cannot be
        while nobody leaves.
        """
        if self._prefilling or self._newcomers:
            return 1
        until_change = self.decoding.steps_to_change(step)
        if not self.decoding.sequences:
            return until_change
        return 1 + self.cache.steps_with_room(step + 1, int(until_change) - 1)

    def pass_by(self, step: int, steps: int) -> None:
        """Finish so many steps by rule, this one first, and begin the one after them."""
        self.decoding.pass_by(steps)
        self.cache.grow(step + 1, steps)

    def finish_step(self, step: int) -> StepOutcome:
        """Apply the end of a step: tokens produced, prompts done, sequences ended."""
        ended = self.decoding.advance(step)
        for sequence in ended:
            self.cache.stop_growing(sequence.offset)
        first_tokens = [
            sequence for sequence, tokens in self._chunks if self._prefill(sequence, tokens)
        ]
        for sequence in first_tokens:
            self._leave_prefill(sequence)
            if not self._start_decoding(sequence, step):
                ended.append(sequence)
        for sequence in ended:
            self._leave(sequence, step)
        first_tokens += self._newcomers
        return StepOutcome(first_tokens, ended)

    def _make_room(self, step: int, now_s: float) -> list[ServedSequence]:
        """Preempt, latest first, until this step's blocks are free; give up one that is alone.

        What this leaves is less than the last victim needs to come back, so that none does so in
        the step that preempted it.
        """
        while self.cache.blocks_needed(step) > self.cache.free_blocks:
            victim = next(reversed(self._admitted))
            is_alone = len(self._admitted) == 1
            self._evict(victim, step - 1, now_s)
            if is_alone:
                return [victim]
            self._requeue(victim)
        return []

    def _evict(self, sequence: ServedSequence, last_step: int, now_s: float) -> None:
        """Stop a sequence between two steps, and note what it has produced."""
        if sequence.is_decoding:
            sequence.last_token_s = now_s  # it decoded in the step that ended just now
            self.decoding.remove(sequence, last_step)
            self.cache.stop_growing(sequence.offset)
        else:
            self._leave_prefill(sequence)
        self._leave(sequence, last_step)
        sequence.produced_tokens = sequence.produced_after(last_step)
        sequence.finish_step = None

    def _requeue(self, sequence: ServedSequence) -> None:
        """Put a preempted sequence at the head of the queue, to be computed anew."""
        sequence.preemptions += 1
        sequence.prefilled_tokens = 0
        sequence.prefill_tokens = sequence.request.prompt_tokens + sequence.produced_tokens
        self.waiting.appendleft(sequence)
        self.waiting_tokens += sequence.prefill_tokens

    def _leave(self, sequence: ServedSequence, step: int) -> None:
        held = max(sequence.prefill_tokens, sequence.length_after(step))
        self.cache.release(held)
        del self._admitted[sequence]

    def _admit(self, step: int, tokens_left: int, now_s: float) -> None:
        """Start waiting sequences, first come first served, until the first that finds no room."""
        while self.waiting and tokens_left > 0 and len(self._admitted) < self.limits.max_sequences:
            sequence = self.waiting[0]
            is_cached = self._is_cached(sequence)
            if not self.cache.try_hold(sequence.prefill_tokens + is_cached):
                return
            self.waiting.popleft()
            self.waiting_tokens -= sequence.prefill_tokens
            self._admitted[sequence] = None
            if sequence.first_scheduled_s is None:
                sequence.first_scheduled_s = now_s
            if is_cached:
                self._newcomers.append(sequence)
                self._decode_from(sequence, step)
                tokens_left -= 1
                continue
            self._prefilling.append(sequence)
            self._prefilling_tokens += sequence.prefill_tokens
            tokens_left -= self._take_chunk(sequence, tokens_left)

    def _is_cached(self, sequence: ServedSequence) -> bool:
        """Whether it has its prompt with it; what was preempted has lost it."""
        return self.limits.prompts_are_cached and not sequence.preemptions

    def _first_tokens(self, sequence: ServedSequence) -> int:
        """What a new sequence must have room for; one that decodes at once grows at once."""
        return sequence.request.prompt_tokens + self._is_cached(sequence)

    def _leave_prefill(self, sequence: ServedSequence) -> None:
        self._prefilling.remove(sequence)
        self._prefilling_tokens -= sequence.prefill_tokens

    def _take_chunk(self, sequence: ServedSequence, tokens_left: int) -> int:
        tokens = min(sequence.left_to_prefill, tokens_left)
        if tokens > 0:
            self._chunks.append((sequence, tokens))
        return tokens

    def _prefill(self, sequence: ServedSequence, tokens: int) -> bool:
        """Note a computed chunk; whether the prompt is done with it."""
        sequence.prefilled_tokens += tokens
        return sequence.left_to_prefill == 0

    def _start_decoding(self, sequence: ServedSequence, step: int) -> bool:
        """Count the token that the prompt's end produces; whether more are to come."""
        sequence.produced_tokens += 1
        if sequence.produced_tokens == sequence.request.output_tokens:
            return False
        self._decode_from(sequence, step + 1)
        return True

    def _decode_from(self, sequence: ServedSequence, step: int) -> None:
        """Let a sequence, all of whose tokens are in the cache, produce the rest from this step."""
        left = sequence.request.output_tokens - sequence.produced_tokens
        sequence.offset = sequence.prefill_tokens - step + 1
        sequence.first_decode_step = step
        sequence.finish_step = step - 1 + left
        self.decoding.add(sequence, step - 1)
        self.cache.start_growing(sequence.offset)

    def _sums(self) -> StepSums:
        window, batch = self.limits.window, self.decoding
        decoding = decoding_sums(batch.sequences, batch.next_kv_tokens, batch.next_window_kv_tokens)
        if not self._chunks:
            return decoding
        chunks = [
            prefill(
                tokens,
                sequence.prefilled_tokens,
                window,
                samples=tokens == sequence.left_to_prefill,
            )
            for sequence, tokens in self._chunks
        ]
        return total([decoding, *chunks])
