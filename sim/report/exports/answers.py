"""What became of each request of a run, as the exports need it."""

from typing import NamedTuple

import numpy as np

from sim.record.token_times import tokens_of_requests_s
from sim.simulation import Run


class Answer(NamedTuple):
    """One request; instants are of the simulated clock."""

    request: int
    arrival_s: float
    wait_s: float | None
    """From its arrival to its first step; None where it had none."""
    input_tokens: int
    token_at_s: np.ndarray
    """(tokens): when each was produced, also of an answer that was not finished."""
    end_s: float
    """The last token; of one that was cut off, the end of the run; of one refused, its arrival."""
    problem: str
    """Empty where it was finished, else how it ended."""

    @property
    def ttft_s(self) -> float | None:
        """To the first token; None where there is none."""
        return float(self.token_at_s[0] - self.arrival_s) if len(self.token_at_s) else None

    @property
    def latency_s(self) -> float:
        """To its end."""
        return self.end_s - self.arrival_s

    @property
    def gaps_s(self) -> list[float]:
        """From each token to the next."""
        gaps_s: list[float] = np.diff(self.token_at_s).tolist()
        return gaps_s


def answers(run: Run) -> list[Answer]:
    """Every request, in the order of their numbers."""
    requests = run.requests
    tokens_s = tokens_of_requests_s(requests, run.steps, run.recorder.stalls)
    columns = ("request", "arrival_s", "first_scheduled_s", "prompt_tokens", "status")
    rows = zip(*(requests[column].tolist() for column in columns), tokens_s, strict=True)
    return [
        Answer(
            request=number,
            arrival_s=arrival_s,
            wait_s=None if np.isnan(scheduled_s) else scheduled_s - arrival_s,
            input_tokens=prompt_tokens,
            token_at_s=token_at_s,
            end_s=_end_s(status, token_at_s, arrival_s, run.recorder.elapsed_s),
            problem="" if status == "finished" else status,
        )
        for number, arrival_s, scheduled_s, prompt_tokens, status, token_at_s in rows
    ]


def _end_s(status: str, token_at_s: np.ndarray, arrival_s: float, elapsed_s: float) -> float:
    if status == "unfinished":
        return elapsed_s
    return float(token_at_s[-1]) if len(token_at_s) else arrival_s
