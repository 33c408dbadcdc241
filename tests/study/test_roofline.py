import pytest

from sim.catalog.load import load_device, load_model, load_profile
from sim.errors import ScenarioError
from sim.physics.operators import Mla
from sim.spec.scenario import Precision
from sim.study.operator_prices import OperatorPrice
from sim.study.roofline import Step, ridges, roofline

H100 = load_device("h100-sxm")
IDEAL = load_profile("ideal")


def prices(
    model: str, step: Step, precision: Precision | None = None, tp: int = 1
) -> dict[tuple[str, str], OperatorPrice]:
    """By part and operator."""
    found = roofline(load_model(model), H100, IDEAL, step, precision or Precision(), tp=tp)
    return {(price.part, price.operator): price for price in found}


def test_grouped_decode_attention_does_a_few_operations_for_each_byte() -> None:
    # 32 query heads share 8 key and value heads in 16 bits: 4 x 2 operations for 2 bytes each way.
    core = prices("llama-3.1-8b", Step(64, 65536))["attention", "decode core"]

    assert core.intensity_flop_per_byte == pytest.approx(4, rel=0.01)
    assert core.bound == "memory"


def test_absorbed_latent_attention_lies_near_the_ridge() -> None:
    # 128 heads times 2 x (576 + 512) operations for the 576 x 2 bytes of a token.
    core = prices("deepseek-r1", Step(64, 65536))["attention", "decode core"]

    assert core.intensity_flop_per_byte == pytest.approx(128 * 2 * 1088 / 1152, rel=0.01)


def test_a_product_has_twice_the_batch_as_its_intensity_in_fp8() -> None:
    # Of weights of a byte each, used once a token: far below the ridge that is 2 x batch.
    output = prices("llama-3.1-8b", Step(16, 128), Precision(weights="fp8"))["attention", "output"]

    assert output.intensity_flop_per_byte == pytest.approx(2 * 16, rel=0.03)


def test_routed_experts_read_the_experts_that_are_expected_to_be_touched() -> None:
    # 64 tokens choose 8 of 256 each; expert weights of 3 x 7168 x 2048 bytes, 58 layers.
    experts = prices("deepseek-r1", Step(64, 128), Precision(weights="fp8"))["experts", "experts"]
    touched = 256 * (1 - (1 - 8 / 256) ** 64)
    rows_bytes = 64 * 8 * (2 * 7168 + 4 * 2048) * 2

    assert experts.layers == 58
    assert experts.moved_bytes == pytest.approx(58 * (touched * 3 * 7168 * 2048 + rows_bytes))
    assert experts.work_flop == pytest.approx(58 * 64 * 8 * 2 * 3 * 7168 * 2048)


def test_prefill_counts_every_token() -> None:
    decode = prices("llama-3.1-8b", Step(4, 512))["dense", "down"]
    prefill = prices("llama-3.1-8b", Step(4, 512, is_prefill=True))["dense", "down"]

    assert prefill.work_flop == 512 * decode.work_flop
    assert prefill.bound == "compute"


def test_tensor_parallelism_leaves_each_device_its_share() -> None:
    whole = prices("llama-3.1-8b", Step(4, 512))["attention", "qkv"]
    half = prices("llama-3.1-8b", Step(4, 512), tp=2)["attention", "qkv"]

    assert half.work_flop == whole.work_flop / 2


def test_the_ridge_is_peak_over_bandwidth() -> None:
    assert ridges(H100)["bf16_flop_per_byte"] == pytest.approx(989.5 / 3.35)


def test_a_core_of_chosen_tokens_reads_no_more_than_these() -> None:
    core = prices("glm-5", Step(2, 5000))["attention", "decode core"]

    # 78 layers; 2048 latent vectors of 576, queries and contexts of 64 heads; 2 bytes each.
    assert core.moved_bytes == 78 * 2 * (2048 * 576 + 64 * (576 + 512)) * 2


@pytest.mark.parametrize(
    ("name", "tp", "mla", "says"),
    [
        ("deepseek-v3.2", 1, "expanded", "mla: 'expanded' is not modelled for deepseek-v3.2"),
        ("qwen3.5-397b-a17b", 32, "auto", "32 does not divide the 16 key heads of the linear"),
    ],
)
def test_what_chosen_tokens_and_linear_layers_exclude_is_refused(
    name: str, tp: int, mla: Mla, says: str
) -> None:
    with pytest.raises(ScenarioError, match=says):
        roofline(load_model(name), H100, IDEAL, Step(1, 9), Precision(), tp=tp, mla=mla)


@pytest.mark.parametrize("name", ["deepseek-v3.2", "glm-5", "qwen3-next-80b-a3b", "opt-175b"])
@pytest.mark.parametrize("is_prefill", [True, False])
def test_every_kind_of_attention_has_rows_that_take_time(name: str, is_prefill: bool) -> None:
    rows = prices(name, Step(2, 5000, is_prefill))

    assert all(row.time_s > 0 for row in rows.values())
    part = "prefill" if is_prefill else "decode"
    assert ("attention", f"{part} core") in rows


def test_a_type_that_the_device_cannot_compute_in_is_refused() -> None:
    only_bf16 = H100.model_copy(update={"peak_flop_per_s": {"bf16": 989.5e12}})

    with pytest.raises(ScenarioError, match="cannot compute in fp32; its types are bf16"):
        roofline(
            load_model("llama-3.1-8b"), only_bf16, IDEAL, Step(1, 1), Precision(weights="fp32")
        )
