"""The bytes of a step on every link are a sum over flows, each sent by itself along its route.

Which experts the tokens chose is read from the run's records, and how many distinct tokens stand
behind the copies from the routing law (tests/experts has its twin). All else is worked out here:
who sends what to whom, in which order of rings and boxes, and how large a token is.
"""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import pytest

from sim.experts.draws import Draw, exchange_weights
from sim.simulation import Run, simulate
from sim.spec.experts import Experts
from sim.spec.scenario import Deployment, Pool, Precision, Scenario
from sim.spec.topology import TopologySpec
from tests.laws.scenarios import LATENT, pool, scenario, switched, work

HIDDEN, VOCABULARY, EXPERT_LAYERS = 128, 1000, 2
ELEMENT_BYTES = {"bf16": 2, "fp8": 1}

BOXES = {"one box": switched(1, 8), "two boxes": switched(2, 4)}
SHAPES = {
    "tp1 dp8": pool(1, 8),
    "tp1 dp8, each expert on 2": pool(1, 8, expert_tp=2),
    "tp2 dp4": pool(2, 4),
    "tp2 dp4, each expert on 2": pool(2, 4, expert_tp=2),
    "tp2 dp4, each expert on 4": pool(2, 4, expert_tp=4),
    "tp4 dp2, each expert on 2": pool(4, 2, expert_tp=2),
    "tp4, scattered": pool(4, moe_entry="scatter"),
    "tp4, scattered, each expert on 2": pool(4, expert_tp=2, moe_entry="scatter"),
    "tp4, replicated": pool(4, moe_entry="replicate"),
    "tp4, replicated, each expert on 2": pool(4, expert_tp=2, moe_entry="replicate"),
    "tp4, replicated, each expert on 4": pool(4, expert_tp=4, moe_entry="replicate"),
}
PROTOCOLS = ["per-expert", "per-device", "per-node"]


class Flow(NamedTuple):
    start: int
    end: int
    bytes: float


def one_step(
    shape: Pool, on: TopologySpec, protocol: str, precision: Precision | None = None
) -> Scenario:
    """Five prompts that fit one step, and answers that end with it; some ranks may have none."""
    asked = scenario(
        LATENT,
        shape,
        on=on,
        experts=Experts.model_validate({"dispatch": protocol, "draws": "expert"}),
        workload=work(5, prompt=(3, 12), output=1),
    )
    deployment = Deployment(pools=(shape,), precision=precision or Precision())
    return asked.model_copy(update={"deployment": deployment})


def rank_sums(run: Run) -> tuple[list[int], list[int]]:
    """The tokens and the sequences of each rank."""
    tokens = [0] * run.scenario.deployment.pools[0].attention.dp
    sequences = list(tokens)
    for rank, prompt in zip(run.requests["rank"], run.requests["prompt_tokens"], strict=True):
        tokens[rank] += prompt
        sequences[rank] += 1
    return tokens, sequences


def ring(devices: Sequence[int], buffer_bytes: float) -> Iterator[Flow]:
    """One round: each device hands on all parts of the buffer but one."""
    parts = len(devices)
    if parts > 1:
        for start, end in pairwise([*devices, devices[0]]):
            yield Flow(start, end, buffer_bytes * (parts - 1) / parts)


def collective_flows(run: Run) -> Iterator[Flow]:
    """An all-reduce is two rounds of a ring, a reduce-scatter and an all-gather are one each."""
    shape = run.scenario.deployment.pools[0]
    tp = shape.attention.tp
    # Embedding; attention and feed-forward of the dense layer; those of the layers of experts:
    # scattered, a reduce-scatter before the experts and an all-gather after them.
    of_expert_layer = 2 + 2 if shape.experts.moe_entry == "replicate" else 1 + 1
    rounds = 2 + (2 + 2) + EXPERT_LAYERS * of_expert_layer
    for rank, (tokens, sampled) in enumerate(zip(*rank_sums(run), strict=True)):
        devices = range(rank * tp, (rank + 1) * tp)
        yield from ring(devices, rounds * tokens * HIDDEN * 2)
        yield from ring(devices, sampled * VOCABULARY * 2)


