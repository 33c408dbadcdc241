"""Which layers take which price."""

from collections import Counter

import pytest

from sim.serving.layout import replica_layouts
from sim.serving.phase_order import program
from sim.spec.model import LinearAttention, Window
from tests.laws.scenarios import DENSE, scenario

LINEAR = LinearAttention(
    layers=2, key_heads=1, value_heads=1, key_size=8, value_size=8, convolution_tokens=4
)


@pytest.mark.parametrize("linear", [None, LINEAR])
@pytest.mark.parametrize("window", [None, Window(tokens=16, layers=3)])
def test_every_layer_has_attention_of_its_kind(
    linear: LinearAttention | None, window: Window | None
) -> None:
    asked = scenario(
        DENSE.model_copy(update={"layers": 6, "linear": linear, "window": window}),
    )
    (layout,) = replica_layouts(asked)

    found = program(asked, layout)

    slots = Counter(phase.slot for phase in found.phases if phase.kind == "attention")
    linear_layers, windowed = 2 if linear else 0, 3 if window else 0
    assert slots == Counter(
        {
            "linear attention": linear_layers,
            "windowed attention": windowed,
            "attention": 6 - linear_layers - windowed,
        }
    )
