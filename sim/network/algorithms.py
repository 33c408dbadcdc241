"""What one group of devices does in each algorithm, for a buffer of one byte.

Of a gather the buffer is the whole that everybody ends with, of a reduce-scatter the whole that
everybody starts with. The two move the same bytes in opposite directions, and an all-reduce is one
after the other. Rings follow the given order of devices. A ring over several boxes is one of
several, one a place in the box, as NCCL builds them to use every network card; so are trees.
"""

from collections import defaultdict
from collections.abc import Callable, Sequence
from itertools import pairwise
from math import fsum

from sim.network.patterns import Flow, Group, Plan, Send, Stage, scaled, sent, together
from sim.network.routes import Network
from sim.network.trees import Parents, two_trees, way_up

Planner = Callable[[Network, Group], Plan]


def after(*planners: Planner) -> Planner:
    """One after the other."""
    return lambda network, group: [stage for plan in planners for stage in plan(network, group)]


def ring(network: Network, group: Group) -> Plan:
    """Gathers or scatters: every part of the buffer makes all hops of a ring but one."""
    return _around(network, group, rounds=1)


def ring_twice(network: Network, group: Group) -> Plan:
    """All-reduces: scatters, and goes on to gather without a pause."""
    return _around(network, group, rounds=2)


def _around(network: Network, group: Group, rounds: int) -> Plan:
    """A device sends on what it has and waits for nobody else: a slow hop is paid once a round."""
    rings = [list(zip(one, [*one[1:], one[0]], strict=True)) for one in _rings(network, group)]
    steps = rounds * (len(group) - 1)
    times = steps / len(group) / len(rings)
    stage = sent(network, [Send(*hop, times) for hops in rings for hop in hops], steps)
    ways_s = ([network.latency_s(*hop) for hop in hops] for hops in rings)
    return [stage._replace(latency_s=max(_longest_way_s(hops_s, steps) for hops_s in ways_s))]


def _longest_way_s(hops_s: Sequence[float], steps: int) -> float:
    """Of so many hops on end around a ring, those that take longest."""
    rounds, rest = divmod(steps, len(hops_s))
    twice = [*hops_s, *hops_s]
    return rounds * fsum(hops_s) + max(
        fsum(twice[first : first + rest]) for first in range(len(hops_s))
    )


def direct(network: Network, group: Group) -> Plan:
    """Gathers or scatters: everybody sends everybody one part, all at once."""
    return [_to_all_others(network, group, 1 / len(group))]


def one_shot(network: Network, group: Group) -> Plan:
    """All-reduces: everybody sends everybody its whole buffer, and sums by itself."""
    return [_to_all_others(network, group, 1.0)]


def switch_gather(network: Network, group: Group) -> Plan:
    """Each part goes up once; the switch gives a copy to everybody, its sender too."""
    return [_over_switch(network, group, up=1 / len(group), down=1.0)]


def switch_scatter(network: Network, group: Group) -> Plan:
    """Each device reads its part summed: all of each buffer goes up, a part of the sum down."""
    return [_over_switch(network, group, up=1.0, down=1 / len(group))]


def tree(network: Network, group: Group) -> Plan:
    """All-reduces: equal parts of the buffer go up and down each of several trees."""
    trees = _trees(boxes_of(network, group))
    edges = [edge for parents in trees for edge in parents.items()]
    ways = [way_up(parents, member) for parents in trees for member in parents]
    steps = max(map(len, ways))
    longest_s = max(sum(network.latency_s(*edge) for edge in way) for way in ways)
    up = sent(network, [Send(child, parent, 1 / len(trees)) for child, parent in edges])
    down = sent(network, [Send(parent, child, 1 / len(trees)) for child, parent in edges])
    return [stage._replace(latency_s=longest_s, steps=steps) for stage in (up, down)]


def gather_by_boxes(inside: Planner) -> Planner:
    """Between equal places of the boxes, each its part; then inside the boxes."""
    return after(_on_rails(ring), _in_boxes(inside))


def scatter_by_boxes(inside: Planner) -> Planner:
    """The way back of a gather."""
    return after(_in_boxes(inside), _on_rails(ring))


def all_reduce_by_boxes(scatter: Planner, gather: Planner) -> Planner:
    """Scatters inside the boxes, all-reduces between equal places, gathers inside the boxes."""
    return after(scatter_by_boxes(scatter), gather_by_boxes(gather))


def _in_boxes(planner: Planner) -> Planner:
    """In all boxes at once, each with the whole buffer."""

    def plan(network: Network, group: Group) -> Plan:
        return together(planner(network, members) for members in boxes_of(network, group))

    return plan


def _on_rails(planner: Planner) -> Planner:
    """Between devices of equal place in their boxes, each with its place's part of the buffer."""

    def plan(network: Network, group: Group) -> Plan:
        rails = list(zip(*boxes_of(network, group), strict=True))
        return scaled(together(planner(network, rail) for rail in rails), 1 / len(rails))

    return plan


def boxes_of(network: Network, group: Group) -> list[list[int]]:
    """The devices of each box, the boxes in order of their first."""
    boxes: defaultdict[int, list[int]] = defaultdict(list)
    for device in group:
        boxes[network.box_of[device]].append(device)
    return list(boxes.values())


def _to_all_others(network: Network, group: Group, times: float) -> Stage:
    pairs = [(start, end) for start in group for end in group if start != end]
    return sent(network, [Send(*pair, times) for pair in pairs])


def _over_switch(network: Network, group: Group, *, up: float, down: float) -> Stage:
    """Of a message: all devices send one and get one."""
    switch = network.reducing_switch(tuple(group))
    assert switch is not None, "asked before"
    names = [network.device_names[device] for device in group]
    ups = [network.link(name, switch) for name in names]
    downs = [network.link(switch, name) for name in names]
    cap = network.through_link(switch)
    through = () if cap is None else ((cap, 1.0),)
    return Stage(
        [
            *(Flow(((link, 1.0), *through), up) for link in ups),
            *(Flow(((link, 1.0),), down) for link in downs),
        ],
        sum(network.link_latency_s[links].max().item() for links in (ups, downs)),
        steps=1,
        messages=1,
    )


def _rings(network: Network, group: Group) -> list[list[int]]:
    """Each ring leaves a box at another place, and enters the next box at the place it left."""
    boxes = boxes_of(network, group)
    sizes = {len(members) for members in boxes}
    if len(boxes) == 1 or len(sizes) > 1:
        return [list(group)]
    return [
        [
            device
            for number, members in enumerate(boxes)
            for device in _rotated(members, first - number)
        ]
        for first in range(sizes.pop())
    ]


def _trees(boxes: list[list[int]]) -> list[Parents]:
    """Of boxes, in each of which a chain begins at another place; of one box the chains alone."""
    sizes = {len(members) for members in boxes}
    heads = range(sizes.pop()) if len(sizes) == 1 else [0]
    trees: list[Parents] = []
    for head in heads:
        chains = [_rotated(members, head) for members in boxes]
        inside = {below: above for chain in chains for above, below in pairwise(chain)}
        above_boxes = two_trees([one[0] for one in chains]) if len(boxes) > 1 else [{}]
        trees += [{**inside, **outside} for outside in above_boxes]
    return trees


def _rotated(members: Sequence[int], first: int) -> list[int]:
    first %= len(members)
    return [*members[first:], *members[:first]]
