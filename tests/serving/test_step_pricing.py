"""Steps of tensor-parallel experts by hand: their phases, their seconds, and the memory they need.

Nothing of sim.physics is called. The engine is ideal; the device has 2 TFLOP/s and 50 GB/s, its
link to the switch 4 GB/s and 0.5 us each way; an element has 2 bytes. The model has four experts,
all of which every token chooses, so that nothing is left to chance.
"""

from collections.abc import Callable

import pytest

from sim.serving.phase_order import program
from sim.simulation import check, simulate
from sim.spec.model import GroupedAttention, ModelSpec, RoutedExperts
from sim.spec.scenario import Deployment, Pool, Precision, Scenario
from tests.laws.scenarios import LATENT, engine, pool, scenario, switched, work

HIDDEN, VOCABULARY, LAYERS, EXPERTS, WIDTH = 128, 1000, 2, 4, 64
HEADS, KV_HEADS, HEAD_SIZE = 8, 2, 16
LINK_BYTES_PER_S = 4e9
WAY_S = 2 * 0.5e-6
"""From a device over the switch to another."""

MODEL = ModelSpec(
    name="all-experts",
    layers=LAYERS,
    hidden_size=HIDDEN,
    vocabulary=VOCABULARY,
    attention=GroupedAttention(heads=HEADS, kv_heads=KV_HEADS, head_size=HEAD_SIZE),
    experts=RoutedExperts(
        experts=EXPERTS, experts_per_token=EXPERTS, intermediate_size=WIDTH, shared_experts=1
    ),
    source="made up",
)

SCATTER = pool(2, moe_entry="scatter")
REPLICATE = pool(2, moe_entry="replicate")
REPLICATE_SLICED = pool(2, expert_tp=2, moe_entry="replicate")
RANKS_SLICED = pool(2, 2, expert_tp=2)

Half = Callable[[int], float]
"""The seconds of a layer's half of experts, for so many tokens of each rank."""


def one_step(shape: Pool, tokens: int = 12, precision: Precision | None = None) -> Scenario:
    """A prompt of so many tokens on each rank, and an answer of one token."""
    asked = scenario(
        MODEL,
        shape,
        on=switched(1, 4),
        engine=engine(max_step_tokens=2048, all_reduce="ring"),
        workload=work(shape.attention.dp, prompt=tokens, output=1),
    )
    deployment = Deployment(pools=(shape,), precision=precision or Precision())
    return asked.model_copy(update={"deployment": deployment})


def kernel(flop: float, bytes_: float) -> float:
    return max(flop / 2e12, bytes_ / 5e10)


def gemm(rows: float, n: int, k: int) -> float:
    return kernel(2 * rows * n * k, 2 * (n * k + rows * (n + k)))


def vector(elements: float) -> float:
    return kernel(0, 2 * elements)


def norm(tokens: float) -> float:
    """Two inputs read, two results written."""
    return vector(4 * HIDDEN * tokens)


def sent(bytes_: float) -> float:
    """The most that one device sends, or one gets."""
    return WAY_S + bytes_ / LINK_BYTES_PER_S


def passed_on(tokens: float) -> float:
    """A ring of two, once round: half of the hidden vectors (reduce-scatter, all-gather)."""
    return sent(tokens * HIDDEN * 2 / 2)


def attention(tokens: int) -> float:
    """A causal prompt on one of two devices, which have half of the heads each."""
    heads, kv_heads, size = HEADS // 2, KV_HEADS // 2, HEAD_SIZE
    core = kernel(
        2 * heads * 2 * size * tokens * (tokens + 1) / 2,
        2 * 2 * kv_heads * size * tokens + 2 * heads * 2 * size * tokens,
    )
    return (
        norm(tokens)
        + gemm(tokens, (heads + 2 * kv_heads) * size, HIDDEN)
        + vector(2 * (heads + kv_heads) * size * tokens)  # rotary: in and out
        + vector(2 * 2 * kv_heads * size * tokens)  # to the cache: read and written
        + core
        + gemm(tokens, HIDDEN, heads * size)
    )


