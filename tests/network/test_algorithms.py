"""What every algorithm must keep, on any cluster; and closed forms on simple ones."""

from collections import Counter
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.errors import ScenarioError
from sim.network.choice import Choice
from sim.network.collectives import all_gather, all_reduce, all_to_all, reduce_scatter
from sim.network.routes import Network

from .clusters import mesh, networks, rails, star, torus
from .conservation import imbalance, on_links

Collective = Callable[..., Choice]
COLLECTIVES: list[Collective] = [all_reduce, all_gather, reduce_scatter, all_to_all]


def bytes_by_algorithm(choice: Choice) -> dict[str, set[float]]:
    """What the links carry of a buffer of 1; of several ways of one algorithm the last."""
    return {
        pattern.algorithm: {round(one, 9) for one in pattern.loads(1.0).bytes.tolist()}
        for pattern in choice.patterns
    }


@pytest.mark.parametrize("devices", [2, 3, 4, 8])
def test_closed_forms_on_one_switch(devices: int) -> None:
    network, n = Network.of(star(devices, reduces=True)), devices

    reduce = bytes_by_algorithm(all_reduce(network, [range(n)]))
    gather = bytes_by_algorithm(all_gather(network, [range(n)]))
    scatter = all_to_all(network, [range(n)], "direct").loads(1.0).bytes

    def once(amount: float) -> set[float]:
        return {round(amount, 9)}

    assert reduce["ring"] == reduce["two-shot"] == once(2 * (n - 1) / n)
    assert reduce["one-shot"] == once(n - 1)
    assert reduce["in-switch"] == once(1 + 1 / n)
    assert gather["ring"] == gather["direct"] == once((n - 1) / n)
    assert gather["in-switch"] == once(1) | once(1 / n)
    assert scatter == pytest.approx([(n - 1) / n] * 2 * n)


def test_closed_forms_where_each_is_joined_with_each() -> None:
    # Six devices, thirty directions. Direct, each carries a part; a ring uses six of them.
    network = Network.of(mesh(6))

    reduce = bytes_by_algorithm(all_reduce(network, [range(6)]))

    assert reduce["two-shot"] == {round(2 / 6, 9)}
    assert reduce["one-shot"] == {1.0}
    assert reduce["ring"] == {round(2 * 5 / 6, 9)}
    assert len(all_reduce(network, [range(6)], "ring").used_links) == 6


def test_closed_forms_on_a_torus_of_one_side() -> None:
    # A ring of eight devices: as a ring each direction of one way round carries 2 * 7 / 8.
    network = Network.of(torus((8,)))

    ring = all_reduce(network, [range(8)], "ring").loads(1.0)
    direct = all_gather(network, [range(8)], "direct").loads(1.0)

    assert ring.bytes == pytest.approx([2 * 7 / 8] * 8)
    # Straight: 1, 2 and 3 hops each way and 4 hops of a half each way, an eighth of the buffer
    # each: 8 devices * 2 * (1 + 2 + 3 + 4 / 2) / 8 over 16 directions.
    assert direct.bytes == pytest.approx([1.0] * 16)


def test_an_all_to_all_loads_every_link_of_a_torus_alike() -> None:
    # 4 x 4 devices, 64 directions: 32 hops from each to the others, a sixteenth of 16 bytes each.
    network = Network.of(torus((4, 4)))

    loads = all_to_all(network, [range(16)], "direct").loads(16.0)

    assert loads.bytes == pytest.approx([16 * 32 / 64] * 64)


def test_several_boxes_by_levels() -> None:
    network = Network.of(rails(4, 4))
    choice = all_reduce(network, [range(16)], "hierarchical")

    ring, direct, switch = choice.patterns
    carried = [on_links(network, one.loads(160.0)) for one in choice.patterns]

    # Each place has a quarter of the buffer: its ring of four boxes 2 * 3 / 4 of 40 bytes.
    for one in carried:
        assert {b for name, b in one.items() if "leaves" in name} == {60.0}
    inside = [{b for name, b in one.items() if "nvswitch" in name} for one in carried]
    # In the box 2 * 3 / 4 of 160 bytes by ring or straight, (1 + 1 / 4) of them in the switch.
    assert inside == [{240.0}, {240.0}, {200.0}]
    # Three steps each way in the box or one, and six between boxes.
    assert [one.steps for one in (ring, direct, switch)] == [12, 8, 8]
    # A hop of two links of 1 s in the box, four between boxes.
    assert [one.latency_s for one in (ring, direct, switch)] == [36.0, 28.0, 28.0]


def test_a_gather_by_levels_carries_no_byte_twice_between_boxes() -> None:
    network = Network.of(rails(4, 4))

    for collective in (all_gather, reduce_scatter):
        ring, direct, switch = collective(network, [range(16)], "hierarchical").patterns
        for one in (ring, direct, switch):
            carried = on_links(network, one.loads(160.0))
            assert {b for name, b in carried.items() if "leaves" in name} == {30.0}
        assert (ring.steps, direct.steps, switch.steps) == (6, 4, 4)


