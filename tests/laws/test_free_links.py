"""A free link costs nothing, and a faster one never makes a lone request later."""

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.simulation import simulate
from sim.spec.scenario import Scenario
from sim.spec.topology import Join, TopologySpec
from tests.laws.random_scenarios import FAST, SWEEP, scenarios
from tests.laws.scenarios import (
    LATENT,
    engine,
    pool,
    profile,
    scenario,
    switched,
    two_sockets,
    work,
)

BOUNDLESS_BYTES_PER_S = 1e200
COMMUNICATION = ["dispatch_s", "combine_s", "collective_s"]
COMPUTE = ["attention_s", "dense_s", "experts_s", "overhead_s"]


def free(link: Join) -> Join:
    return link.model_copy(update={"bytes_per_s": BOUNDLESS_BYTES_PER_S, "latency_s": 0.0})


def with_free_links(machine: TopologySpec) -> TopologySpec:
    groups = {
        name: group.model_copy(update={"through_bytes_per_s": None})
        for name, group in machine.groups.items()
    }
    links = tuple(free(link) for link in machine.links)
    return machine.model_copy(update={"groups": groups, "links": links})


@given(scenarios())
@FAST
def test_free_links_take_no_time(asked: Scenario) -> None:
    no_launch = asked.engine.profile.model_copy(update={"collective_launch_s": 0.0})
    changes = {
        "topology": with_free_links(asked.topology),
        "engine": asked.engine.model_copy(update={"profile": no_launch}),
    }

    run = simulate(asked.model_copy(update=changes))

    steps = run.steps
    assert (steps[COMMUNICATION].to_numpy() < 1e-180).all()
    length_s = (steps["end_s"] - steps["start_s"]).to_numpy()
    assert length_s == pytest.approx(steps[COMPUTE].to_numpy().sum(axis=1), rel=1e-9)


@pytest.mark.parametrize("made_of", [pool(2, 2), pool(1, 4), pool(2, 1, replicas=2)])
def test_with_free_links_the_shape_of_the_network_does_not_matter(made_of: object) -> None:
    machines = [switched(1, 8), switched(4, 2, nics=1), two_sockets(1)]

    requests = [
        simulate(
            scenario(
                LATENT,
                made_of,  # type: ignore[arg-type]
                on=with_free_links(machine),
                workload=work(10, {"kind": "poisson", "rate_per_s": 3000.0}, (1, 50), (1, 20)),
            )
        ).requests
        for machine in machines
    ]

    pd.testing.assert_frame_equal(requests[0], requests[1], check_exact=True)
    pd.testing.assert_frame_equal(requests[0], requests[2], check_exact=True)


def one_request_s(machine: TopologySpec, asked: Scenario) -> tuple[float, float]:
    alone = asked.model_copy(update={"topology": machine, "workload": work(1, prompt=20, output=6)})
    row = simulate(alone).requests.iloc[0]
    return float(row["ttft_s"]), float(row["e2e_s"])


def check_faster(asked: Scenario, which: int, times: float) -> None:
    machine = asked.topology
    link = machine.links[which % len(machine.links)]
    faster = link.model_copy(update={"bytes_per_s": link.bytes_per_s * times})
    links = tuple(faster if one is link else one for one in machine.links)

    before = one_request_s(machine, asked)
    after = one_request_s(machine.model_copy(update={"links": links}), asked)

    assert after[0] <= before[0] * (1 + 1e-12)
    assert after[1] <= before[1] * (1 + 1e-12)


@given(scenarios(), st.integers(0, 9), st.sampled_from([1.3, 2.0, 100.0]))
@FAST
def test_a_faster_link_never_makes_a_lone_request_later(
    asked: Scenario, which: int, times: float
) -> None:
    check_faster(asked, which, times)


@pytest.mark.slow
@given(scenarios(), st.integers(0, 9), st.floats(1.0, 100.0))
@SWEEP
def test_no_faster_link_makes_any_lone_request_later(
    asked: Scenario, which: int, times: float
) -> None:
    check_faster(asked, which, times)


def test_a_faster_link_on_the_way_makes_a_request_earlier() -> None:
    asked = scenario(LATENT, pool(1, 4), on=switched(2, 2), engine=engine(profile=profile()))
    fast = tuple(
        link.model_copy(update={"bytes_per_s": 10 * link.bytes_per_s})
        for link in asked.topology.links
    )

    before = one_request_s(asked.topology, asked)
    after = one_request_s(asked.topology.model_copy(update={"links": fast}), asked)

    assert after[0] < before[0]
    assert after[1] < before[1]
