"""What is said to a rank, and what it says of a step."""

from dataclasses import dataclass
from typing import NamedTuple

from sim.serving.sequence import ServedSequence
from sim.spec.model import Window


@dataclass(frozen=True, slots=True)
class RankLimits:
    """What the engine allows each rank."""

    max_sequences: int
    max_step_tokens: int
    window: Window | None = None
    prompts_are_cached: bool = False
    """Whoever is new has its prompt's keys and values with it."""


class StepOutcome(NamedTuple):
    """What one rank's part of a step brought forth."""

    first_tokens: list[ServedSequence]
    """Sequences whose prompt was completed, or that came with it and decoded for the first time."""
    ended: list[ServedSequence]
