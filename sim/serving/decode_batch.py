"""The sequences of one rank that decode, as sums that change by addition.

Nothing here loops over the batch in a step: each sequence is filed under the step in which it
ends (and under the one in which it fills its attention window), and the sums grow by the number
of sequences.
"""

from collections import defaultdict
from dataclasses import dataclass, field

from sim.serving.sequence import ServedSequence


@dataclass(slots=True)
class DecodeBatch:
    """All sums are as they stand after the last finished step."""

    window_tokens: int | None
    sequences: int = 0
    kv_tokens: int = 0
    window_kv_tokens: int = 0
    """Of each sequence at most the window."""
    _below_window: int = 0
    _finishing: dict[int, list[ServedSequence]] = field(default_factory=dict)
    _filling: defaultdict[int, int] = field(default_factory=lambda: defaultdict(int))

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
        self.window_kv_tokens += self._below_window
        self._below_window -= self._filling.pop(step, 0)
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
        return self.window_kv_tokens + self._below_window

    def _count(self, sequence: ServedSequence, step: int, sign: int) -> None:
        length = sequence.length_after(step)
        self.sequences += sign
        self.kv_tokens += sign * length
        if self.window_tokens is None:
            return
        self.window_kv_tokens += sign * min(length, self.window_tokens)
        if length < self.window_tokens:
            self._below_window += sign
            self._filling[self.window_tokens - sequence.offset] += sign
