"""What the kernels of a rank take, by slot of the program: all but routed experts and links.

Most kernels see nothing of a step but how many tokens it has, and sampling sees how many get a
next one. These are priced once, for every such number up to the largest that has come up, by the
physics that prices everything; what is left for each step are the cores of attention.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import NamedTuple

import numpy as np

from sim.physics.attention_operators import attention_cores
from sim.physics.attention_stages import ATTENTION, stage
from sim.physics.operators import operators_by_sampled, operators_by_tokens
from sim.physics.roofline import Roofline
from sim.physics.sums import StepSums
from sim.physics.work import Operator, Real, Work
from sim.physics.work import Phase as Part
from sim.serving.layout import ReplicaLayout
from sim.serving.phase_order import CORE_SLOTS, INPUT, OUTPUT, OWN_CORES
from sim.spec.scenario import Scenario

_SLOTS_OF_PART: Mapping[Part, tuple[str, ...]] = {
    "attention": ("attention", "windowed attention"),
    "full attention": ("attention",),
    "windowed attention": ("windowed attention",),
    "linear attention": ("linear attention",),
    "dense": ("dense",),
    "experts": ("gate",),
    "head": ("head",),
}
_LEAST_ROWS = 1024


class Cost(NamedTuple):
    """What kernels cost one device."""

    seconds: Real
    flop: Real
    bytes: Real

    def plus(self, other: "Cost") -> "Cost":
        """Both, one after the other."""
        return Cost(self.seconds + other.seconds, self.flop + other.flop, self.bytes + other.bytes)


NOTHING = Cost(0.0, 0.0, 0.0)


def cost(works: Iterable[Work], roofline: Roofline) -> Cost:
    """Of these kernels, one after the other."""
    total = NOTHING
    for work in works:
        total = total.plus(Cost(roofline.seconds(work), work.flop, work.bytes))
    return total


class CountTable:
    """Costs by slot for 0, 1, 2, ... of something, all in one go; anew where that is not enough."""

    def __init__(self, price: Callable[[np.ndarray], Mapping[str, Cost]]) -> None:
        self._price = price
        self._rows = 0
        self.costs: dict[str, np.ndarray] = {}
        """(seconds, flop, bytes; rows)"""
        self.seconds: dict[str, list[float]] = {}
        """The first once more as lists, for those who look up single numbers."""

    def reach(self, most: int) -> None:
        """Have rows for up to this many."""
        if most < self._rows:
            return
        rows = self._rows = max(_LEAST_ROWS, 2 * most)
        self.costs = {
            slot: np.array([np.broadcast_to(column, rows) for column in one])
            for slot, one in self._price(np.arange(rows, dtype=np.float64)).items()
        }
        self.seconds = {slot: columns[0].tolist() for slot, columns in self.costs.items()}

    def at(self, count: Real) -> dict[str, Cost]:
        """The costs of so many; of an array, arrays."""
        rows = np.asarray(count, dtype=np.int64)
        self.reach(int(rows.max(initial=0)))
        return {slot: Cost(*columns[:, rows]) for slot, columns in self.costs.items()}

    def seconds_at(self, count: int) -> dict[str, float]:
        """The seconds of so many, by slot."""
        if count >= self._rows:
            self.reach(count)
        return {slot: column[count] for slot, column in self.seconds.items()}


class RankPrices:
    """The kernels of one rank of a replica, priced for one of its devices."""

    def __init__(self, scenario: Scenario, layout: ReplicaLayout, slots: Collection[str]) -> None:
        ranks = Roofline.of(layout.device, scenario.engine.profile)
        cores_apart = Roofline.of(layout.cores.device, scenario.engine.profile)
        self._rooflines = {
            slot: cores_apart if slot in OWN_CORES.values() else ranks for slot in slots
        }
        self._slots = slots
        self._has_own_cores = layout.has_own_cores
        model, precision, tp = scenario.model, scenario.deployment.precision, layout.tp
        self._by_tokens = CountTable(
            lambda tokens: self._by_slot(
                operators_by_tokens(model, precision, tp, layout.shared_tp, tokens)
            )
        )
        self._by_sampled = CountTable(
            lambda sampled: self._by_slot(operators_by_sampled(model, precision, tp, sampled))
        )
        self._counts = (b"", b"")
        self._last: dict[str, Cost] = {}
        cores = attention_cores(model, precision, tp, layout.mla(scenario.engine.mla))
        self._cores = {
            slot: [core for core in cores if slot in self._slots_of(core.phase, core.name)]
            for slot in CORE_SLOTS
            if slot in slots
        }
        self._decode_cores = {
            slot: [core for core in of_slot if not core.prefills]
            for slot, of_slot in self._cores.items()
        }

    def fixed_seconds(self, tokens: int, sampled: int) -> dict[str, float]:
        """By slot, without the cores, for plain numbers."""
        found = self._by_tokens.seconds_at(tokens)
        for slot, took_s in self._by_sampled.seconds_at(sampled).items():
            found[slot] += took_s
        return found

    def core_seconds(self, slot: str, fixed_s: float, sums: StepSums) -> Real:
        """A slot with its cores; of steps (steps) that have the same tokens in all of them."""
        took_s: Real = fixed_s
        roofline = self._rooflines[slot]
        for core in (self._cores if sums.prefill_tokens else self._decode_cores)[slot]:
            took_s = took_s + roofline.seconds(core.work(sums))
        return took_s

    def costs(self, sums: StepSums) -> dict[str, Cost]:
        """By slot, with the work that was done; the leading axes of the sums are free."""
        found = dict(self._fixed(sums))
        cores = self._cores if np.any(sums.prefill_tokens) else self._decode_cores
        for slot, of_slot in cores.items():
            for core in of_slot:
                one = cost([core.work(sums)], self._rooflines[slot])
                found[slot] = found[slot].plus(one)
        return found

    def _fixed(self, sums: StepSums) -> dict[str, Cost]:
        """Without the cores; mostly the same as a step before."""
        tokens = np.asarray(sums.decode_tokens + sums.prefill_tokens)
        sampled = np.asarray(sums.sampled_tokens)
        counts = (tokens.tobytes(), sampled.tobytes())
        if counts != self._counts:
            self._counts, self._last = counts, self._by_tokens.at(tokens)
            for slot, sampling in self._by_sampled.at(sampled).items():
                self._last[slot] = self._last[slot].plus(sampling)
        return self._last

    def _by_slot(self, operators: Iterable[Operator]) -> dict[str, Cost]:
        works: dict[str, list[Work]] = {}
        for operator in operators:
            for slot in self._slots_of(operator.phase, operator.name):
                works.setdefault(slot, []).append(operator.work)
        return {slot: cost(in_slot, self._rooflines[slot]) for slot, in_slot in works.items()}

    def _slots_of(self, part: Part, name: str) -> list[str]:
        """The slots of the program that a kernel is in."""
        slots = _SLOTS_OF_PART[part]
        if self._has_own_cores and part in ATTENTION:
            cores = tuple(OWN_CORES[slot] for slot in slots)
            slots = {"input": (INPUT,), "core": cores, "output": (OUTPUT,)}[stage(name)]
        return [slot for slot in slots if slot in self._slots]
