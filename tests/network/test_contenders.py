"""Ways that never win are not priced, and nothing takes longer for it."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.catalog.load import load_profile
from sim.network.choice import Choice
from sim.network.collectives import all_gather, all_reduce
from sim.network.contenders import Contenders
from sim.network.loads import Loads
from sim.network.patterns import Pattern
from sim.network.protocols import Pace, pace_of
from sim.network.routes import Network

from .clusters import networks, star

PROFILES = {name: load_profile(name) for name in ("plain", "measured")}
Paces = dict[Pattern, Pace]
Make = Callable[..., Choice]


def paces_of(choice: Choice, network: Network, profile: str) -> Paces:
    return {one: pace_of(one, network, PROFILES[profile], one.algorithm) for one in choice.patterns}


def names(choice: Choice) -> list[str]:
    return [pattern.algorithm for pattern in choice.patterns]


def test_a_ring_of_as_many_bytes_and_more_steps_never_wins() -> None:
    network = Network.of(star(8))
    choice = all_reduce(network, [range(8)], among=["ring", "two-shot", "one-shot"])

    found = Contenders.of(choice, paces_of(choice, network, "plain"), 1)

    assert names(found.choice) == ["two-shot", "one-shot"]


def test_of_equal_ways_the_first_stays() -> None:
    network = Network.of(star(2))
    choice = all_gather(network, [range(2)])

    found = Contenders.of(choice, paces_of(choice, network, "plain"), 1)

    assert names(choice) == ["ring", "direct"]
    assert names(found.choice) == ["ring"]


def test_one_of_three_that_only_two_others_together_beat_goes_too() -> None:
    """Steps and bytes: 1 and 7, 10 and 6, 14 and 1.75; the second is never below both others."""
    network = Network.of(star(8))
    choice = all_reduce(network, [range(8)], among=["ring", "two-shot", "one-shot"])
    paces = paces_of(choice, network, "plain")
    for pattern, latency_s in zip(choice.patterns, (14.0, 10.0, 1.0), strict=True):
        byte_s = pattern.loads(1.0).drain_s(network.capacity_bytes_per_s)
        slope_s = {"ring": 1.75, "two-shot": 6.0, "one-shot": 7.0}[pattern.algorithm]
        efficiency = np.array([byte_s / slope_s])
        paces[pattern] = Pace(latency_s, network.capacity_bytes_per_s, np.zeros(1), efficiency)

    found = Contenders.of(choice, paces, 1)

    assert names(found.choice) == ["ring", "one-shot"]


def test_where_groups_share_links_every_way_stays() -> None:
    network = Network.of(star(8))
    choice = all_reduce(network, [range(8), range(8)])

    found = Contenders.of(choice, paces_of(choice, network, "plain"), 2)

    assert names(found.choice) == names(choice)


@pytest.mark.parametrize("profile", PROFILES)
@given(
    networks,
    st.lists(st.floats(0, 1e10), min_size=2, max_size=2),
    st.booleans(),
    st.sampled_from([all_reduce, all_gather]),
)
def test_the_fastest_is_always_among_them(
    profile: str,
    network: Network,
    bytes_: list[float],
    is_halved: bool,
    make: Make,
) -> None:
    devices = range(network.devices)
    half = len(devices) // 2
    groups = [devices[:half], devices[half:]] if is_halved and half else [devices]
    given_bytes = np.array(bytes_[: len(groups)])
    choice = make(network, groups)
    paces = paces_of(choice, network, profile)

    def priced(pattern: Pattern, loads: Loads) -> Loads:
        return paces[pattern].of(loads)

    found = Contenders.of(choice, paces, len(groups))
    single = found.choice.single_loads(given_bytes, priced, found.near(given_bytes))

    alone_s = found.choice.alone_s(given_bytes, priced)
    assert single.alone_s(network.capacity_bytes_per_s) == alone_s
    assert alone_s == pytest.approx(choice.alone_s(given_bytes, priced), rel=1e-11)
    assert single.mask == found.choice.mask
