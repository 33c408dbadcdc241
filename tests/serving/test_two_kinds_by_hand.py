"""A step on a GPU and an accelerator by hand: what each computes, and what crosses between them.

Nothing of sim.physics is called. The engine is ideal; the GPU has 2 TFLOP/s and 50 GB/s, the
accelerator 0.5 TFLOP/s and 200 GB/s; the slower link between them 2 GB/s, 1.2 us one way. All four
experts are chosen by every token, so that nothing is left to chance.
"""

import pytest

from sim.simulation import Run, check, simulate
from sim.spec.model import GroupedAttention, LatentAttention, ModelSpec, RoutedExperts
from sim.spec.scenario import Pool, Scenario
from tests.laws.scenarios import DEVICE, engine, pool, scenario, work
from tests.laws.two_kinds import PIM, cores_apart, experts_apart, machine

HIDDEN, LAYERS, EXPERTS, WIDTH, TOKENS = 128, 2, 4, 64, 12
HEADS, KV_HEADS, HEAD_SIZE = 8, 2, 16
RANK, ROPE, NOPE, VALUE = 32, 8, 16, 16

MODEL = ModelSpec(
    name="all-experts",
    layers=LAYERS,
    hidden_size=HIDDEN,
    vocabulary=1000,
    attention=GroupedAttention(heads=HEADS, kv_heads=KV_HEADS, head_size=HEAD_SIZE),
    experts=RoutedExperts(
        experts=EXPERTS, experts_per_token=EXPERTS, intermediate_size=WIDTH, shared_experts=1
    ),
    source="made up",
)
LATENT = MODEL.model_copy(
    update={
        "attention": LatentAttention(
            kind="mla",
            heads=HEADS,
            query_rank=48,
            kv_rank=RANK,
            nope_size=NOPE,
            rope_size=ROPE,
            value_size=VALUE,
        )
    }
)


def one_step(shape: Pool, model: ModelSpec = MODEL) -> Scenario:
    """A prompt of so many tokens, and an answer of one."""
    return scenario(
        model,
        shape,
        on=machine(),
        engine=engine(max_step_tokens=2048),
        workload=work(1, prompt=TOKENS, output=1),
    )


def run(shape: Pool, model: ModelSpec = MODEL) -> Run:
    return simulate(one_step(shape, model))


def seconds(ran: Run, kind: str) -> float:
    return float(ran.steps[f"{kind}_s"].sum())


def on_pim(flop: float, bytes_: float) -> float:
    return max(flop / 5e11, bytes_ / 2e11)


def on_gpu(flop: float, bytes_: float) -> float:
    return max(flop / 2e12, bytes_ / 5e10)


def gemm(rows: float, n: int, k: int) -> float:
    return on_gpu(2 * rows * n * k, 2 * (n * k + rows * (n + k)))


def sent(elements: float) -> float:
    return 1.2e-6 + 2 * elements / 2e9


def test_experts_are_priced_by_the_roofline_of_their_own_device() -> None:
    ran, plain = run(experts_apart()), run(pool())

    copies, weights = EXPERTS * TOKENS, 3 * HIDDEN * WIDTH
    moved = 2 * weights * EXPERTS + 2 * (2 * HIDDEN + 4 * WIDTH) * copies
    experts_s = on_pim(2 * weights * copies, moved)
    gate_s = seconds(plain, "experts") - LAYERS * on_gpu(2 * weights * copies, moved)
    assert seconds(ran, "experts") == pytest.approx(LAYERS * experts_s + gate_s)
    # Norm, router, choice and shared expert stay with attention, which is what it was.
    assert seconds(ran, "dense") == pytest.approx(seconds(plain, "dense"))
    assert seconds(ran, "attention") == pytest.approx(seconds(plain, "attention"))


def test_every_copy_crosses_to_the_experts_device_and_back() -> None:
    ran = run(experts_apart())

    copies = EXPERTS * TOKENS * HIDDEN
    assert seconds(ran, "dispatch") == pytest.approx(LAYERS * sent(copies))
    assert seconds(ran, "combine") == pytest.approx(LAYERS * sent(copies))
    crossed = ran.links.set_index("link")["bytes"]
    assert crossed["box0/gpus0>box0/switch0"] == LAYERS * 2 * copies
    assert crossed["box0/pims0>box0/switch0"] == LAYERS * 2 * copies
    assert crossed["box0/switch0>leaf0"] == 0


