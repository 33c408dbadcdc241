import pytest

from sim.physics.parameters import parameters, router_bias_elements

from .catalog_files import model

# Counted by `transformers` 5.23.0 on the makers' configurations.
PUBLISHED = {
    "llama-3.1-8b": 8_030_261_248,
    "llama-3.1-70b": 70_553_706_496,
    "llama-3.1-405b": 405_853_388_800,
    "llama-4-scout": 107_769_861_120,
    "llama-4-maverick": 400_711_848_960,
    "mixtral-8x7b": 46_702_792_704,
    "mixtral-8x22b": 140_620_634_112,
    "qwen3-8b": 8_190_735_360,
    "qwen3-32b": 32_762_123_264,
    "qwen3-30b-a3b": 30_532_122_624,
    "qwen3-235b-a22b": 235_093_634_560,
    "qwen3-next-80b-a3b": 79_674_391_296,
    "qwen3.5-397b-a17b": 396_346_350_336,
    "qwen3.5-35b-a3b": 34_660_610_688,
    "gpt-oss-20b": 20_914_757_184,
    "gpt-oss-120b": 116_829_156_672,
}
# Those of which it keeps the biases of the routers (layers x experts) as buffers, uncounted.
PUBLISHED_WITHOUT_ROUTER_BIASES = {
    "deepseek-v3": (671_026_404_352, 58 * 256),
    "deepseek-r1": (671_026_404_352, 58 * 256),
    "deepseek-v3.2": (671_877_929_216, 58 * 256),
    "glm-5": (743_911_199_232, 75 * 256),
    "kimi-k2": (1_026_408_209_408, 60 * 384),
    "minimax-m2.5": (228_689_748_992, 62 * 256),
}
# Sums over the makers' configurations without norms and biases, in billions.
ROUNDED = {
    "deepseek-v2": 235.74,
    "deepseek-v2-lite": 15.71,
    "glm-4.5": 352.8,
    "glm-4.5-air": 106.9,
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_parameters_are_those_of_the_published_model(name: str) -> None:
    assert parameters(model(name)) == PUBLISHED[name]


@pytest.mark.parametrize("name", PUBLISHED_WITHOUT_ROUTER_BIASES)
def test_router_biases_are_counted_which_transformers_keeps_as_buffers(name: str) -> None:
    total, biases = PUBLISHED_WITHOUT_ROUTER_BIASES[name]

    assert router_bias_elements(model(name)) == biases
    assert parameters(model(name)) - biases == total


@pytest.mark.parametrize("name", ROUNDED)
def test_parameters_are_the_published_billions(name: str) -> None:
    assert parameters(model(name)) == pytest.approx(ROUNDED[name] * 1e9, rel=5e-4)


def test_grok_has_the_parameters_of_its_code() -> None:
    # Layers: queries and output, keys and values, eight experts of three matrices, router, norms.
    layer = 2 * 6144 * 6144 + 2 * 6144 * 1024 + 8 * 3 * 6144 * 32768 + 6144 * 8 + 4 * 6144

    # The last norm, and one table for embedding and head.
    assert parameters(model("grok-1")) == 64 * layer + 6144 + 131072 * 6144


def test_gpt_3_has_the_parameters_of_its_paper() -> None:
    # Table D.1 of arXiv 2005.14165 prints 174,600 million.
    assert parameters(model("gpt-3-175b")) == pytest.approx(174_600e6, rel=1e-4)


def test_an_indexer_has_its_projections_and_one_norm() -> None:
    more = parameters(model("deepseek-v3.2")) - parameters(model("deepseek-v3"))

    # Queries from the compressed one, the key, its norm's scale and shift, the heads' weights.
    assert more == 61 * (1536 * 64 * 128 + 7168 * 128 + 2 * 128 + 7168 * 64)


def test_opt_differs_from_gpt_3_in_its_tokens_and_positions() -> None:
    # Table 1 of arXiv 2205.01068 gives both the same layers, heads and width.
    more = parameters(model("opt-175b")) - parameters(model("gpt-3-175b"))

    assert more == (50_272 - 50_257 + 2050 - 2048) * 12_288


def test_sixty_layers_lack_one_layer_of_experts() -> None:
    less = parameters(model("deepseek-r1")) - parameters(model("deepseek-r1-60-layers"))

    # attention 187.1 M, 257 experts of 44.04 M, router, norms and biases
    assert less == 187_105_280 + 2048 + 257 * 44_040_192 + 7168 * 256 + 256 + 2 * 7168
