"""What steps by rule used, worked out thousands at a time from their sums.

Steps are taken in blocks of fixed size, however they came in stretches, and what goes over links
is counted in whole numbers; so nothing that is recorded depends on how steps were grouped, but
where a row may stand for many steps.
"""

from array import array
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from sim.network.accounting import add_alone
from sim.physics.sums import StepSums
from sim.record.recorder import Recorder, step_kind
from sim.serving.measured_share import is_looked_at
from sim.serving.ruled_steps import RuledSteps, Use
from sim.serving.step_plan import COMMUNICATION, KINDS
from sim.serving.stretch import Stretch, grown
from sim.spec.scenario import KeepSteps

_BLOCK_STEPS = 4096
_MOVING = [kind for kind in KINDS if kind in COMMUNICATION]
_COLUMNS = 6 + len(StepSums._fields)


@dataclass(slots=True)
class Counts:
    """How often each whole number came up."""

    times: np.ndarray = field(default_factory=lambda: np.zeros(0, dtype=np.int64))

    def add(self, numbers: np.ndarray) -> None:
        """Count these."""
        more = np.bincount(numbers, minlength=len(self.times))
        more[: len(self.times)] += self.times
        self.times = more


@dataclass(slots=True)
class StretchLog:
    """The steps of one replica of one rank, as far as they are not yet worked out."""

    recorder: Recorder
    pool: str
    replica: int
    devices: np.ndarray
    capacity_bytes_per_s: np.ndarray
    prices: RuledSteps
    keeps: KeepSteps = "step"
    _stretches: "array[float]" = field(default_factory=lambda: array("d"))
    """First step, steps, start, sequences, growth, newcomers, and the sums of the first step."""
    _ends_s: "array[float]" = field(default_factory=lambda: array("d"))
    _tokens: Counts = field(default_factory=Counts)
    _sampled: Counts = field(default_factory=Counts)

    def add(self, stretch: Stretch, first: int, steps: int, start_s: float) -> None:
        """Keep steps of a stretch: so many, after the first few."""
        if not steps:
            return
        place = (stretch.first_step + first, steps, start_s, stretch.sequences)
        self._keep((*place, stretch.growing, stretch.newcomers), stretch.sums_after(first))
        self._ends_s.extend(stretch.ends_s[first : first + steps])
        while len(self._ends_s) >= _BLOCK_STEPS:
            self._work_out(_BLOCK_STEPS)

    def settle(self) -> None:
        """Work out what has come so far."""
        self._work_out(len(self._ends_s))

    def reprice(self, capacity_bytes_per_s: np.ndarray, prices: RuledSteps) -> None:
        """Work out all that came, and take these prices for what comes."""
        self.close()
        self._tokens, self._sampled = Counts(), Counts()
        self.capacity_bytes_per_s, self.prices = capacity_bytes_per_s, prices

    def close(self) -> None:
        """Work out the rest, and what all steps have put on links."""
        self.settle()
        for loads, times in self.prices.transfers(self._tokens.times, self._sampled.times):
            add_alone(self.recorder.links, loads, self.capacity_bytes_per_s, times)

    def _work_out(self, steps: int) -> None:
        if not steps:
            return
        rows = np.array(self._stretches).reshape(-1, _COLUMNS)
        lengths = rows[:, 1].astype(np.int64)
        row = np.repeat(np.arange(len(rows)), lengths)[:steps]
        later = np.arange(steps) - (np.cumsum(lengths) - lengths)[row]
        end_s = np.array(self._ends_s[:steps])
        start_s = np.where(later == 0, rows[row, 2], np.roll(end_s, 1))
        sums = grown(StepSums(*rows[row, 6:].T), rows[row, 4], later)
        self._keep_rest(rows[row[-1] :], int(later[-1]) + 1, steps)
        looked_at = np.array(sums)[:, is_looked_at(rows[row, 0] + later), None]
        self.recorder.look_at((self.pool, self.replica), looked_at)
        use = self.prices.use(sums)
        self._use(use)
        self._happened(sums, rows[row, 5], start_s, end_s)
        if self.keeps != "off":
            first = np.ones(steps, dtype=bool) if self.keeps == "step" else later == 0
            self._rows(rows[row, 0] + later, rows[row, 3], sums, (start_s, end_s), use, first)

    def _keep_rest(self, rows: np.ndarray, of_first: int, steps: int) -> None:
        """Forget so many steps, up to the first few of the first of these rows."""
        first, length, _, sequences, growing, newcomers, *numbers = rows[0].tolist()
        self._stretches = array("d")
        if of_first < length:
            sums = grown(StepSums(*numbers), growing, of_first)
            start_s = self._ends_s[steps - 1]
            place = (first + of_first, length - of_first, start_s, sequences, growing, newcomers)
            self._keep(place, sums)
        self._stretches.extend(rows[1:].ravel())
        self._ends_s = self._ends_s[steps:]

    def _keep(self, place: tuple[Any, ...], sums: StepSums) -> None:
        self._stretches.extend(place + sums)

    def _use(self, use: Use) -> None:
        devices, kinds = self.recorder.devices, dict(zip(KINDS, use.seconds_by_kind, strict=True))
        devices.compute_busy_s[self.devices] += use.busy_s.sum()
        devices.communication_s[self.devices] += sum(kinds[kind].sum() for kind in _MOVING)
        devices.overhead_s[self.devices] += kinds["overhead"].sum()
        devices.flop[self.devices] += use.flop.sum()
        devices.bytes[self.devices] += use.memory_bytes.sum()

    def _happened(
        self, sums: StepSums, newcomers: np.ndarray, start_s: np.ndarray, end_s: np.ndarray
    ) -> None:
        decoded = np.asarray(sums.decode_tokens)
        sampled = np.asarray(sums.sampled_tokens)
        self._tokens.add(_whole(decoded + sums.prefill_tokens))
        self._sampled.add(_whole(sampled))
        gaps = decoded - newcomers
        self.recorder.add_gaps((end_s - start_s)[gaps > 0], gaps[gaps > 0])
        self.recorder.add_outputs(end_s, sampled)

    def _rows(
        self,
        step: np.ndarray,
        sequences: np.ndarray,
        sums: StepSums,
        times: tuple[np.ndarray, np.ndarray],
        use: Use,
        first: np.ndarray,
    ) -> None:
        """A row for each step that is the first of one; the rest are added to the one before."""
        begins = np.flatnonzero(first)
        ends = np.append(begins[1:], len(first)) - 1
        decoded = np.asarray(sums.decode_tokens)[begins]
        tokens = decoded + np.asarray(sums.prefill_tokens)[begins]
        steps = ends - begins + 1
        seconds = {
            f"{kind}_s": np.add.reduceat(of_kind, begins)
            for kind, of_kind in zip(KINDS, use.seconds_by_kind, strict=True)
        }
        self.recorder.steps.extend(
            {
                "pool": self.pool,
                "replica": self.replica,
                "step": step[begins],
                "steps": steps,
                "start_s": times[0][begins],
                "end_s": times[1][ends],
                "kind": _kinds(decoded, tokens),
                "sequences": sequences[begins],
                "tokens": tokens * steps,
                "output_tokens": np.asarray(sums.sampled_tokens)[begins] * steps,
                "wait_s": 0.0,
                "exposed_communication_s": sum(seconds[f"{kind}_s"] for kind in _MOVING),
                **seconds,
            }
        )


def _kinds(decoded: np.ndarray, tokens: np.ndarray) -> np.ndarray:
    names = [step_kind(*one) for one in ((0, 1), (1, 2), (1, 1))]
    chosen = np.where(decoded == 0, 0, np.where(decoded < tokens, 1, 2))
    return np.array(names, dtype=np.object_)[chosen]


def _whole(numbers: np.ndarray) -> np.ndarray:
    return numbers.astype(np.int64)
