"""The KV cache of one rank: how many blocks are free, and when growing sequences need one more.

Every decoding sequence grows by one token a step, so the steps in which it needs a new block
are known from one number: its length modulo the block, at step 0. A ring counts the sequences
by that number, and the blocks that a step needs are one entry of it, however many sequences
run.
"""

from dataclasses import dataclass, field


@dataclass(slots=True)
class KvCache:
    """Blocks of tokens. A sequence holds all the blocks of its prompt from its admission on."""

    capacity_blocks: int
    block_tokens: int
    free_blocks: int = field(init=False)
    _growing: list[int] = field(init=False)
    _growing_sequences: int = 0

    def __post_init__(self) -> None:
        """Start empty."""
        self.free_blocks = self.capacity_blocks
        self._growing = [0] * self.block_tokens

    def blocks(self, tokens: int) -> int:
        """The blocks that so many tokens of one sequence take."""
        return -(-tokens // self.block_tokens)

    def fits_ever(self, tokens: int) -> bool:
        """Whether one sequence of this length fits into the empty cache."""
        return self.blocks(tokens) <= self.capacity_blocks

    def try_hold(self, tokens: int) -> bool:
        """Take the blocks of a new sequence, all of them or none."""
        needed = self.blocks(tokens)
        if needed > self.free_blocks:
            return False
        self.free_blocks -= needed
        return True

    def release(self, tokens: int) -> None:
        """Give back the blocks of a sequence of this length."""
        self.free_blocks += self.blocks(tokens)

    def start_growing(self, offset: int) -> None:
        """A sequence begins to decode; its length after step j will be `offset + j`."""
        self._growing[offset % self.block_tokens] += 1
        self._growing_sequences += 1

    def stop_growing(self, offset: int) -> None:
        """A sequence that decoded is finished or preempted."""
        self._growing[offset % self.block_tokens] -= 1
        self._growing_sequences -= 1

    def blocks_needed(self, step: int) -> int:
        """How many decoding sequences have their last block full before this step."""
        return self._growing[(1 - step) % self.block_tokens]

    def grow(self, step: int, steps: int = 1) -> None:
        """Take the blocks that this step (and those after it) needs; there must be room."""
        # In as many steps as a block has tokens, every growing sequence needs one.
        cycles, rest = divmod(steps, self.block_tokens)
        last = (1 - step) % self.block_tokens + 1
        first = last - rest
        needed = sum(self._growing[max(first, 0) : last])
        if first < 0:
            needed += sum(self._growing[first:])
        self.free_blocks -= cycles * self._growing_sequences + needed
        assert self.free_blocks >= 0

    def steps_with_room(self, step: int, most: int) -> int:
        """For how many steps from this one on, up to `most`, there are blocks enough."""
        free, growing = self.free_blocks, self._growing_sequences
        if growing * -(-most // self.block_tokens) <= free:
            return most
        cycles, free = divmod(free, growing)
        found = cycles * self.block_tokens
        while found < most and self.blocks_needed(step + found) <= free:
            free -= self.blocks_needed(step + found)
            found += 1
        return found