def gate(tokens: float, shared_width: int) -> float:
    """Norm, router, the choice, and the shared expert."""
    router_s = gemm(tokens, EXPERTS, HIDDEN) + vector(EXPERTS * tokens)
    up_s, down_s = gemm(tokens, 2 * shared_width, HIDDEN), gemm(tokens, HIDDEN, shared_width)
    return norm(tokens) + router_s + up_s + vector(3 * shared_width * tokens) + down_s


def experts(copies: float, activated: int, width: int) -> float:
    """Gate, up and down of each; a copy comes, goes, and is written and read in between."""
    weights = 3 * HIDDEN * width
    return kernel(
        2 * weights * copies, 2 * weights * activated + 2 * (2 * HIDDEN + 4 * width) * copies
    )


def scatter_half(tokens: int) -> float:
    """Each of two devices has half of the tokens, and sends two of four copies to the other."""
    exchange_s = sent(tokens / 2 * 2 * HIDDEN * 2)
    return (
        passed_on(tokens)
        + gate(tokens / 2, WIDTH)
        + exchange_s
        + experts(tokens * 2, 2, WIDTH)
        + exchange_s
        + passed_on(tokens)
    )


def replicate_half(tokens: int) -> float:
    """Both devices have all tokens: half of the shared expert and two whole experts each."""
    reduce_s = 2 * passed_on(tokens)
    return reduce_s + gate(tokens, WIDTH // 2) + experts(tokens * 2, 2, WIDTH) + reduce_s


def replicate_sliced_half(tokens: int) -> float:
    """The same with half of each of four experts."""
    reduce_s = 2 * passed_on(tokens)
    return reduce_s + gate(tokens, WIDTH // 2) + experts(tokens * 4, 4, WIDTH // 2) + reduce_s


def ranks_sliced_half(tokens: int) -> float:
    """Two ranks of two devices; the first two experts on the first two, a half of each on each.

    A device has half of its rank's tokens. Each of the three others gets two copies of each; they
    leave in 8 bits and come back in 16.
    """
    copies_sent = 3 * 2 * tokens / 2
    return (
        passed_on(tokens)
        + gate(tokens / 2, WIDTH)
        + sent(copies_sent * HIDDEN * 1)
        + experts(2 * tokens * 2, 2, WIDTH // 2)
        + sent(copies_sent * HIDDEN * 2)
        + passed_on(tokens)
    )


def step(tokens: int, half: Half) -> float:
    """Embedding (a row in, a row out), layers, last norm, head, fp32 logits written and read."""
    logits = VOCABULARY // 2
    embedding_s = vector(2 * HIDDEN * tokens) + 2 * passed_on(tokens)
    sampling_s = kernel(0, logits * (2 + 4 + 4))
    head_s = vector(3 * HIDDEN * tokens) + gemm(1, logits, HIDDEN) + sampling_s
    gather_s = sent(VOCABULARY * 2 / 2)
    return embedding_s + LAYERS * (attention(tokens) + half(tokens)) + head_s + gather_s


FP8_THERE = Precision(dispatch="fp8")
CASES: dict[str, tuple[Pool, Precision, Half]] = {
    "scatter": (SCATTER, Precision(), scatter_half),
    "replicate": (REPLICATE, Precision(), replicate_half),
    "replicate, each expert on 2": (REPLICATE_SLICED, Precision(), replicate_sliced_half),
    "2 ranks, each expert on 2, fp8 there": (RANKS_SLICED, FP8_THERE, ranks_sliced_half),
}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("tokens", [1, 12, 301, 2000])
@pytest.mark.parametrize("fidelity", ["auto", "layer"])
def test_a_step_takes_the_sum_of_its_phases(case: str, tokens: int, fidelity: str) -> None:
    shape, precision, half = CASES[case]
    asked = one_step(shape, tokens, precision)

    run = simulate(asked.model_copy(update={"fidelity": fidelity}))

    assert len(run.steps) == 1
    assert run.requests["ttft_s"].tolist() == pytest.approx(
        [step(tokens, half)] * shape.attention.dp, rel=1e-9
    )


def test_a_prompt_meets_both_roofs() -> None:
    # Of 4000 copies the arithmetic counts, of two the traffic: two experts, and the rows.
    weights = 3 * HIDDEN * WIDTH
    assert experts(4000, 2, WIDTH) == 2 * weights * 4000 / 2e12
    assert experts(2, 2, WIDTH) == 2 * 2 * (weights + 2 * HIDDEN + 4 * WIDTH) / 5e10


def slots(asked: Scenario) -> list[str]:
    layout = check(asked).replicas[0].layout
    return [phase.slot for phase in program(asked, layout).phases]


HALVES: dict[str, tuple[Pool, list[str]]] = {
    "one device": (pool(), ["gate", "experts"]),
    "ranks of one device": (pool(1, 2), ["gate", "dispatch", "experts", "combine"]),
    "scatter": (
        SCATTER,
        ["reduce-scatter", "gate", "dispatch", "experts", "combine", "all-gather"],
    ),
    "scatter, 2 ranks, each expert on 2": (
        RANKS_SLICED,
        ["reduce-scatter", "gate", "dispatch", "experts", "combine", "all-gather"],
    ),
    "replicate": (REPLICATE, ["all-reduce", "gate", "experts", "all-reduce"]),
    "replicate, each expert on 2": (
        REPLICATE_SLICED,
        ["all-reduce", "gate", "experts", "all-reduce"],
    ),
}


@pytest.mark.parametrize("case", HALVES)
def test_a_layer_of_experts_has_its_phases_in_order(case: str) -> None:
    shape, half = HALVES[case]
    first, last = (
        (["embedding all-reduce"], ["logits all-gather"]) if shape.attention.tp > 1 else ([], [])
    )

    found = slots(one_step(shape))

    assert found == ["step", *first, *["attention", *half] * LAYERS, "head", *last]


@pytest.mark.parametrize("shape", [SCATTER, REPLICATE], ids=["scatter", "replicate"])
def test_a_dense_layer_before_the_experts_ends_both_halves_in_an_all_reduce(shape: Pool) -> None:
    # The small latent model has one dense layer, then two of experts.
    asked = one_step(shape).model_copy(update={"model": LATENT})

    found = slots(asked)

    dense_layer = ["attention", "all-reduce", "dense", "all-reduce"]
    assert found[:6] == ["step", "embedding all-reduce", *dense_layer]
    assert found.count("dense") == 1


ENDS_AND_NORMS = 2 * VOCABULARY * HIDDEN / 2 + (2 * LAYERS + 1) * HIDDEN
ATTENTION = LAYERS * HIDDEN * (2 * HEADS + 2 * KV_HEADS) * HEAD_SIZE / 2
ROUTER = LAYERS * HIDDEN * EXPERTS
ONE_EXPERT = LAYERS * 3 * HIDDEN * WIDTH
COMMON = ENDS_AND_NORMS + ATTENTION + ROUTER
"""Elements on each of two devices: embedding, head and attention in halves, the rest whole."""


@pytest.mark.parametrize(
    ("shape", "experts_held", "shared_held"),
    [
        (SCATTER, 2, 1.0),
        (REPLICATE, 2, 0.5),
        (REPLICATE_SLICED, 4 / 2, 0.5),
        (RANKS_SLICED, 2 / 2, 1.0),
    ],
    ids=["scatter", "replicate", "replicate, each expert on 2", "2 ranks, each expert on 2"],
)
def test_shared_experts_lie_whole_where_devices_have_tokens_of_their_own(
    shape: Pool, experts_held: float, shared_held: float
) -> None:
    found = check(one_step(shape)).replicas[0].footprint

    elements = COMMON + (experts_held + shared_held) * ONE_EXPERT
    assert found.weights_bytes == 2 * elements


def test_replicating_tokens_frees_half_of_a_shared_expert_for_the_cache() -> None:
    scattered, replicated = (
        check(one_step(shape)).replicas[0].footprint for shape in (SCATTER, REPLICATE)
    )

    # Half of 2 layers x 3 matrices x 128 x 64 elements of 2 bytes; all else is the same.
    assert replicated.kv_bytes - scattered.kv_bytes == 49152
    assert replicated.kv_bytes_per_token == scattered.kv_bytes_per_token
