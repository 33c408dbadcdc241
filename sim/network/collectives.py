"""Collectives by name of algorithm, and when each applies; `auto` leaves it to the bytes.

NCCL has rings, trees, sums in the switch and levels. One-shot, two-shot and direct are what engines
do in kernels of their own, which write into the memory of other devices: so only inside a box.
Left out: rings in both directions of a torus, wire protocols of low latency.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from sim.errors import ScenarioError
from sim.network import algorithms as by
from sim.network.algorithms import Planner, after, boxes_of
from sim.network.choice import Choice
from sim.network.patterns import Group, Pattern, Plan, Send, pattern_of, sent
from sim.network.routes import Network

AUTO = "auto"

Obstacle = Callable[[Network, Group], str | None]
"""Why an algorithm cannot do a group; None if it can."""


class _Way(NamedTuple):
    plan: Planner
    obstacle: Obstacle
    inside: str = ""
    """Of algorithms by levels: the one inside the boxes."""


_Algorithms = Mapping[str, Sequence[_Way]]
"""By name, the ways to do it."""


def all_reduce(
    network: Network,
    groups: Sequence[Group],
    algorithm: str = AUTO,
    among: Sequence[str] | None = None,
) -> Choice:
    """Sums buffers of the given bytes on each device; auto: the fastest, or the fastest of some."""
    return _choice(network, groups, "all_reduce", algorithm, among)


def all_gather(
    network: Network,
    groups: Sequence[Group],
    algorithm: str = AUTO,
    among: Sequence[str] | None = None,
) -> Choice:
    """Gives every device the whole buffer (whose bytes are given), of which each has a part."""
    return _choice(network, groups, "all_gather", algorithm, among)


def reduce_scatter(
    network: Network,
    groups: Sequence[Group],
    algorithm: str = AUTO,
    among: Sequence[str] | None = None,
) -> Choice:
    """Leaves each device its part of the summed buffer (whose bytes are given)."""
    return _choice(network, groups, "reduce_scatter", algorithm, among)


def all_to_all(network: Network, groups: Sequence[Group], algorithm: str = AUTO) -> Choice:
    """Sends each device its part of every buffer (whose bytes are given, the own part included)."""
    return _choice(network, groups, "all_to_all", algorithm, None)


def sends(network: Network, groups: Sequence[Sequence[tuple[int, int]]]) -> Choice:
    """Each group of pairs sends its bytes from the first to the second of each pair, all at once.

    A device is in one pair only.
    """
    plans = [[sent(network, [Send(*pair, 1.0) for pair in pairs])] for pairs in groups]
    return Choice.of([pattern_of("sends", plans)], network.capacity_bytes_per_s)


def _choice(
    network: Network,
    groups: Sequence[Group],
    collective: str,
    algorithm: str,
    among: Sequence[str] | None,
) -> Choice:
    algorithms = _COLLECTIVES[collective]
    names = [algorithm] if algorithm != AUTO else list(algorithms if among is None else among)
    busy = [group for group in groups if len(group) > 1]
    obstacles: dict[str, str] = {}
    patterns: list[Pattern] = []
    for name in names:
        for way in algorithms[name]:
            stopped = next(filter(None, (way.obstacle(network, group) for group in busy)), None)
            if stopped is not None:
                obstacles.setdefault(name, stopped)
                continue
            plans = [_plan(network, group, way) for group in groups]
            patterns.append(pattern_of(f"{name} {way.inside}".strip(), plans))
    if not patterns:
        name, stopped = next(iter(obstacles.items()))
        raise ScenarioError(
            f"topology {network.name}: {collective} = {name!r}: {stopped}; write 'auto' or 'ring'"
        )
    return Choice.of(patterns, network.capacity_bytes_per_s)


def _plan(network: Network, group: Group, way: _Way) -> Plan:
    return way.plan(network, group) if len(group) > 1 else []


def _nothing(_network: Network, _group: Group) -> str | None:
    return None


def _several_boxes(network: Network, group: Group) -> str | None:
    if len(set(map(network.box_of.__getitem__, group))) == 1:
        return None
    return f"{_names(network, group)} are not all in one box"


def _no_common_switch(network: Network, group: Group) -> str | None:
    if network.reducing_switch(tuple(group)) is not None:
        return None
    return f"{_names(network, group)} do not all hang on one part with 'reduces: true'"


def _no_levels(network: Network, group: Group) -> str | None:
    boxes = boxes_of(network, group)
    sizes = {len(members) for members in boxes}
    if len(boxes) > 1 and len(sizes) == 1 and sizes != {1}:
        return None
    return f"{_names(network, group)} are not as many, and several, in each of several boxes"


def _no_switch_in_boxes(network: Network, group: Group) -> str | None:
    found = (_no_common_switch(network, members) for members in boxes_of(network, group))
    return _no_levels(network, group) or next(filter(None, found), None)


def _names(network: Network, group: Group) -> str:
    names = [network.device_names[device] for device in group]
    return ", ".join(names if len(names) <= 8 else [*names[:3], "...", names[-1]])


_RING = _Way(by.ring, _nothing)
_DIRECT = _Way(by.direct, _several_boxes)
_INSIDE: Sequence[tuple[Planner, Planner, Obstacle, str]] = (
    (by.ring, by.ring, _no_levels, "ring"),
    (by.direct, by.direct, _no_levels, "direct"),
    (by.switch_scatter, by.switch_gather, _no_switch_in_boxes, "in-switch"),
)
"""How boxes scatter and gather, where devices are in several."""

_COLLECTIVES: Mapping[str, _Algorithms] = {
    "all_reduce": {
        "in-switch": [_Way(after(by.switch_scatter, by.switch_gather), _no_common_switch)],
        "ring": [_Way(by.ring_twice, _nothing)],
        "two-shot": [_Way(after(by.direct, by.direct), _several_boxes)],
        "one-shot": [_Way(by.one_shot, _several_boxes)],
        "tree": [_Way(by.tree, _nothing)],
        "hierarchical": [
            _Way(by.all_reduce_by_boxes(scatter, gather), obstacle, inside)
            for scatter, gather, obstacle, inside in _INSIDE
        ],
    },
    "all_gather": {
        "ring": [_RING],
        "direct": [_DIRECT],
        "in-switch": [_Way(by.switch_gather, _no_common_switch)],
        "hierarchical": [
            _Way(by.gather_by_boxes(gather), obstacle, inside)
            for _, gather, obstacle, inside in _INSIDE
        ],
    },
    "reduce_scatter": {
        "ring": [_RING],
        "direct": [_DIRECT],
        "in-switch": [_Way(by.switch_scatter, _no_common_switch)],
        "hierarchical": [
            _Way(by.scatter_by_boxes(scatter), obstacle, inside)
            for scatter, _, obstacle, inside in _INSIDE
        ],
    },
    "all_to_all": {
        "direct": [_Way(by.direct, _nothing)],
    },
}
