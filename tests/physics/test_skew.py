import numpy as np
import pytest

from sim.physics.kernels import moe_experts
from sim.physics.skew import busiest_rank, power_law_loads
from sim.rng import stream


def test_balanced_tokens_are_shared_evenly_and_touch_every_expert() -> None:
    assert busiest_rank(1024, 256, 8, 8, "balanced") == (1024, 32)


def test_one_balanced_token_is_on_the_busiest_rank_with_one_expert() -> None:
    assert busiest_rank(1, 256, 8, 32, "balanced") == (1, 1)
    assert busiest_rank(1, 256, 8, 2, "balanced") == (4, 4)


@pytest.mark.parametrize("exponent", [1.01, 1.2])
def test_loads_of_a_power_law_add_up_to_all_copies(exponent: float) -> None:
    loads = power_law_loads(4096, 128, 8, exponent)

    assert loads.sum() == pytest.approx(4096 * 8)
    assert (np.diff(loads) <= 0).all()


@pytest.mark.parametrize("ranks", [2, 8, 32, 128])
@pytest.mark.parametrize("exponent", [1.01, 1.2])
def test_the_busiest_rank_is_near_the_mean_of_random_placements(
    ranks: int, exponent: float
) -> None:
    loads = power_law_loads(4096, 128, 8, exponent)
    generator = stream(1, "placements")
    sums = [generator.permutation(loads).reshape(ranks, -1).sum(1).max() for _ in range(400)]
    expected = min(np.mean(sums), 4096 * min(8, 128 // ranks))

    tokens, _ = busiest_rank(4096, 128, 8, ranks, f"power_law_{exponent}")

    assert tokens == pytest.approx(expected, rel=0.1)


def test_a_rank_never_gets_more_copies_than_its_experts_can_be_chosen() -> None:
    tokens, activated = busiest_rank(4096, 128, 8, 128, "power_law_1.2")

    assert tokens <= 4096
    assert activated == 1


def test_activated_experts_decide_the_weights_read() -> None:
    # 32 of 256 experts a rank, three matrices of 7168 x 2048, in bf16; 1024 copies of tokens, each
    # 2 x 7168 + 4 x 2048 elements in and out of the two products.
    work = moe_experts(1024, 7168, 2048, 256, 8, 1, 8, "bfloat16", "balanced")

    assert work.flop == 2 * 3 * 7168 * 2048 * 1024
    assert work.bytes == 2 * 3 * 7168 * 2048 * 32 + 2 * (2 * 7168 + 4 * 2048) * 1024


def test_tensor_parallel_experts_split_the_intermediate_size() -> None:
    whole = moe_experts(1024, 4096, 14336, 8, 2, 1, 1, "bfloat16", "balanced")
    half = moe_experts(1024, 4096, 14336, 8, 2, 2, 1, "bfloat16", "balanced")

    assert half.flop == whole.flop / 2
