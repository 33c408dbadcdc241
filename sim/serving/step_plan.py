"""What one step of a replica does: its phases in order, each so many seconds or bytes on links.

The order never changes, so it is kept once, as a `Program`: each phase names a *slot* (all
attention layers share one price; every layer of experts has its own) and a row of it. A step is
then a few values, one for each row of each slot, and a phase ends at the start plus the values of
what has gone before, each times how often it occurred. So the length of a step is found without
its phases, and is the same to the bit however it is played.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np

from sim.experts.placement import Places
from sim.network.carried import Carried
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
    kinds: tuple[PhaseKind, ...]
    """Of each slot."""
    repeats: Mapping[str, int]
    """How many phases have the price of a slot (or of each of its rows)."""
    kind_of_phase: np.ndarray
    value_of_phase: np.ndarray
    """Where a phase stands among the values: the rows of all slots."""
    kind_of_value: np.ndarray
    repeats_of_value: np.ndarray
    transfer_phases: np.ndarray
    _so_far: np.ndarray
    """(phases, values): how often each value has occurred when a phase ends."""

    @classmethod
    def of(cls, phases: Sequence[Phase], last: Sequence[str] = ()) -> "Program":
        """Number the slots and rows of these phases; some slots after all others."""
        kind_of = {phase.slot: phase.kind for phase in phases}
        slots = tuple(sorted(kind_of, key=lambda slot: slot in last and 1 + last.index(slot)))
        rows = tuple(1 + max(p.row for p in phases if p.slot == slot) for slot in slots)
        start = dict(zip(slots, np.cumsum([0, *rows[:-1]]).tolist(), strict=True))
        kinds = [KINDS.index(kind_of[slot]) for slot in slots]
        value_of_phase = np.array([start[phase.slot] + phase.row for phase in phases])
        repeats = {
            slot: sum(phase.slot == slot for phase in phases) // count
            for slot, count in zip(slots, rows, strict=True)
        }
        return cls(
            phases=tuple(phases),
            slots=slots,
            rows=rows,
            kinds=tuple(kind_of[slot] for slot in slots),
            repeats=repeats,
            kind_of_phase=np.array([KINDS.index(phase.kind) for phase in phases]),
            value_of_phase=value_of_phase,
            kind_of_value=np.repeat(kinds, rows),
            repeats_of_value=np.repeat([float(repeats[slot]) for slot in slots], rows),
            transfer_phases=np.array(
                [number for number, p in enumerate(phases) if p.kind in COMMUNICATION], dtype=int
            ),
            _so_far=np.add.accumulate(np.eye(sum(rows))[value_of_phase], axis=0),
        )

    def values(self, of_slot: Mapping[str, np.ndarray | float]) -> np.ndarray:
        """The values of a step from those of its slots."""
        return np.concatenate([np.atleast_1d(of_slot[slot]) for slot in self.slots])

    def ends_s(self, values: np.ndarray) -> np.ndarray:
        """(phases): when each ends, from the start of the step."""
        terms = self._so_far * values
        ends_s: np.ndarray = np.add.accumulate(terms, axis=1)[:, -1]
        return ends_s


@dataclass(frozen=True, slots=True)
class StepPlan:
    """One step, priced. Arrays by device are over the replica's devices."""

    program: Program
    values: np.ndarray
    """How long each phase of a value takes when nobody else uses its links."""
    transfers: Mapping[str, Loads]
    """The communication slots; bytes are (links) or (rows, links)."""
    busy_s: np.ndarray
    """(devices): arithmetic and memory traffic of the device itself."""
    flop: np.ndarray
    memory_bytes: np.ndarray
    expert_tokens: np.ndarray | None = None
    """(layers of experts, experts or their copies), where the draw counts them."""
    fullest_expert_tokens: np.ndarray | None = None
    """(layers of experts): of the device that got the most, with them."""
    expert_places: Places | None = None
    """Where experts lie, if that can change."""

    @property
    def seconds(self) -> np.ndarray:
        """(phases): how long each takes when nobody else uses its links."""
        of_phase: np.ndarray = self.values[self.program.value_of_phase]
        return of_phase

    @property
    def duration_s(self) -> float:
        """How long the step takes when nobody else uses its links."""
        return float(np.add.accumulate(self.program.repeats_of_value * self.values)[-1])

    def seconds_by_kind(self, played: "Played | None") -> np.ndarray:
        """(kinds): added up over the phases, as they were planned or as they were played."""
        program = self.program
        if played is not None:
            return np.bincount(program.kind_of_phase, played.seconds, minlength=len(KINDS))
        seconds = program.repeats_of_value * self.values
        return np.bincount(program.kind_of_value, seconds, minlength=len(KINDS))

    def loads(self, phase_number: int) -> Loads:
        """What a communication phase puts on the links."""
        phase = self.program.phases[phase_number]
        loads = self.transfers[phase.slot]
        return loads if loads.amounts.ndim == 1 else loads.at(phase.row)


class Played(NamedTuple):
    """How a step went that others held up."""

    seconds: np.ndarray
    """(phases): how long each took."""
    was_alone: np.ndarray
    """(phases): whether no other transfer touched its links meanwhile."""
    carried: Mapping[int, Sequence[Carried]] | None = None
    """What went where in each communication phase, if the network changed in this step."""

    def link_bytes(self, plan: StepPlan, number: int) -> float:
        """What a communication phase put on links, added up over them."""
        if self.carried is None:
            return float(plan.loads(number).bytes.sum())
        return float(sum(one.loads.bytes.sum() * one.share for one in self.carried[number]))
