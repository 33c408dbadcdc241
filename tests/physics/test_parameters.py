import pytest

from sim.physics.parameters import parameters, router_bias_elements

from .catalog_files import model

# Counted by `transformers` on the makers' configurations.
PUBLISHED = {
    "llama-3.1-8b": 8_030_261_248,
    "llama-3.1-70b": 70_553_706_496,
    "mixtral-8x7b": 46_702_792_704,
    "qwen3-30b-a3b": 30_532_122_624,
    "llama-4-maverick": 400_711_848_960,
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_parameters_are_those_of_the_published_model(name: str) -> None:
    assert parameters(model(name)) == PUBLISHED[name]


def test_deepseek_counts_its_router_biases_which_transformers_keeps_as_buffers() -> None:
    r1 = model("deepseek-r1")

    assert router_bias_elements(r1) == 58 * 256
    assert parameters(r1) - router_bias_elements(r1) == 671_026_404_352


def test_gpt_3_has_the_parameters_of_its_paper() -> None:
    # Table D.1 of arXiv 2005.14165 prints 174,600 million.
    assert parameters(model("gpt-3-175b")) == pytest.approx(174_600e6, rel=1e-4)


def test_sixty_layers_lack_one_layer_of_experts() -> None:
    less = parameters(model("deepseek-r1")) - parameters(model("deepseek-r1-60-layers"))

    # attention 187.1 M, 257 experts of 44.04 M, router, norms and biases
    assert less == 187_105_280 + 2048 + 257 * 44_040_192 + 7168 * 256 + 256 + 2 * 7168
