"""The sequences of one rank that decode, as sums that change by addition.

Nothing here loops over the batch in a step: each sequence is filed under the step in which it
ends, and the sums grow by the number of sequences. Under a sliding window it is filed under the
step in which it fills the window, too; in chunks, its place in its chunk grows and is put back to
nothing whenever the chunk is full, so that sequences are filed by the steps in which that happens.
"""

from collections import defaultdict
from dataclasses import dataclass, field

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
    _growing: int = 0
    """Sequences of which the next token attends to one more."""
    _full: int = 0
    """Those of which it starts a new chunk."""
    _finishing: dict[int, list[ServedSequence]] = field(default_factory=dict)
    _filling: defaultdict[int, int] = field(default_factory=lambda: defaultdict(int))
    """How many fill their window in a step; or a chunk, in steps with this rest modulo its size."""

    def add(self, sequence: ServedSequence, step: int) -> None:
        """Let a sequence, whose prompt ended with this step, decode from the next one on."""
        assert sequence.finish_step is not None
        self._finishing.setdefault(sequence.finish_step, []).append(sequence)
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

    @property
    def next_kv_tokens(self) -> int:
        """What the next step attends to, its new tokens included."""
        return self.kv_tokens + self.sequences

    @property
    def next_window_kv_tokens(self) -> int:
        """The same of layers with a window."""
        chunk_tokens = self.window.tokens if self.window else 0
        return self.window_kv_tokens + self._growing - self._full * chunk_tokens

    def _advance_window(self, step: int) -> None:
        if self.window is None:
            return
        self.window_kv_tokens = self.next_window_kv_tokens
        if self.window.kind == "chunked":
            self._full = self._filling[step % self.window.tokens]
        else:
            self._growing -= self._filling.pop(step, 0)

    def _count(self, sequence: ServedSequence, step: int, sign: int) -> None:
        length = sequence.length_after(step)
        self.sequences += sign
        self.kv_tokens += sign * length
        if self.window is None:
            return
        tokens = self.window.tokens
        self.window_kv_tokens += sign * int(window_kv_tokens(length, self.window))
        if self.window.kind == "chunked":
            self._growing += sign
            self._full += sign * (length % tokens == 0)
            self._filling[-sequence.offset % tokens] += sign
        elif length < tokens:
            self._growing += sign
            self._filling[tokens - sequence.offset] += sign
