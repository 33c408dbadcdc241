"""The transfer in which experts move: their weights, from who has them to who gets them.

An expert comes from one of the groups that have it, in turn where it goes to several. With several
devices to an expert each sends its slice to the one in the same place of the other group. Room to
receive into is not accounted for: engines move a layer at a time.
"""

import numpy as np
from numpy.typing import NDArray

from sim.experts.placement import Places
from sim.network.loads import FloatArray, Loads
from sim.network.patterns import Send, pattern_of, sent
from sim.network.protocols import pace_of
from sim.network.routes import Network
from sim.physics.memory import expert_bytes
from sim.serving.layout import ReplicaLayout
from sim.spec.scenario import Scenario

REBALANCE = "rebalance"
"""The slot of a step in which experts move."""

_NOBODY = Loads(np.zeros(0, dtype=np.int64), np.zeros(0), np.zeros(0), 0.0, 0)


def rebalances(scenario: Scenario, layout: ReplicaLayout) -> bool:
    """Whether experts ever move in this replica."""
    return (
        scenario.model.experts is not None
        and scenario.experts.rebalance.every_steps is not None
        and layout.ep > 1
    )


class Rebalancing:
    """What moving experts of one replica puts on links."""

    def __init__(self, scenario: Scenario, layout: ReplicaLayout, network: Network) -> None:
        self._network = network
        self._profile = scenario.engine.profile
        self._groups = layout.expert_groups
        weights_bytes = expert_bytes(scenario.model, scenario.deployment.precision)
        self._slice_bytes = weights_bytes / layout.expert_tp
        devices = layout.experts.devices
        ways = (network.spread(source, target) for source in devices for target in devices)
        self.used_links = frozenset(link for way in ways for link, _ in way)
        """Every link that it may put bytes on."""

    def loads(self, before: Places | None, now: Places) -> Loads:
        """The transfer from places to places; of none before, nothing."""
        moved = None if before is None else moved_experts(before, now, len(self._groups))
        if moved is None or not moved.any():
            return _NOBODY
        sends = [
            Send(*pair, moved[source, target])
            for source, target in np.argwhere(moved).tolist()
            for pair in zip(self._groups[source], self._groups[target], strict=True)
        ]
        pattern = pattern_of("sends", [[sent(self._network, sends)]])
        pace = pace_of(pattern, self._network, self._profile, pattern.algorithm)
        return pace.of(pattern.loads(self._slice_bytes))


def moved_experts(before: Places, now: Places, groups: int) -> FloatArray:
    """(groups, groups): how many experts, of all layers, go from the one to the other."""
    experts = int(before.expert_of.max()) + 1
    had, has = _holds(before, experts, groups), _holds(now, experts, groups)
    gets = has & ~had
    holders = np.argsort(~had, axis=2, kind="stable")
    layer, expert, target = np.nonzero(gets)
    turn = (gets.cumsum(axis=2) - 1)[layer, expert, target]
    source = holders[layer, expert, turn % had.sum(axis=2)[layer, expert]]
    moved = np.zeros((groups, groups))
    np.add.at(moved, (source, target), 1.0)
    return moved


def _holds(places: Places, experts: int, groups: int) -> NDArray[np.bool_]:
    """(layers, experts, groups): whether the group has the expert."""
    layers = len(places.group_of)
    holds = np.zeros((layers, experts, groups), dtype=np.bool_)
    holds[np.arange(layers)[:, None], places.expert_of, places.group_of] = True
    return holds
