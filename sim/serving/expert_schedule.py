"""Which law of routing holds in each step of a replica, as popularity drifts and experts move.

Both go by the replica's own steps: numbers N, 2N, ... are the first under new popularity, or with
experts in new places. Experts move at once; engines spread it over some steps.
"""

from dataclasses import dataclass, field
from functools import lru_cache, partial

import numpy as np

from sim.experts.balance import balanced
from sim.experts.law import RoutingLaw, movable_law, routing_law
from sim.experts.placement import IntArray, Places, check_even, placed
from sim.experts.popularity import FloatArray, drifted, weights
from sim.experts.routing import Choice
from sim.spec.model import RoutedExperts
from sim.spec.scenario import Scenario

_KNOWN = 4
"""Laws that are kept; the replicas of a run are at about the same change."""


class ExpertLaws:
    """The laws of replicas of one shape, with experts where they lie at the start."""

    def __init__(
        self, scenario: Scenario, routed: RoutedExperts, groups: int, box_of_group: IntArray
    ) -> None:
        self._scenario = scenario
        self._routed = routed
        self.groups = groups
        self._box_of_group = box_of_group
        self._weights: list[FloatArray] = []
        self.after = lru_cache(_KNOWN)(self._law)
        """The law once popularity has changed so often; 0 at the start."""
        check_even(routed.experts, scenario.experts.redundant_experts, groups)

    @property
    def _movable(self) -> bool:
        experts = self._scenario.experts
        return experts.placement == "balanced" or experts.rebalance.every_steps is not None

    def _law(self, changes: int) -> RoutingLaw:
        scenario, choice = self._scenario, Choice.of(self._routed)
        popularity = self._weights_after(changes)
        if not self._movable:
            group_of = self._start(popularity).group_of
            return routing_law(popularity, choice, group_of, self._box_of_group, scenario.seed)
        start = self._start if changes == 0 else partial(_as_before, self.after(0))
        return movable_law(popularity, choice, start, self._box_of_group, scenario.seed)

    def _start(self, loads: FloatArray) -> Places:
        experts, (layers, count) = self._scenario.experts, loads.shape
        redundant = experts.redundant_experts
        if experts.placement == "balanced":
            return balanced(loads, redundant, self.groups)
        seed = self._scenario.seed
        return placed(experts.placement, layers, count, redundant, self.groups, seed)

    def _weights_after(self, changes: int) -> FloatArray:
        scenario, known = self._scenario, self._weights
        experts, seed = scenario.experts, scenario.seed
        if not known:
            layers = len(scenario.model.expert_layers)
            known.append(weights(experts.popularity, layers, self._routed.experts, seed))
        while len(known) <= changes:
            known.append(drifted(known[-1], experts.drift, len(known), seed))
        return known[changes]


def _as_before(law: RoutingLaw, _: FloatArray) -> Places:
    return law.places


@dataclass(slots=True)
class ExpertSchedule:
    """The laws of one replica's steps in one run; steps come in ascending order, some twice."""

    scenario: Scenario
    laws: ExpertLaws
    law: RoutingLaw
    """Of the step that began last."""
    _changes: int = 0
    _rebalanced: int = 0
    _counts: IntArray | None = field(default=None)
    """(layers, copies): tokens since the last rebalancing, as far as they count."""
    _step: int | None = None
    _before: Places | None = None
    """Where experts lay before this step, if they move in it."""
    _is_counted: bool = False

    @classmethod
    def of(cls, scenario: Scenario, laws: ExpertLaws) -> "ExpertSchedule":
        """At the start."""
        return cls(scenario, laws, laws.after(0))

    def begin(self, step: int) -> Places | None:
        """Have the law of this step; where experts lay before, if they move now.

        A step that is planned anew, for a network that changed, has them move alike.
        """
        if step != self._step:
            self._step, self._before, self._is_counted = step, self._moved(step), False
        return self._before

    def _moved(self, step: int) -> Places | None:
        self._drift(step)
        every_steps = self.scenario.experts.rebalance.every_steps
        if every_steps is None or step // every_steps == self._rebalanced:
            return None
        self._rebalanced = step // every_steps
        counts, self._counts = self._counts, None
        if counts is None:
            return None
        before, counts = self.law.places, self.law.by_expert(counts)
        redundant = self.scenario.experts.redundant_experts
        self.law = self.law.moved(balanced(counts.astype(np.float64), redundant, self.laws.groups))
        return before

    def count(self, step: int, of_copies: IntArray) -> None:
        """Take note of the tokens (layers, copies) that this step had."""
        every_steps = self.scenario.experts.rebalance.every_steps
        if every_steps is None or self._is_counted:
            return
        self._is_counted = True
        window_steps = self.scenario.experts.rebalance.window_steps or every_steps
        if step % every_steps < every_steps - window_steps:
            return
        self._counts = of_copies if self._counts is None else self._counts + of_copies

    def _drift(self, step: int) -> None:
        every_steps = self.scenario.experts.drift.every_steps
        changes = 0 if every_steps is None else step // every_steps
        if changes != self._changes:
            self._changes, places = changes, self.law.places
            law = self.laws.after(changes)
            self.law = law if law.sample is None else law.moved(places)