@pytest.mark.parametrize(
    ("collective", "algorithm", "devices", "problem"),
    [
        (all_reduce, "one-shot", [0, 4], "box0/gpus0, box1/gpus0 are not all in one box"),
        (all_reduce, "two-shot", [0, 4], "box0/gpus0, box1/gpus0 are not all in one box"),
        (all_reduce, "in-switch", [0, 4], "do not all hang on one part with 'reduces: true'"),
        (all_reduce, "hierarchical", [0, 1], "not as many, and several, in each of several boxes"),
        (all_reduce, "hierarchical", [0, 4], "not as many, and several, in each of several boxes"),
        (all_gather, "hierarchical", [0, 1, 4], "box1/gpus0 are not as many"),
        (all_gather, "direct", range(8), "box0/gpus0, box0/gpus1, .*, box1/gpus3 are not all in"),
    ],
)
def test_what_cannot_be_done_is_refused_in_one_line(
    collective: Collective, algorithm: str, devices: list[int], problem: str
) -> None:
    network = Network.of(rails(2, 4))

    with pytest.raises(ScenarioError, match=problem) as refusal:
        collective(network, [devices], algorithm)

    assert "\n" not in str(refusal.value)
    assert f"{collective.__name__} = '{algorithm}'" in str(refusal.value)


@st.composite
def grouped(draw: st.DrawFn) -> tuple[Network, list[list[int]]]:
    network = draw(networks)
    devices = draw(st.permutations(range(network.devices)))
    cuts = sorted(draw(st.sets(st.integers(1, network.devices), max_size=3)) | {network.devices})
    return network, [
        devices[start:end] for start, end in zip([0, *cuts], cuts, strict=False) if end > start
    ]


@given(grouped(), st.integers(0, 2**32), st.sampled_from(COLLECTIVES))
def test_bytes_in_are_bytes_out_at_every_part_that_neither_adds_up_nor_copies(
    case: tuple[Network, list[list[int]]], seed: int, collective: Collective
) -> None:
    network, groups = case
    bytes_ = np.random.default_rng(seed).random(len(groups))

    for pattern in collective(network, groups).patterns:
        surplus = imbalance(network, pattern.loads(bytes_))
        if "in-switch" in pattern.algorithm:
            surplus = {name: one for name, one in surplus.items() if "switch" not in name}
            if collective is not all_reduce:
                continue
        # Every device gets as much as it sends, though in a tree what passes it is not its own.
        assert list(surplus.values()) == pytest.approx([0.0] * len(surplus), abs=1e-12)


@given(grouped(), st.integers(0, 2**32))
def test_a_summing_switch_gives_out_what_it_got_of_an_all_reduce_and_more_of_a_gather(
    case: tuple[Network, list[list[int]]], seed: int
) -> None:
    network, groups = case
    groups = [max(groups, key=len)]
    if len(groups[0]) == 1 or network.reducing_switch(tuple(groups[0])) is None:
        return
    switch, devices = network.reducing_switch(tuple(groups[0])), len(groups[0])
    assert switch is not None

    surplus = [
        imbalance(network, collective(network, groups, "in-switch").loads(1.0))[switch]
        for collective in (all_reduce, all_gather, reduce_scatter)
    ]

    # In: a part of each, or the whole of each. Out: the other of the two.
    assert surplus == pytest.approx([0.0, 1.0 - devices, devices - 1.0])


@settings(max_examples=40)
@given(grouped(), st.integers(0, 2**32))
def test_a_capped_part_lets_through_all_that_goes_into_it(
    case: tuple[Network, list[list[int]]], seed: int
) -> None:
    network, groups = case
    bytes_ = np.random.default_rng(seed).random(len(groups))

    for pattern in all_reduce(network, groups).patterns:
        carried = Counter(on_links(network, pattern.loads(bytes_)))
        for name in network.vertex_names:
            if network.through_link(name) is not None:
                into, _ = network.links_of_vertex(name)
                expected = sum(carried[network.link_names[link]] for link in into)
                assert carried[f"through {name}"] == pytest.approx(expected)


@settings(max_examples=40)
@given(grouped())
def test_no_algorithm_sends_less_out_of_a_device_than_an_all_reduce_must(
    case: tuple[Network, list[list[int]]],
) -> None:
    network, groups = case
    group = max(groups, key=len)

    for pattern in all_reduce(network, [group]).patterns:
        if "in-switch" in pattern.algorithm:
            continue
        carried = on_links(network, pattern.loads(1.0))
        out_of = [
            sum(b for name, b in carried.items() if name.startswith(network.device_names[d] + ">"))
            for d in group
        ]
        # Patarasu and Yuan 2009: 2 (n - 1) / n of the buffer each, on average.
        assert np.mean(out_of) >= 2 * (len(group) - 1) / len(group) * (1 - 1e-9)


@settings(max_examples=40)
@given(grouped(), st.integers(0, 2**32), st.sampled_from(COLLECTIVES))
def test_a_layer_is_priced_to_the_bit_as_in_a_batch(
    case: tuple[Network, list[list[int]]], seed: int, collective: Collective
) -> None:
    network, groups = case
    choice = collective(network, groups)
    bytes_ = np.random.default_rng(seed).random((5, len(groups)))

    together = choice.loads(bytes_)

    for number, row in enumerate(bytes_):
        alone, one = choice.loads(row), together.at(number)
        assert (alone.bytes == one.bytes).all()
        assert (alone.streams == one.streams).all()
        assert alone.latency_s == one.latency_s
