"""The sequences of one rank that decode, as sums that change by addition.

Nothing here loops over the batch in a step: each sequence is filed under the step in which it
ends, and the sums grow by the number of sequences. Under a sliding window it is filed under the
step in which it fills the window, too; in chunks, its place in its chunk grows and is put back to
nothing whenever the chunk is full, so that sequences are filed by the steps in which that happens.
Until the next such step the sums grow by rule, and many steps can be passed at once.
"""

from collections import defaultdict
from dataclasses import dataclass, field
from heapq import heappop, heappush
from math import inf

from sim.physics.sums import window_kv_tokens
from sim.serving.sequence import ServedSequence
from sim.spec.model import Window


@dataclass(slots=True)
class DecodeBatch:
    """All sums are as they stand after the last finished step."""

    window: Window | None
    sequences: int = 0
    kv_tokens: int = 0
    window_kv_tokens: int = 0
    """What the last token of each sequence attends to."""
    growing: int = 0
    """Sequences of which the next token attends to one more."""
    _full: int = 0
    """Those of which it starts a new chunk."""
    _finishing: dict[int, list[ServedSequence]] = field(default_factory=dict)
    _filling: defaultdict[int, int] = field(default_factory=lambda: defaultdict(int))
    """How many fill their window in a step; or a chunk, in steps with this rest modulo its size."""
    _changes: list[int] = field(default_factory=list)
    """A heap of the steps after which something else happens than growth; some of them twice."""

    def add(self, sequence: ServedSequence, step: int) -> None:
        """Let a sequence, whose prompt ended with this step, decode from the next one on."""
        assert sequence.finish_step is not None
        self._finishing.setdefault(sequence.finish_step, []).append(sequence)
        heappush(self._changes, sequence.finish_step)
        self._count(sequence, step, 1)

    def remove(self, sequence: ServedSequence, step: int) -> None:
        """Take out a sequence before its end; `step` is the last finished one."""
        assert sequence.finish_step is not None
        self._finishing[sequence.finish_step].remove(sequence)
        self._count(sequence, step, -1)

    def advance(self, step: int) -> list[ServedSequence]:
        """Finish a step: every sequence is one token longer; those that ended leave."""
        self.kv_tokens += self.sequences
        self._advance_window(step)
        ended = self._finishing.pop(step, [])
        for sequence in ended:
            self._count(sequence, step, -1)
        return ended

    def steps_to_change(self, step: int) -> float:
        """After how many steps, this one included, something else happens than growth."""
        while self._changes and self._changes[0] < step:
            heappop(self._changes)
        found = self._changes[0] - step + 1 if self._changes else inf
        if self.window is not None and self.window.kind == "chunked":
            tokens = self.window.tokens
            full = ((place - step) % tokens for place, count in self._filling.items() if count)
            found = min(found, 1 + min(full, default=tokens))
        return found

    def pass_by(self, steps: int) -> None:
        """Finish so many steps in which there is nothing but growth."""
        self.kv_tokens += steps * self.sequences
        if self.window is not None and steps:
            self.window_kv_tokens = self.next_window_kv_tokens + (steps - 1) * self.growing
            self._full = 0

    @property
    def next_kv_tokens(self) -> int:
        """What the next step attends to, its new tokens included."""
        return self.kv_tokens + self.sequences

    @property
    def next_window_kv_tokens(self) -> int:
        """The same of layers with a window."""
        chunk_tokens = self.window.tokens if self.window else 0
        return self.window_kv_tokens + self.growing - self._full * chunk_tokens

    def _advance_window(self, step: int) -> None:
        if self.window is None:
            return
        self.window_kv_tokens = self.next_window_kv_tokens
        if self.window.kind == "chunked":
            self._full = self._filling[step % self.window.tokens]
        else:
            self.growing -= self._filling.pop(step, 0)

    def _count(self, sequence: ServedSequence, step: int, sign: int) -> None:
        length = sequence.length_after(step)
        self.sequences += sign
        self.kv_tokens += sign * length
        if self.window is None:
            return
        tokens = self.window.tokens
        self.window_kv_tokens += sign * int(window_kv_tokens(length, self.window))
        if self.window.kind == "chunked":
            self.growing += sign
            self._full += sign * (length % tokens == 0)
            self._filling[-sequence.offset % tokens] += sign
        elif length < tokens:
            self.growing += sign
            self._filling[tokens - sequence.offset] += sign
            heappush(self._changes, tokens - sequence.offset)
