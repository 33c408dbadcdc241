"""What a replica leaves behind: rows of requests and steps, and the use of devices and links.

Everything is written once a step, from its plan and from how long its phases took, by the same
code for both ways of playing it; so they cannot differ in what they record.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from sim.network.accounting import add_alone, add_bytes
from sim.physics.sums import StepSums
from sim.record.recorder import (
    ExpertTokens,
    LinkUsage,
    Recorder,
    Stall,
    Status,
    StepRow,
    TransferRow,
)
from sim.serving.players import Played
from sim.serving.rank import StepOutcome
from sim.serving.sequence import ServedSequence
from sim.serving.step_plan import COMMUNICATION, KINDS, StepPlan

_COMPUTES = np.array([kind in ("attention", "dense", "experts") for kind in KINDS])
_MOVES = np.array([kind in COMMUNICATION for kind in KINDS])


class StepFacts(NamedTuple):
    """One finished step."""

    step: int
    start_s: float
    end_s: float
    sums: StepSums
    plan: StepPlan
    played: Played


@dataclass(frozen=True, slots=True)
class ReplicaLog:
    """The recorder, and where in it this replica's things go."""

    recorder: Recorder
    pool: str
    replica: int
    devices: np.ndarray
    """Their numbers in the cluster."""
    capacity_bytes_per_s: np.ndarray
    """Of every link."""
    expert_tokens: ExpertTokens | None = None
    """Where draws count the tokens of each expert."""
    keeps_steps: bool = True
    keeps_transfers: bool = False

    def request(
        self,
        sequence: ServedSequence,
        rank: int | None,
        status: Status,
        finish_s: float | None,
        output_tokens: int,
    ) -> None:
        """Record a request that ended, or is open when the run ends."""
        row = sequence.row(status, finish_s, output_tokens, self.pool, self.replica, rank)
        self.recorder.requests.append(row)

    def step(self, facts: StepFacts, outcomes: Sequence[StepOutcome]) -> None:
        """Record a finished step: its tokens, its time, and what it used."""
        by_kind = facts.plan.seconds_by_kind(facts.played.seconds)
        self._tokens(facts, outcomes)
        self._device_use(facts.plan, by_kind)
        self._expert_use(facts.plan)
        add_link_use(self.recorder.links, facts.plan, facts.played, self.capacity_bytes_per_s)
        if self.keeps_steps:
            self.recorder.steps.append(self._step_row(facts, outcomes, by_kind))
        if self.keeps_transfers:
            self.recorder.transfers.extend(self._transfer_rows(facts))

    def cut(self, in_flight_s: float) -> None:
        """Record that the run ended in the middle of a step."""
        self.recorder.devices.cut_s[self.devices] += in_flight_s

    def _tokens(self, facts: StepFacts, outcomes: Sequence[StepOutcome]) -> None:
        decoded = sum(outcome.decoded for outcome in outcomes)
        if decoded:
            self.recorder.add_gap(facts.end_s - facts.start_s, decoded)
        firsts = [sequence for outcome in outcomes for sequence in outcome.first_tokens]
        for sequence in firsts:
            if sequence.last_token_s is not None:
                self.recorder.add_gap(facts.end_s - sequence.last_token_s, 1)
                stall = Stall(sequence.request.number, sequence.last_token_s, facts.end_s)
                self.recorder.stalls.append(stall)
        self.recorder.add_output(facts.end_s, decoded + len(firsts))

    def _expert_use(self, plan: StepPlan) -> None:
        if self.expert_tokens is not None and plan.expert_tokens is not None:
            self.expert_tokens.counts += plan.expert_tokens
            self.expert_tokens.fullest_counts += plan.fullest_expert_tokens

    def _device_use(self, plan: StepPlan, by_kind: np.ndarray) -> None:
        use, devices = self.recorder.devices, self.devices
        use.compute_busy_s[devices] += plan.busy_s
        use.wait_s[devices] += _waits_s(plan, by_kind)
        use.communication_s[devices] += by_kind[_MOVES].sum()
        use.overhead_s[devices] += by_kind[KINDS.index("overhead")]
        use.flop[devices] += plan.flop
        use.bytes[devices] += plan.memory_bytes

    def _step_row(
        self, facts: StepFacts, outcomes: Sequence[StepOutcome], by_kind: np.ndarray
    ) -> StepRow:
        sums = facts.sums
        decoded, prefilled = int(np.sum(sums.decode_tokens)), int(np.sum(sums.prefill_tokens))
        seconds = {f"{kind}_s": float(by_kind[number]) for number, kind in enumerate(KINDS)}
        return StepRow(
            pool=self.pool,
            replica=self.replica,
            step=facts.step,
            start_s=facts.start_s,
            end_s=facts.end_s,
            kind="mixed" if decoded and prefilled else "decode" if decoded else "prefill",
            sequences=sum(outcome.sequences for outcome in outcomes),
            tokens=decoded + prefilled,
            output_tokens=sum(o.decoded + len(o.first_tokens) for o in outcomes),
            wait_s=float(_waits_s(facts.plan, by_kind).mean()),
            exposed_communication_s=float(by_kind[_MOVES].sum()),
            **seconds,
        )

    def _transfer_rows(self, facts: StepFacts) -> list[TransferRow]:
        before = np.concatenate([[facts.start_s], facts.played.seconds[:-1]])
        starts_s = np.add.accumulate(before)
        return [
            TransferRow(
                pool=self.pool,
                replica=self.replica,
                step=facts.step,
                kind=facts.plan.program.phases[number].kind,
                start_s=float(starts_s[number]),
                duration_s=float(facts.played.seconds[number]),
                link_bytes=float(facts.plan.loads(number).bytes.sum()),
                was_alone=bool(facts.played.was_alone[number]),
            )
            for number in facts.plan.program.transfer_phases
        ]


def _waits_s(plan: StepPlan, by_kind: np.ndarray) -> np.ndarray:
    """(devices): what each waited for slower ones; rounding must not make it negative."""
    waits_s: np.ndarray = np.maximum(by_kind[_COMPUTES].sum() - plan.busy_s, 0.0)
    return waits_s


def add_link_use(
    usage: LinkUsage, plan: StepPlan, played: Played, capacity_bytes_per_s: np.ndarray
) -> None:
    """Add a finished step's transfers; the fabric has the seconds of those that met others."""
    if played.was_alone.all():
        for slot, loads in plan.transfers.items():
            add_alone(usage, loads, capacity_bytes_per_s, plan.program.repeats[slot])
        return
    for number in plan.program.transfer_phases:
        if played.was_alone[number]:
            add_alone(usage, plan.loads(number), capacity_bytes_per_s)
        else:
            add_bytes(usage, plan.loads(number))
