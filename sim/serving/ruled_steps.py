"""Many steps of one dense rank at once: the sums of a step are all that its price depends on.

While a batch decodes by rule, its tokens stay and its cache grows by as many each step. So a
stretch of steps is priced in one call; and what steps used is worked out later, thousands at once,
from their sums.
"""

from collections.abc import Iterator
from functools import lru_cache, partial
from typing import NamedTuple

import numpy as np

from sim.network.loads import Loads
from sim.physics.sums import StepSums
from sim.physics.work import Real
from sim.serving.phase_order import CORE_SLOTS
from sim.serving.rank_prices import Cost, CountTable, RankPrices
from sim.serving.step_plan import KINDS, Program
from sim.serving.step_transfers import StepTransfers
from sim.serving.stretch import grown

MOST_STEPS = 128
"""So many steps are priced at once; an arrival may cut off most of them."""
_KNOWN = 4096
"""Prices that are kept; while a batch decodes, one serves many steps."""


class Use(NamedTuple):
    """What steps took of each of the rank's devices; arrays (steps)."""

    seconds_by_kind: np.ndarray
    """(kinds, steps)"""
    busy_s: np.ndarray
    flop: np.ndarray
    memory_bytes: np.ndarray


class RuledSteps:
    """The prices of steps from their sums."""

    def __init__(
        self, program: Program, ranks: RankPrices, transfers: StepTransfers, overhead_s: float
    ) -> None:
        self._ranks = ranks
        self._transfers = transfers
        self._overhead_s = overhead_s
        self._fixed = lru_cache(maxsize=_KNOWN)(self._price_fixed)
        self._later = np.arange(MOST_STEPS)
        self._kinds = program.kinds
        self._repeats = [(slot, float(program.repeats[slot])) for slot in program.slots]
        self._tables = {
            slot: CountTable(partial(self._collective_cost, slot)) for slot in transfers.collectives
        }

    def durations_s(self, sums: StepSums, growing: Real, steps: int) -> list[float]:
        """Of so many steps in which nothing changes but that sequences grow.

        `sums` are plain numbers, those of the first step; in a windowed layer the tokens attended
        to grow by `growing` a step.
        """
        tokens, sampled = int(sums.decode_tokens + sums.prefill_tokens), int(sums.sampled_tokens)
        before_s, cores = self._fixed(tokens, sampled)
        if steps > 1:
            sums = grown(sums, growing, self._later[:steps])
        total_s: Real = before_s
        for slot, times, fixed_s in cores:
            total_s = total_s + times * self._ranks.core_seconds(slot, fixed_s, sums)
        return total_s.tolist() if isinstance(total_s, np.ndarray) else [total_s] * steps

    def _price_fixed(
        self, tokens: int, sampled: int
    ) -> tuple[float, list[tuple[str, float, float]]]:
        """The seconds of all slots without cores, and how often and how long those with cores."""
        seconds = self._ranks.fixed_seconds(tokens, sampled)
        seconds["step"] = self._overhead_s
        for slot, table in self._tables.items():
            seconds |= table.seconds_at(int(self._transfers.count(slot, tokens, sampled)))
        before_s = 0.0
        for slot, times in self._repeats:
            if slot not in CORE_SLOTS:
                before_s += times * seconds[slot]
        cores = [
            (slot, times, seconds[slot]) for slot, times in self._repeats if slot in CORE_SLOTS
        ]
        return before_s, cores

    def use(self, sums: StepSums) -> Use:
        """What steps with these sums (steps) took."""
        costs = self._ranks.costs(sums)
        costs["step"] = Cost(self._overhead_s, 0.0, 0.0)
        tokens = sums.decode_tokens + sums.prefill_tokens
        for slot, table in self._tables.items():
            costs |= table.at(self._transfers.count(slot, tokens, sums.sampled_tokens))
        seconds_by_kind = np.zeros((len(KINDS), np.size(tokens)))
        worked = np.zeros((len(Cost._fields), np.size(tokens)))
        for (slot, times), kind in zip(self._repeats, self._kinds, strict=True):
            seconds_by_kind[KINDS.index(kind)] += times * costs[slot].seconds
            if slot in self._tables or slot == "step":
                continue
            for total, part in zip(worked, costs[slot], strict=True):
                total += times * part
        return Use(seconds_by_kind, *worked)

    def transfers(
        self, tokens: np.ndarray, sampled: np.ndarray
    ) -> Iterator[tuple[Loads, np.ndarray]]:
        """What went over links in steps with so many tokens, and how many times each.

        tokens[n] is how many steps had n tokens, sampled[n] in how many n sequences got one.
        """
        repeats = dict(self._repeats)
        for slot in self._tables:
            happened = np.asarray(self._transfers.count(slot, tokens, sampled))
            counts = np.flatnonzero(happened[1:]) + 1
            if counts.size:
                loads = self._transfers.collective(slot, counts[:, None].astype(np.float64))
                yield loads, happened[counts] * repeats[slot]

    def _collective_cost(self, slot: str, counts: np.ndarray) -> dict[str, Cost]:
        """Nothing for none: without bytes there is no collective."""
        return {slot: Cost(self._transfers.collective_s(slot, counts[:, None]), 0.0, 0.0)}
