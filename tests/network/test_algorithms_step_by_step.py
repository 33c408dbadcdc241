"""Algorithms played message by message: who has which sum after each step, and how long it takes.

The twin moves real numbers. A step ends when its slowest link has carried what the step puts on it,
and the next begins. What it takes in all is what the algorithm is said to take.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator

import numpy as np
import pytest

from sim.network.choice import Choice
from sim.network.collectives import all_gather, all_reduce
from sim.network.loads import FloatArray
from sim.network.routes import Network
from sim.network.trees import two_trees

from .clusters import mesh, rails, star, torus
from .conservation import on_links

Message = tuple[int, int, int, bool]
"""From, to, part, and whether it is added to what is there (or takes its place)."""
Steps = Iterator[list[Message]]

LATENCY_S = 0.25
"""Of two hops to a switch and on."""


def ring(devices: int) -> Steps:
    for step in range(2 * (devices - 1)):
        is_sum = step < devices - 1
        yield [
            (place, (place + 1) % devices, (place - step) % devices, is_sum)
            for place in range(devices)
        ]


def two_shot(devices: int) -> Steps:
    pairs = [(one, other) for one in range(devices) for other in range(devices) if one != other]
    yield [(start, end, end, True) for start, end in pairs]
    yield [(start, end, start, False) for start, end in pairs]


def one_shot(devices: int) -> Steps:
    yield [
        (one, other, part, True)
        for one in range(devices)
        for other in range(devices)
        for part in range(devices)
        if one != other
    ]


def trees(devices: int, parts: int) -> Steps:
    """Even parts go over the first tree, odd ones over the other; each a step after the last."""
    both = two_trees(range(devices))
    steps: defaultdict[int, list[Message]] = defaultdict(list)
    for part in range(parts):
        parents = both[part % 2]
        children = Counter(parents.values())
        height: dict[int, int] = {}
        for _ in range(devices):
            for child, parent in parents.items():
                height[child] = height.get(child, 0)
                height[parent] = max(height.get(parent, 0), height[child] + 1)
        top = max(height.values())
        assert max(children.values()) <= 2
        for child, parent in parents.items():
            # A sum goes up when all below have come; it comes down as late as it can.
            steps[part // 2 + height[parent] - 1].append((child, parent, part, True))
            steps[part // 2 + 2 * top - height[parent]].append((parent, child, part, False))
    for number in sorted(steps):
        yield steps[number]


def played(
    network: Network, steps: Steps, parts: int, part_bytes: float
) -> tuple[FloatArray, Counter[int], float]:
    """What each device has in the end (devices, parts), bytes on links, and the time without
    latency."""
    devices = network.devices
    has = np.array([[place + 10.0 * part for part in range(parts)] for place in range(devices)])
    carried: Counter[int] = Counter()
    taken_s = 0.0
    for messages in steps:
        before, now = has.copy(), Counter[int]()
        for start, end, part, is_sum in messages:
            has[end, part] = has[end, part] * is_sum + before[start, part]
            for link in network.route(start, end):
                now[link] += 1
        carried += now
        taken_s += max(
            count * part_bytes / network.capacity_bytes_per_s[link].item()
            for link, count in now.items()
        )
    return has, carried, taken_s


@pytest.mark.parametrize("cluster", [star, mesh])
@pytest.mark.parametrize("devices", [2, 3, 4, 8])
@pytest.mark.parametrize(
    ("name", "algorithm"), [("ring", ring), ("two-shot", two_shot), ("one-shot", one_shot)]
)
def test_played_step_by_step_everybody_gets_the_sums_in_the_time_that_is_said(
    name: str, algorithm: Callable[[int], Steps], devices: int, cluster: Callable[[int], object]
) -> None:
    network = Network.of(cluster(devices))  # type: ignore[arg-type]
    expected = [sum(place + 10.0 * part for place in range(devices)) for part in range(devices)]

    has, carried, taken_s = played(network, algorithm(devices), devices, 20.0)

    (pattern,) = all_reduce(network, [range(devices)], name).patterns
    loads = pattern.loads(20.0 * devices)
    assert has.tolist() == [expected] * devices
    assert loads.drain_s(network.capacity_bytes_per_s) == pytest.approx(taken_s)
    assert on_links(network, loads) == pytest.approx(
        {network.link_names[link]: 20.0 * count for link, count in carried.items()}
    )
    assert sum(1 for _ in algorithm(devices)) == pattern.steps


@pytest.mark.parametrize("devices", [2, 3, 4, 7, 8])
def test_trees_played_part_by_part_sum_and_take_the_longer_the_fewer_the_parts(
    devices: int,
) -> None:
    # In a box of its own each, for inside boxes trees are chains.
    network = Network.of(rails(devices, 1))
    parts = 128
    expected = [sum(place + 10.0 * part for place in range(devices)) for part in range(parts)]

    has, carried, taken_s = played(network, trees(devices, parts), parts, 1.0)

    (pattern,) = all_reduce(network, [range(devices)], "tree").patterns
    loads = pattern.loads(float(parts))
    assert has.tolist() == [expected] * devices
    assert on_links(network, loads) == pytest.approx(
        {network.link_names[link]: float(count) for link, count in carried.items()}
    )
    # The pipe fills and empties: steps more than parts, of at most four messages a link.
    said_s = loads.drain_s(network.capacity_bytes_per_s)
    fill_s = 4 * pattern.steps / 50.0
    assert said_s <= taken_s * (1 + 1e-9)
    assert taken_s <= said_s + fill_s


def test_latency_is_that_of_the_steps() -> None:
    network = Network.of(star(8))

    found = {
        pattern.algorithm: (pattern.steps, pattern.latency_s)
        for pattern in all_reduce(network, [range(8)]).patterns
    }

    # In a box trees are chains, as long as the ring.
    assert found == {
        "ring": (14, 14 * LATENCY_S),
        "two-shot": (2, 2 * LATENCY_S),
        "one-shot": (1, LATENCY_S),
        "tree": (14, 14 * LATENCY_S),
    }


def test_a_tree_between_boxes_goes_along_rails_and_chains() -> None:
    network = Network.of(rails(4, 4))
    (pattern,) = all_reduce(network, [range(16)], "tree").patterns

    carried = on_links(network, pattern.loads(160.0))

    # Four boxes have three edges a tree, two trees a place: 20 bytes up and down each.
    between = sum(load for name, load in carried.items() if "nics" in name and "leaves" in name)
    assert between == pytest.approx(4 * 2 * 3 * 2 * 20.0 * 2)
    # Three hops down the chain, and two between boxes; of 2 s and 4 s.
    assert pattern.steps == 2 * (3 + 2)
    assert pattern.latency_s == 2 * (3 * 2.0 + 2 * 4.0)


def chained_s(hops_s: list[float], steps: int) -> float:
    """A ring without a barrier: a device sends when it has sent before and has what it sends on."""
    ready_s = [0.0] * len(hops_s)
    for _ in range(steps):
        arrived_s = [ready_s[number] + hop_s for number, hop_s in enumerate(hops_s)]
        ready_s = [max(own_s, arrived_s[number - 1]) for number, own_s in enumerate(ready_s)]
    return max(ready_s)


@pytest.mark.parametrize("boxes", [1, 2, 4])
@pytest.mark.parametrize("devices", [1, 2, 3])
@pytest.mark.parametrize("collective", [all_reduce, all_gather])
def test_a_slow_hop_of_a_ring_is_paid_once_a_round(
    collective: Callable[..., Choice], devices: int, boxes: int
) -> None:
    network, members = Network.of(rails(boxes, devices)), boxes * devices
    (pattern,) = collective(network, [range(members)], "ring").patterns
    # Rings that enter boxes at other places have the same hops: 2 s inside, 4 s along a rail; back
    # to the first box 2 s more where it comes in at another place than it left at.
    in_box_s = [2.0] * (devices - 1)
    back_s = 2.0 if boxes == 1 else 4.0 if boxes % devices == 0 else 6.0
    hops_s = [*[*in_box_s, 4.0] * (boxes - 1), *in_box_s, back_s]
    rounds = 2 if collective is all_reduce else 1

    steps = rounds * (members - 1)

    assert pattern.steps == steps
    assert pattern.latency_s == (chained_s(hops_s, steps) if members > 1 else 0.0)


def test_a_ring_of_three_unlike_hops_by_hand() -> None:
    network = Network.of(torus((8,)))
    (gather,) = all_gather(network, [[0, 1, 3]], "ring").patterns
    (reduce,) = all_reduce(network, [[0, 1, 3]], "ring").patterns

    # Hops of 1, 2 and 3 links of 1/8 s: two on end take 5 of them; four a round and 3 more.
    assert gather.latency_s == 5 / 8
    assert reduce.latency_s == (6 + 3) / 8
