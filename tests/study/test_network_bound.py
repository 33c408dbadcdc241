"""The speed at which links are fast enough, where communication's share is known in closed form."""

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.catalog.load import load_topology
from sim.catalog.names import names
from sim.network.routes import Network
from sim.report.topology_files import export
from sim.study.network_bound import BOUND_SHARE, enough, with_speed

ShareAt = Callable[[float], float]


def share_of(by_speed_s: float, constant_s: float, compute_s: float) -> ShareAt:
    """Communication is a part that goes by the speed of links, and one that does not."""

    def at(factor: float) -> float:
        communication_s = by_speed_s / factor + constant_s
        return communication_s / (communication_s + compute_s)

    return at


def test_what_is_fast_enough_is_not_run_again() -> None:
    assert enough(lambda factor: pytest.fail("ran"), BOUND_SHARE) == (1.0, BOUND_SHARE)


def test_where_latency_alone_is_too_much_no_speed_is_enough() -> None:
    found = enough(share_of(8.0, 2.0, 10.0), 0.5)

    assert found.factor is None
    assert found.communication_share == pytest.approx(2 / 12, rel=1e-4)


def test_a_tenth_of_the_steps_is_a_ninth_of_the_rest() -> None:
    """8 / f + 0.1 = 9 / 9 where f = 80 / 9."""
    found = enough(share_of(8.0, 0.1, 9.0), 8.1 / 17.1)

    assert found.factor == pytest.approx(80 / 9, rel=0.03)


@given(st.floats(1.5, 1e3), st.floats(0, 0.7), st.floats(0.6, 3))
def test_the_share_found_is_at_the_bound_also_where_it_is_no_line(
    by_speed_s: float, constant_s: float, bend: float
) -> None:
    straight = share_of(by_speed_s, constant_s, 9.0)
    trials: list[float] = []

    def share_at(factor: float) -> float:
        trials.append(factor)
        return straight(factor**bend)

    found = enough(share_at, straight(1.0))

    assert found.factor is not None
    assert found.communication_share == share_at(found.factor)
    assert found.communication_share <= BOUND_SHARE + 0.002
    assert len(trials) <= 16


def test_all_links_and_all_caps_are_faster_and_nothing_else_is_changed() -> None:
    topology = load_topology("pcie-gen4-4-rtx-4090")

    slow, fast = (Network.of(with_speed(topology, factor)) for factor in (1.0, 8.0))

    assert (fast.capacity_bytes_per_s == 8 * slow.capacity_bytes_per_s).all()
    assert (fast.link_latency_s == slow.link_latency_s).all()
    assert fast.link_names == slow.link_names
    assert all(slow.route(*pair) == fast.route(*pair) for pair in pairwise(range(slow.devices)))


@pytest.mark.parametrize("name", names("topologies"))
def test_a_drawn_graph_is_made_faster_as_its_groups_are(name: str, tmp_path: Path) -> None:
    grouped = load_topology(name)
    export(grouped, str(tmp_path / "drawn.json"))
    drawn = load_topology(tmp_path / "drawn.json")

    slow, fast, fast_drawn = (
        Network.of(with_speed(topology, factor)).capacity_bytes_per_s
        for topology, factor in ((grouped, 1.0), (grouped, 8.0), (drawn, 8.0))
    )

    assert (fast == 8 * slow).all()
    assert (fast_drawn == fast).all()
