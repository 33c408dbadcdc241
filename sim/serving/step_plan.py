"""What one step of a replica does: its phases in order, each so many seconds or bytes on links.

The order never changes, so it is kept once, as a `Program`: each phase names a *slot* (all
attention layers share one price; every layer of experts has its own) and a row of it. A plan
holds the slots' values of one step, and the same plan is played phase by phase or as one event.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np

from sim.network.loads import Loads

PhaseKind = Literal[
    "attention", "dense", "experts", "dispatch", "combine", "collective", "overhead"
]
KINDS: tuple[PhaseKind, ...] = (
    "attention",
    "dense",
    "experts",
    "dispatch",
    "combine",
    "collective",
    "overhead",
)
COMMUNICATION: frozenset[PhaseKind] = frozenset({"dispatch", "combine", "collective"})


class Phase(NamedTuple):
    """One part of a layer: what is recorded of it, and where its price stands."""

    kind: PhaseKind
    slot: str
    row: int = 0


@dataclass(frozen=True, slots=True)
class Program:
    """The phases of every step of a replica, in order."""

    phases: tuple[Phase, ...]
    slots: tuple[str, ...]
    rows: tuple[int, ...]
    """How many rows each slot has."""
    kind_of_phase: np.ndarray
    value_of_phase: np.ndarray
    """Where a phase stands among the rows of all slots."""
    transfer_phases: np.ndarray
    repeats: Mapping[str, int]
    """How many phases have the price of a slot (or of each of its rows)."""

    @classmethod
    def of(cls, phases: Sequence[Phase]) -> "Program":
        """Number the slots and rows of these phases."""
        slots = tuple(dict.fromkeys(phase.slot for phase in phases))
        rows = tuple(1 + max(p.row for p in phases if p.slot == slot) for slot in slots)
        start = dict(zip(slots, np.cumsum([0, *rows[:-1]]).tolist(), strict=True))
        return cls(
            phases=tuple(phases),
            slots=slots,
            rows=rows,
            kind_of_phase=np.array([KINDS.index(phase.kind) for phase in phases]),
            value_of_phase=np.array([start[phase.slot] + phase.row for phase in phases]),
            transfer_phases=np.array(
                [number for number, p in enumerate(phases) if p.kind in COMMUNICATION], dtype=int
            ),
            repeats={
                slot: sum(phase.slot == slot for phase in phases) // count
                for slot, count in zip(slots, rows, strict=True)
            },
        )

    def seconds(self, of_slot: Mapping[str, np.ndarray | float]) -> np.ndarray:
        """The lengths of all phases from the lengths of the slots."""
        values = np.concatenate([np.atleast_1d(of_slot[slot]) for slot in self.slots])
        of_phase: np.ndarray = values[self.value_of_phase]
        return of_phase


@dataclass(frozen=True, slots=True)
class StepPlan:
    """One step, priced. Arrays by device are over the replica's devices."""

    program: Program
    seconds: np.ndarray
    """(phases): how long each takes when nobody else uses its links."""
    transfers: Mapping[str, Loads]
    """The communication slots; bytes are (links) or (rows, links)."""
    busy_s: np.ndarray
    """(devices): arithmetic and memory traffic of the device itself."""
    flop: np.ndarray
    memory_bytes: np.ndarray
    expert_tokens: np.ndarray | None = None
    """(layers of experts, experts), where the draw counts them."""
    fullest_expert_tokens: np.ndarray | None = None
    """(layers of experts): of the device that got the most, with them."""

    def loads(self, phase_number: int) -> Loads:
        """What a communication phase puts on the links."""
        phase = self.program.phases[phase_number]
        loads = self.transfers[phase.slot]
        return loads if loads.bytes.ndim == 1 else loads.at(phase.row)

    def seconds_by_kind(self, seconds: np.ndarray) -> np.ndarray:
        """(kinds): these phase lengths, added up in order."""
        return np.bincount(self.program.kind_of_phase, weights=seconds, minlength=len(KINDS))

    def ends_at_s(self, start_s: float) -> float:
        """When it ends if nobody disturbs it: the sum in the order in which phases follow."""
        return float(np.add.accumulate(np.concatenate([[start_s], self.seconds]))[-1])


_OVERHEAD = Program.of([Phase("overhead", "step")])


def constant_plan(seconds: float, devices: int = 1) -> StepPlan:
    """A step that takes this long and does nothing else: queueing theory's server."""
    nothing = np.zeros(devices)
    return StepPlan(_OVERHEAD, np.array([seconds]), {}, nothing, nothing, nothing)
