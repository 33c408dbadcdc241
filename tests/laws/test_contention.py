"""Replicas that use the same links hold each other up, by as much as fair sharing says."""

from collections.abc import Generator
from typing import Any

import pytest
import simpy

from sim.network.exchange import all_to_all_v
from sim.network.fabric import Fabric
from sim.network.routes import Network
from sim.record.usage import LinkUsage
from sim.simulation import Run, simulate
from sim.spec.model import ModelSpec
from sim.spec.scenario import Pool, Scenario
from tests.laws.scenarios import (
    DENSE,
    LATENT,
    pool,
    scenario,
    switched,
    work,
)

# Two boxes of two devices with one network card each: 500 MB/s between them, 3 us.
SHARED = switched(2, 2, nics=1)
NETWORK_BYTES_PER_S = 5e8
HIDDEN_BYTES, VOCABULARY_BYTES = 128 * 2, 1000 * 2
SPANNING = (0, 2, 1, 3)
"""Devices of two replicas, each of which has one in each box."""


def one_replica(model: ModelSpec, made_of: Pool, requests: int) -> Scenario:
    return scenario(model, made_of, on=SHARED, workload=work(requests, prompt=20, output=6))


def twins(model: ModelSpec, tp: int, dp: int, requests: int) -> tuple[Run, Run]:
    """A replica alone with its requests, and two of them side by side with twice as many."""
    alone = one_replica(model, pool(tp, dp, devices=SPANNING[:2]), requests)
    both = one_replica(model, pool(tp, dp, replicas=2, devices=SPANNING), 2 * requests)
    balanced = both.deployment.model_copy(update={"router": "round-robin"})
    return simulate(alone), simulate(both.model_copy(update={"deployment": balanced}))


def test_two_equal_replicas_side_by_side_take_twice_as_long_on_the_wire() -> None:
    # Both do the same at the same instants, so every transfer has half of the network to itself.
    # An all-reduce of two devices puts the buffer on each direction once, in two hops of latency;
    # there are two a layer and one for the embedding. The gather of logits moves half of them.
    hops_s = 2 * (0.3e-6 + 0.7e-6)
    latency_s = (2 * 3 + 1) * 2 * hops_s + hops_s
    crossing_bytes = (2 * 3 + 1) * HIDDEN_BYTES * 1 + VOCABULARY_BYTES / 2
    drain_s = crossing_bytes / NETWORK_BYTES_PER_S

    alone, both = twins(DENSE, 2, 1, requests=1)

    decoding = [step for step in alone.recorder.steps if step.kind == "decode"]
    assert decoding[0].collective_s == pytest.approx(latency_s + drain_s)
    contended = [step for step in both.recorder.steps if step.kind == "decode"]
    assert len(contended) == 2 * len(decoding)
    for step in contended:
        assert step.collective_s == pytest.approx(latency_s + 2 * drain_s)
        assert step.attention_s == pytest.approx(decoding[0].attention_s, rel=0.01)


@pytest.mark.parametrize(("model", "tp", "dp"), [(DENSE, 2, 1), (LATENT, 1, 2), (LATENT, 2, 1)])
def test_contention_slows_everybody_and_loses_no_byte(model: ModelSpec, tp: int, dp: int) -> None:
    alone, both = twins(model, tp, dp, requests=4)

    assert (alone.links["contended_s"] == 0).all()
    across = both.links.set_index("link").loc["box0/nics0>leaves0"]
    assert across["contended_s"] > 0
    assert across["contended_s"] <= across["busy_s"] <= both.recorder.elapsed_s
    slower = both.requests.groupby("replica")["e2e_s"].mean()
    assert (slower > alone.requests["e2e_s"].mean()).all()
    network = both.links["kind"] == "nics-leaves"
    if model is DENSE:  # experts' draws are each replica's own
        twice = 2 * alone.links["bytes"][network]
        assert both.links["bytes"][network].to_numpy() == pytest.approx(twice.to_numpy())
    assert both.links["bytes"].sum() == pytest.approx(both.transfers["link_bytes"].sum())


def test_two_overlapping_sends_share_as_by_hand() -> None:
    # 1 s of bytes from 0 s, half a second of bytes from 0.5 s: both have half the wire from then.
    env, network = simpy.Environment(), Network.of(SHARED)
    usage = LinkUsage.of(network.links)
    fabric = Fabric(env, network.capacity_bytes_per_s, usage)
    latency_s = 2 * (0.3e-6 + 0.7e-6)
    ends_s = []

    def send(
        after_s: float, source: int, target: int, bytes_: float
    ) -> Generator[simpy.Event, Any, None]:
        yield env.timeout(after_s)
        loads = all_to_all_v(network, [source, target], [[0.0, bytes_], [0.0, 0.0]])
        yield fabric.transfer(loads, f"from {source}")
        ends_s.append(env.now)

    env.process(send(0.0, 0, 2, NETWORK_BYTES_PER_S))
    env.process(send(0.5, 1, 3, NETWORK_BYTES_PER_S / 2))
    env.run()

    assert ends_s == pytest.approx([1.5 + latency_s] * 2)
    wire = network.link("box0/nics0", "leaves0")
    assert usage.contended_s[wire] == pytest.approx(1.0)
    assert usage.full_s[wire] == pytest.approx(1.5)


def test_replicas_on_rails_of_their_own_do_not_notice_each_other() -> None:
    def steps(*devices: int, requests: int) -> Run:
        made_of = pool(2, replicas=len(devices) // 2, devices=devices)
        asked = scenario(
            DENSE,
            made_of,
            on=switched(2, 2),
            workload=work(requests, prompt=20, output=6),
            router="round-robin",
            fidelity="layer",
        )
        return simulate(asked)

    alone, both = steps(0, 2, requests=2), steps(*SPANNING, requests=4)

    assert (both.links["contended_s"] == 0).all()
    firsts = both.steps[both.steps["replica"] == 0].reset_index(drop=True)
    assert firsts.equals(alone.steps)
