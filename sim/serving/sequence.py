"""A request in the hands of a replica."""

from dataclasses import dataclass

import simpy

from sim.record.recorder import RequestRow, Status
from sim.workload.requests import Request


@dataclass(slots=True, eq=False)
class ServedSequence:
    """A request and how far it has come.

    While it decodes it is lazy: nothing here changes from step to step. Its length after step j is
    `offset + j`, and it ends with step `finish_step`; both are set when its prompt is done.
    """

    request: Request
    arrival_s: float
    answered: simpy.Event
    """Happens when it ends, however it ends."""
    produced_tokens: int = 0
    """Answer tokens produced before it began to decode (again)."""
    prefill_tokens: int = 0
    """What its present admission has to compute: the prompt, and what it had already produced."""
    prefilled_tokens: int = 0
    offset: int = 0
    first_decode_step: int = 0
    finish_step: int | None = None
    """None while it waits or prefills."""
    first_scheduled_s: float | None = None
    first_token_s: float | None = None
    last_token_s: float | None = None
    """Of the last token before a preemption."""
    preemptions: int = 0

    @property
    def is_decoding(self) -> bool:
        """Whether its prompt is done."""
        return self.finish_step is not None

    @property
    def left_to_prefill(self) -> int:
        """Tokens of the prompt (and of a lost answer) still to be computed."""
        return self.prefill_tokens - self.prefilled_tokens

    def length_after(self, step: int) -> int:
        """Tokens in the cache after this step."""
        return self.offset + step if self.is_decoding else self.prefilled_tokens

    def produced_after(self, step: int) -> int:
        """Answer tokens produced by the end of this step."""
        if not self.is_decoding:
            return self.produced_tokens
        return self.produced_tokens + step - self.first_decode_step + 1

    def row(
        self,
        status: Status,
        finish_s: float | None,
        output_tokens: int,
        pool: str,
        replica: int,
        rank: int | None,
    ) -> RequestRow:
        """What is recorded of it in the end."""
        asked = self.request
        # By place, in the order of its fields: by name it takes twice as long.
        return RequestRow(
            asked.number,
            self.arrival_s,
            self.first_scheduled_s,
            self.first_token_s,
            finish_s,
            asked.prompt_tokens,
            0,  # cached_tokens
            output_tokens,
            pool,
            replica,
            rank,
            self.preemptions,
            status,
        )