def test_a_grouped_core_runs_on_the_accelerator_and_all_else_does_not() -> None:
    ran = run(cores_apart())

    kv, pairs = 2 * KV_HEADS * HEAD_SIZE, TOKENS * (TOKENS + 1) / 2
    rows = HEADS * 2 * HEAD_SIZE
    written_s = on_pim(0, 2 * 2 * kv * TOKENS)
    core_s = on_pim(2 * rows * pairs, 2 * kv * TOKENS + 2 * rows * TOKENS)
    rotated = (HEADS + KV_HEADS) * HEAD_SIZE
    rest_s = (
        on_gpu(0, 2 * 4 * HIDDEN * TOKENS)  # norm
        + gemm(TOKENS, (HEADS + 2 * KV_HEADS) * HEAD_SIZE, HIDDEN)
        + on_gpu(0, 2 * 2 * rotated * TOKENS)
        + gemm(TOKENS, HIDDEN, HEADS * HEAD_SIZE)
    )
    assert seconds(ran, "attention") == pytest.approx(LAYERS * (written_s + core_s + rest_s))
    there, back = (HEADS * HEAD_SIZE + kv) * TOKENS, HEADS * HEAD_SIZE * TOKENS
    assert seconds(ran, "collective") == pytest.approx(LAYERS * (sent(there) + sent(back)))
    pim = ran.devices.set_index("name").loc["box0/pims0"]
    assert pim["busy_s"] == pytest.approx(LAYERS * (written_s + core_s))
    assert pim["flop"] == pytest.approx(LAYERS * 2 * rows * pairs)


def test_latent_queries_and_contexts_cross_in_latent_space() -> None:
    ran = run(cores_apart(), LATENT)

    there = (HEADS + 1) * (RANK + ROPE) * TOKENS  # with what the tokens leave in the cache
    back = HEADS * RANK * TOKENS
    assert seconds(ran, "collective") == pytest.approx(LAYERS * (sent(there) + sent(back)))
    pairs = TOKENS * (TOKENS + 1) / 2
    pim = ran.devices.set_index("name").loc["box0/pims0"]
    # Absorbed, a prompt too: queries meet latent vectors with their rotary part, scores without.
    assert pim["flop"] == pytest.approx(LAYERS * 2 * HEADS * (2 * RANK + ROPE) * pairs)


def test_each_kind_of_device_holds_its_own_part() -> None:
    (plain,) = check(one_step(pool())).replicas
    (apart,) = check(one_step(experts_apart())).replicas
    (cached,) = check(one_step(cores_apart())).replicas
    routed_bytes = LAYERS * EXPERTS * 3 * HIDDEN * WIDTH * 2
    whole = plain.footprint.weights_bytes

    assert [one.weights_bytes for one in apart.footprints] == [whole - routed_bytes, routed_bytes]
    assert [one.kv_bytes_per_token for one in apart.footprints] == [256, 0]
    # What is left of the GPU is for the cache, which grows by what the experts took.
    room = apart.footprint.kv_bytes + apart.footprint.activation_bytes
    assert room == pytest.approx(0.9 * DEVICE.memory_bytes - (whole - routed_bytes))
    assert [one.weights_bytes for one in cached.footprints] == [whole, 0]
    assert [one.kv_blocks > 0 for one in cached.footprints] == [False, True]
    # A query, a key and a value, and a context of each token are worked on.
    working_bytes = 2 * 2048 * (2 * HEADS + 2 * KV_HEADS) * HEAD_SIZE
    assert cached.footprint.kv_bytes == 0.9 * PIM.memory_bytes - working_bytes


def test_devices_of_experts_have_working_space_for_the_copies_of_all_ranks() -> None:
    asked = one_step(experts_apart(dp=4, ep=2)).model_copy(update={"topology": machine(4, 2)})

    ranks, experts = (one.activation_bytes for one in check(asked).replicas[0].footprints)

    # Of four ranks with 2048 tokens in a step, two groups get half of all copies each: in and out,
    # gate, up and their product.
    assert experts == 2 * 2048 * 4 * EXPERTS / 2 * (2 * HIDDEN + 3 * WIDTH)
    # Where they come from: residual, input, and what comes back of each copy; logits in fp32.
    assert ranks == 2 * 2048 * (2 + EXPERTS) * HIDDEN + 8 * 1000 * 4


def test_a_dry_run_shows_the_memory_and_the_devices_of_both_kinds() -> None:
    from sim.study.dry_run import dry_run
    from sim.study.dry_run_rows import dry_run_rows

    found = dry_run(check(one_step(cores_apart())))
    rows = dry_run_rows(found)

    assert [row["device"] for row in rows["Memory of each device"]] == ["small", "small-pim"]
    assert [row["holds"] for row in rows["Replicas"]] == ["ranks, experts", "cache"]
    for step in found.steps["main"]:
        assert sum(price.time_s for price in step.prices) == pytest.approx(step.seconds)
