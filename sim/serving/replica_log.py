"""What a replica leaves behind: rows of requests and steps, and the use of devices and links.

Everything is written from the plan of a step and how its phases went, by the same code for all
ways of playing it; so they cannot differ in what they record.
"""

from dataclasses import dataclass, field

import numpy as np

from sim.physics.sums import StepSums
from sim.record.recorder import Recorder, Stall, Status, StepRow, TransferRow, step_kind
from sim.record.usage import ExpertTokens
from sim.serving.deployment import DeployedReplica, DeployedScenario
from sim.serving.link_use import add_link_use
from sim.serving.measured_share import is_looked_at
from sim.serving.rebalancing import REBALANCE
from sim.serving.ruled_steps import RuledSteps
from sim.serving.sequence import ServedSequence
from sim.serving.step_plan import COMMUNICATION, KINDS, Played, StepPlan
from sim.serving.stretch import Stretch
from sim.serving.stretch_log import StretchLog

_COMPUTES = np.array([kind in ("attention", "dense", "experts") for kind in KINDS])
_MOVES = np.array([kind in COMMUNICATION for kind in KINDS])


@dataclass(slots=True)
class ReplicaLog:
    """The recorder, and where in it this replica's things go."""

    recorder: Recorder
    pool: str
    replica: int
    devices: np.ndarray
    """Their numbers in the cluster."""
    capacity_bytes_per_s: np.ndarray
    """Of every link, as the steps that come are priced."""
    stretches: StretchLog | None = None
    """Where what steps used follows from their sums; then it is worked out many at a time."""
    expert_tokens: ExpertTokens | None = None
    """Where draws count the tokens of each expert."""
    first_devices: np.ndarray = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    """(groups of experts): the first device of each."""
    keeps_steps: bool = True
    keeps_transfers: bool = False

    @property
    def name(self) -> str:
        """What the replica is called where links tell who used them."""
        return f"{self.pool}/{self.replica}"

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

    def late_token(self, sequence: ServedSequence, at_s: float) -> None:
        """Record how long a preempted sequence waited for its next token."""
        assert sequence.last_token_s is not None
        self.recorder.add_gap(at_s - sequence.last_token_s, 1)
        stall = Stall(sequence.request.number, sequence.last_token_s, at_s)
        self.recorder.stalls.append(stall)

    def stretch(self, stretch: Stretch, ended: int) -> None:
        """Record the steps of a stretch that went by rule, up to so many."""
        assert self.stretches is not None
        done = stretch.logged
        start_s = stretch.ends_s[done - 1] if done else stretch.start_s
        self.stretches.add(stretch, done, ended - done, start_s)
        stretch.logged = ended

    def step(self, stretch: Stretch, start_s: float, plan: StepPlan, played: Played | None) -> None:
        """Record the last step of a stretch that has ended: its tokens, time, and what it used."""
        if self.keeps_transfers:
            self._transfers(stretch.last_step, start_s, plan, played)
        if self.stretches is not None:
            if played is None:
                self.stretch(stretch, len(stretch.ends_s))
                return
            self.stretches.settle()
        stretch.logged = len(stretch.ends_s)
        by_kind = plan.seconds_by_kind(played)
        waits_s = _waits_s(plan, by_kind)
        self._device_use(plan, by_kind, waits_s)
        self._expert_use(plan)
        add_link_use(self.recorder.links, plan, played, self.capacity_bytes_per_s)
        sums = stretch.sums_after(len(stretch.ends_s) - 1)
        if is_looked_at(stretch.last_step):
            numbers = np.array([np.atleast_1d(one) for one in sums])
            self.recorder.look_at((self.pool, self.replica), numbers[:, None])
        self._tokens(stretch, start_s, sums, by_kind, float(waits_s.mean()))

    def _tokens(
        self,
        stretch: Stretch,
        start_s: float,
        sums: StepSums,
        by_kind: np.ndarray,
        wait_s: float,
    ) -> None:
        end_s = stretch.ends_s[-1]
        decoded, produced = int(np.sum(sums.decode_tokens)), int(np.sum(sums.sampled_tokens))
        tokens = decoded + int(np.sum(sums.prefill_tokens))
        if decoded > stretch.newcomers:
            self.recorder.add_gap(end_s - start_s, decoded - stretch.newcomers)
        self.recorder.add_output(end_s, produced)
        if not self.keeps_steps:
            return
        seconds = dict(zip((f"{kind}_s" for kind in KINDS), by_kind.tolist(), strict=True))
        row = StepRow(
            pool=self.pool,
            replica=self.replica,
            step=stretch.last_step,
            steps=1,
            start_s=start_s,
            end_s=end_s,
            kind=step_kind(decoded, tokens),
            sequences=stretch.sequences,
            tokens=tokens,
            output_tokens=produced,
            wait_s=wait_s,
            exposed_communication_s=float(by_kind[_MOVES].sum()),
            **seconds,
        )
        self.recorder.steps.append(row)

    def reprice(self, capacity_bytes_per_s: np.ndarray, ruled: RuledSteps | None) -> None:
        """Record steps from now on as those of a network that has changed."""
        self.capacity_bytes_per_s = capacity_bytes_per_s
        if self.stretches is not None:
            assert ruled is not None
            self.stretches.reprice(capacity_bytes_per_s, ruled)

    def cut(self, stretch: Stretch, now_s: float) -> None:
        """Record that the run ended in the middle of a stretch."""
        ended = stretch.ended_by(now_s)
        start_s = stretch.ends_s[ended - 1] if ended else stretch.start_s
        if ended < len(stretch.ends_s):
            self.stretch(stretch, ended)
        self.recorder.devices.cut_s[self.devices] += now_s - start_s

    def close(self) -> None:
        """Write what is still to be worked out."""
        if self.stretches is not None:
            self.stretches.close()

    def _expert_use(self, plan: StepPlan) -> None:
        if self.expert_tokens is None or plan.expert_tokens is None:
            return
        if plan.expert_places is not None:
            group_of, expert_of = plan.expert_places
            self.expert_tokens.lie(expert_of, self.first_devices[group_of])
        self.expert_tokens.add(plan.expert_tokens, plan.fullest_expert_tokens)

    def _device_use(self, plan: StepPlan, by_kind: np.ndarray, waits_s: np.ndarray) -> None:
        use, devices = self.recorder.devices, self.devices
        use.compute_busy_s[devices] += plan.busy_s
        use.wait_s[devices] += waits_s
        use.communication_s[devices] += by_kind[_MOVES].sum()
        use.overhead_s[devices] += by_kind[KINDS.index("overhead")]
        use.flop[devices] += plan.flop
        use.bytes[devices] += plan.memory_bytes

    def _transfers(self, step: int, start_s: float, plan: StepPlan, played: Played | None) -> None:
        as_planned = Played(plan.seconds, np.ones(len(plan.seconds), dtype=bool))
        seconds = (played or as_planned).seconds
        starts_s = np.add.accumulate(np.concatenate([[start_s], seconds[:-1]]))
        for number in plan.program.transfer_phases:
            if plan.program.phases[number].slot == REBALANCE and not plan.loads(number).mask:
                continue
            self.recorder.transfers.append(
                TransferRow(
                    pool=self.pool,
                    replica=self.replica,
                    step=step,
                    kind=plan.program.phases[number].kind,
                    start_s=float(starts_s[number]),
                    duration_s=float(seconds[number]),
                    link_bytes=(played or as_planned).link_bytes(plan, number),
                    was_alone=bool((played or as_planned).was_alone[number]),
                )
            )


