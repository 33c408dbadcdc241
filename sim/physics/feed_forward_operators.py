"""The kernels of the feed-forward half of a layer, from its norm to its output.

Shared experts are one dense feed-forward of their common width, split over the rank's devices like
any other; their sum over devices rides on the one that the routed experts need.
"""

from typing import Literal

from sim.physics.grids import WEIGHT_TYPE, expert_kernel
from sim.physics.kernels import elementwise, grouped_product, product
from sim.physics.work import Operator, Real
from sim.spec.model import ModelSpec, RoutedExperts
from sim.spec.scenario import Precision

_Half = Literal["dense", "experts"]


def dense_operators(
    model: ModelSpec, precision: Precision, tp: int, tokens: Real
) -> list[Operator]:
    """A dense feed-forward on `tokens` tokens."""
    layers = model.layers - len(model.expert_layers)
    return [
        *norms(model, precision, "dense", layers, tokens),
        *_feed_forward("dense", layers, model, precision, model.intermediate_size / tp, tokens),
    ]


def gate_operators(
    model: ModelSpec, experts: RoutedExperts, precision: Precision, tp: int, tokens: Real
) -> list[Operator]:
    """Norm, router and shared experts of a layer of experts, on `tokens` tokens of a rank."""
    layers, element = len(model.expert_layers), precision.activations
    hidden, choices = model.hidden_size, experts.experts + experts.shared_gate
    found = [
        *norms(model, precision, "experts", layers, tokens),
        Operator(
            "router",
            "experts",
            layers,
            "gemm",
            product(tokens, choices, hidden, element, element),
        ),
        Operator("top-k", "experts", layers, "elementwise", elementwise(choices * tokens, element)),
    ]
    if experts.shared_experts:
        width = experts.shared_experts * experts.intermediate_size / tp
        found += _feed_forward("experts", layers, model, precision, width, tokens)
    return found


def expert_operators(
    model: ModelSpec,
    precision: Precision,
    tokens_on_device: Real,
    activated_experts: Real,
    expert_tp: int = 1,
) -> list[Operator]:
    """The routed experts of one layer on one device, a single kernel.

    `tokens_on_device` counts a token once for each of the device's experts that it chose;
    `activated_experts` are those with any token, whose weights are read.
    """
    experts = model.experts
    assert experts is not None, "a dense model has no experts"
    work = grouped_product(
        tokens_on_device,
        activated_experts,
        model.hidden_size,
        experts.intermediate_size / expert_tp,
        precision.weights,
        precision.activations,
        matrices=3 if model.gated else 2,
        kernel=expert_kernel(WEIGHT_TYPE[precision.weights], experts.experts),
    )
    return [Operator("experts", "experts", len(model.expert_layers), "moe_experts", work)]


def norms(
    model: ModelSpec,
    precision: Precision,
    phase: Literal["attention", "linear attention", "dense", "experts"],
    layers: int,
    tokens: Real,
) -> list[Operator]:
    """The norm before half a layer, which also adds the last output to the residual.

    And the one after it, of models that have four a layer.
    """
    moved = 4 * model.hidden_size * tokens  # both are read, both results written
    before = elementwise(moved, precision.activations)
    found = [Operator("norm", phase, layers, "elementwise", before)]
    if model.norms_per_layer == 4:  # one vector is read, one written
        after = elementwise(2 * model.hidden_size * tokens, precision.activations)
        found.append(Operator("output norm", phase, layers, "elementwise", after))
    return found


def _feed_forward(
    phase: _Half, layers: int, model: ModelSpec, precision: Precision, width: float, tokens: Real
) -> list[Operator]:
    weights, element = precision.weights, precision.activations
    branches = 2 if model.gated else 1
    prefix = "shared " if phase == "experts" else ""
    up = product(tokens, branches * width, model.hidden_size, weights, element)
    down = product(tokens, model.hidden_size, width, weights, element)
    activation = elementwise((branches + 1) * width * tokens, element)
    return [
        Operator(prefix + "up", phase, layers, "gemm", up),
        Operator(prefix + "activation", phase, layers, "elementwise", activation),
        Operator(prefix + "down", phase, layers, "gemm", down),
    ]