def wanted_tokens(run: Run, protocol: str) -> np.ndarray:
    """(groups [+ boxes]): the tokens that travel to each, over all layers."""
    law = run.deployed.replicas[0].law
    assert law is not None
    counts = run.experts["tokens"].to_numpy().reshape(EXPERT_LAYERS, -1)
    tokens = sum(rank_sums(run)[0])
    drawn = Draw(tokens, counts, law.by_group(counts), law.by_group(counts > 0))
    weights = drawn.group_counts
    if protocol != "per-expert":
        is_per_node = protocol == "per-node"
        weights = exchange_weights(law, drawn, "per-node" if is_per_node else "per-device")
    total: np.ndarray = weights.sum(axis=0)
    return total


def token_flows(run: Run, protocol: str) -> Iterator[Flow]:
    """Tokens (not bytes) on their way to experts: each device sends its share of its rank's."""
    shape, box_of = run.scenario.deployment.pools[0], run.deployed.network.box_of
    tp, devices, expert_tp = shape.attention.tp, shape.attention_devices, shape.experts.expert_tp
    by_rank, wanted = rank_sums(run)[0], wanted_tokens(run, protocol)
    groups, box_size = devices // expert_tp, box_of.count(0)
    for source in range(devices):
        share = by_rank[source // tp] / tp / sum(by_rank)
        for target in range(devices):
            sent = share * wanted[target // expert_tp]
            is_forwarded = protocol == "per-node" and box_of[source] != box_of[target]
            entry = box_of[target] * box_size + source % box_size
            yield Flow(entry if is_forwarded else source, target, sent)
        for box in range(len(wanted) - groups):
            if box != box_of[source]:
                entry = box * box_size + source % box_size
                yield Flow(source, entry, share * wanted[groups + box])


def expected_bytes(run: Run) -> dict[str, float]:
    """Of each link by name: flow by flow, link by link."""
    network, asked = run.deployed.network, run.scenario
    precision, flows = asked.deployment.precision, list(collective_flows(run))
    if asked.deployment.pools[0].experts.moe_entry != "replicate":
        there_bytes = HIDDEN * ELEMENT_BYTES[precision.dispatch or "bf16"]
        back_bytes = HIDDEN * ELEMENT_BYTES[precision.combine or "bf16"]
        for start, end, tokens in token_flows(run, asked.experts.dispatch):
            flows += [Flow(start, end, tokens * there_bytes), Flow(end, start, tokens * back_bytes)]
    carried = dict.fromkeys(network.link_names, 0.0)
    for flow in flows:
        for link in network.route(flow.start, flow.end) if flow.start != flow.end else ():
            carried[network.link_names[link]] += flow.bytes
    return carried


def carried_bytes(run: Run) -> dict[str, float]:
    assert len(run.steps) == 1
    return dict(zip(run.links["link"], run.links["bytes"], strict=True))


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("boxes", BOXES)
def test_links_carry_the_sum_of_a_steps_flows(boxes: str, shape: str, protocol: str) -> None:
    run = simulate(one_step(SHAPES[shape], BOXES[boxes], protocol))

    assert carried_bytes(run) == pytest.approx(expected_bytes(run), rel=1e-9)


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("shape", ["tp1 dp8", "tp2 dp4, each expert on 2"])
@pytest.mark.parametrize(
    "precision",
    [
        Precision(dispatch="fp8", combine="bf16"),
        Precision(dispatch="bf16", combine="fp8"),
        Precision(dispatch="fp8"),
    ],
    ids=["fp8 there", "fp8 back", "fp8 there, activations back"],
)
def test_tokens_travel_in_the_types_of_dispatch_and_combine(
    precision: Precision, shape: str, protocol: str
) -> None:
    run = simulate(one_step(SHAPES[shape], BOXES["two boxes"], protocol, precision))

    assert carried_bytes(run) == pytest.approx(expected_bytes(run), rel=1e-9)


def test_dispatch_in_8_bits_carries_half_of_what_combine_does() -> None:
    # Without tensor parallelism nothing else is sent: bytes there and back are 1 to 2.
    shape, on = SHAPES["tp1 dp8"], BOXES["one box"]
    mixed = Precision(dispatch="fp8", combine="bf16")

    total_bytes = [
        simulate(one_step(shape, on, "per-expert", precision)).links["bytes"].sum()
        for precision in (Precision(), mixed)
    ]

    assert total_bytes[1] == pytest.approx(total_bytes[0] * 3 / 4)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_links_carry_the_same_phase_by_phase(protocol: str) -> None:
    asked = one_step(SHAPES["tp2 dp4, each expert on 2"], BOXES["two boxes"], protocol)

    run = simulate(asked.model_copy(update={"fidelity": "layer"}))

    assert carried_bytes(run) == pytest.approx(expected_bytes(run), rel=1e-9)