def replica_log(deployed: DeployedScenario, one: DeployedReplica, recorder: Recorder) -> ReplicaLog:
    """The log of one replica, and what it needs of the scenario."""
    scenario, layout = deployed.scenario, one.layout
    expert_tokens = None
    first = np.array([group[0] for group in layout.expert_groups])
    if one.law is not None and scenario.experts.draws == "expert":
        expert_tokens = ExpertTokens.of(
            layout.pool.name,
            layout.number,
            first[one.law.group_of],
            scenario.model.expert_layers,
            one.law.expert_of,
        )
        recorder.experts.append(expert_tokens)
    pool, devices = layout.pool.name, np.array(layout.devices)
    capacity_bytes_per_s, keeps = deployed.network.capacity_bytes_per_s, scenario.record.steps
    stretches = None
    if one.pricer.ruled is not None:
        stretches = StretchLog(
            recorder, pool, layout.number, devices, capacity_bytes_per_s, one.pricer.ruled, keeps
        )
    return ReplicaLog(
        recorder,
        pool,
        layout.number,
        devices,
        capacity_bytes_per_s,
        stretches,
        expert_tokens,
        first,
        keeps_steps=keeps != "off",
        keeps_transfers=scenario.record.transfers,
    )


def _waits_s(plan: StepPlan, by_kind: np.ndarray) -> np.ndarray:
    """(devices): what each waited for slower ones; rounding must not make it negative."""
    waits_s: np.ndarray = np.maximum(by_kind[_COMPUTES].sum() - plan.busy_s, 0.0)
    return waits_s
