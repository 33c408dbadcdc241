from typing import Any

import pytest

from sim.catalog.load import load_scenario
from sim.errors import ScenarioError
from sim.simulation import check
from sim.study.dry_run import DryRun, dry_run
from sim.study.dry_run_rows import dry_run_rows

DENSE: dict[str, Any] = {
    "model": "llama-3.1-8b",
    "topology": "dgx-h200",
    "deployment": {"pools": [{"replicas": 2, "attention": {"tp": 2}}]},
    "engine": {"profile": "plain", "max_sequences": 32},
    "workload": {
        "requests": 100,
        "arrivals": {"kind": "at-once"},
        "prompt_tokens": 1000,
        "output_tokens": 200,
    },
}
EXPERTS = DENSE | {
    "model": "qwen3-30b-a3b",
    "deployment": {"pools": [{"attention": {"tp": 2, "dp": 4}, "experts": {"ep": 8}}]},
    "experts": {"popularity": {"kind": "zipf", "exponent": 0.6}, "dispatch": "per-device"},
}
LATENT = DENSE | {
    "model": "deepseek-r1",
    "deployment": {"pools": [{"attention": {"tp": 8}}], "precision": {"weights": "fp8"}},
}

SPARSE = LATENT | {"model": "deepseek-v3.2"}
HYBRID = EXPERTS | {"model": "qwen3-next-80b-a3b"}


def found(scenario: dict[str, Any], *settings: str) -> DryRun:
    return dry_run(check(load_scenario(scenario, settings)))


@pytest.mark.parametrize("scenario", [DENSE, EXPERTS, LATENT, SPARSE, HYBRID])
def test_operators_transfers_and_overhead_add_up_to_the_step(scenario: dict[str, Any]) -> None:
    steps = found(scenario, "engine.profile.step_overhead_s='1 ms'").steps["main"]

    for step in steps:
        assert sum(price.time_s for price in step.prices) == pytest.approx(step.seconds)
        assert sum(step.seconds_by_kind.values()) == pytest.approx(step.seconds)
        assert step.seconds_by_kind["overhead"] == pytest.approx(1e-3)


@pytest.mark.parametrize(
    ("setting", "sequences", "limit"),
    [
        ("seed=1", 32, "engine.max_sequences"),
        ("engine.max_sequences=64", 50, "the requests of the workload"),
        ("workload.arrivals={kind: closed-loop, concurrency: 7}", 4, "the workload's concurrency"),
        # 141 GB less weights of 8 GB and a little: room for a few thousand tokens of 64 KiB.
        ("engine.reserve_bytes=118 GB", None, "room in the KV cache"),
    ],
)
def test_the_batch_is_what_the_tightest_limit_allows(
    setting: str, sequences: int | None, limit: str
) -> None:
    decode, _ = found(DENSE, setting).steps["main"]

    assert f"(limit: {limit})" in decode.title
    assert sequences is None or f"{sequences} sequences" in decode.title
    assert "1100 tokens in the cache" in decode.title


def test_a_prompt_that_does_not_fit_a_step_is_cut() -> None:
    _, prefill = found(DENSE, "engine.max_step_tokens=512").steps["main"]

    assert prefill.title.startswith("prefill: one prompt a rank, 512 tokens")


def test_a_dry_run_reads_the_chosen_tokens() -> None:
    steps = found(SPARSE, "workload.prompt_tokens=5000").steps["main"]

    cores = [
        price.work_flop
        for step in steps
        for price in step.prices
        if price.operator.endswith("core")
    ]
    # 32 sequences that attend to 2048 tokens, and a prompt of 5000; 16 heads on a device.
    pairs = (32 * 2048, 2048 * 2049 / 2 + (5000 - 2048) * 2048)
    assert cores == [61 * 2 * 16 * (576 + 512) * count for count in pairs]


def test_states_of_linear_layers_are_part_of_the_memory() -> None:
    (row,) = dry_run_rows(found(HYBRID))["Memory of each device"]

    # 32 sequences; 36 layers, of which a device has 16 of 32 matrices and half the convolution.
    of_layer = 16 * 128 * 128 * 4 + 8192 / 2 * 3 * 2
    assert row["states_bytes"] == 32 * 36 * of_layer
    parts = ("weights_bytes", "activations_bytes", "states_bytes", "kv_cache_bytes")
    assert sum(row[part] for part in parts) == pytest.approx(0.9 * 141e9)


@pytest.mark.parametrize(
    ("scenario", "setting", "says"),
    [
        (SPARSE, "engine.mla=expanded", "engine.mla: 'expanded' is not modelled for deepseek-v3.2"),
        (
            HYBRID,
            "model.linear.key_heads=1",
            "attention.tp: 2 does not divide the 1 key heads of the linear layers",
        ),
        (HYBRID, "engine.max_sequences=4000", "of states of linear layers and at least one block"),
    ],
)
def test_what_chosen_tokens_and_linear_layers_exclude_is_refused(
    scenario: dict[str, Any], setting: str, says: str
) -> None:
    with pytest.raises(ScenarioError, match=says):
        found(scenario, setting)


def test_memory_adds_up_and_replicas_have_their_devices() -> None:
    rows = dry_run_rows(found(DENSE))

    first, second = rows["Memory of each device"]
    parts = ("weights_bytes", "activations_bytes", "kv_cache_bytes")
    assert sum(first[part] for part in parts) == pytest.approx(0.9 * 141e9)
    assert (first["replica"], second["replica"]) == (0, 1)
    # 32 layers x 2 x 4 heads of 128 on a device x 2 bytes.
    assert first["kv_of_a_token_bytes"] == 32 * 2 * 4 * 128 * 2
    assert [(row["from"], row["to"]) for row in rows["Replicas"]] == [
        ("box0/gpu0", "box0/gpu1"),
        ("box0/gpu2", "box0/gpu3"),
    ]
