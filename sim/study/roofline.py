"""Where the operators of a model lie under a device's roofline.

One device of a rank, alone: no links. Routed experts are those of uniform routing, all of them
within reach, split like the rest over tp devices.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sim.catalog.load import load_device, load_model, load_profile
from sim.errors import ScenarioError
from sim.physics.operators import Mla, Operator, expert_operators, operators
from sim.physics.sums import StepSums, decode, prefill
from sim.spec.calibration import no_curves
from sim.spec.device import DeviceSpec
from sim.spec.engine_profile import EngineProfile
from sim.spec.model import ModelSpec, Window
from sim.spec.scenario import Precision
from sim.study.operator_prices import OperatorPrice, operator_price


@dataclass(frozen=True, slots=True)
class Step:
    """A forward pass of equal sequences."""

    batch: int
    length_tokens: int
    """In the cache, the new token included; of a prefill, new."""
    is_prefill: bool = False

    @property
    def tokens(self) -> int:
        """Fed to the model."""
        return self.batch * (self.length_tokens if self.is_prefill else 1)

    def sums(self, window: Window | None) -> StepSums:
        """What its cost depends on."""
        one = prefill if self.is_prefill else decode
        of_one = one(float(self.length_tokens), window=window)
        return StepSums(*(self.batch * amount for amount in of_one))


def roofline_rows(
    model: str,
    device: str,
    profile: str,
    step: Step,
    elements: Mapping[str, Any],
    tp: int = 1,
    mla: Mla = "auto",
) -> tuple[dict[str, float], list[dict[str, Any]]]:
    """By names: the device's ridge in each type of number, and a row an operator with its share."""
    on, precision = load_device(device), Precision(**elements)
    prices = roofline(load_model(model), on, load_profile(profile), step, precision, tp=tp, mla=mla)
    whole_s = sum(price.time_s for price in prices)
    rows = [price._asdict() | {"time_share": price.time_s / whole_s} for price in prices]
    return ridges(on), rows


def ridges(device: DeviceSpec) -> dict[str, float]:
    """The intensity from which on arithmetic takes longer than memory, by type of number."""
    return {
        f"{element}_flop_per_byte": peak_flop_per_s / device.memory_bytes_per_s
        for element, peak_flop_per_s in device.peak_flop_per_s.items()
    }


def roofline(
    model: ModelSpec,
    device: DeviceSpec,
    profile: EngineProfile,
    step: Step,
    precision: Precision,
    *,
    tp: int = 1,
    mla: Mla = "auto",
) -> list[OperatorPrice]:
    """A row for each kernel that has something to do, in the order in which a layer runs them."""
    _check(model, device, step, precision, tp)
    _check_mla(model, mla)
    problem = no_curves(device, profile.calibrations)
    if problem:
        raise ScenarioError(f"engine profile {profile.name} {problem}")
    kernels = operators(model, precision, tp, step.sums(model.counted_window), mla)
    kernels += _routed_experts(model, precision, step.tokens, tp)
    priced = (operator_price(kernel, device, profile) for kernel in kernels)
    return [price for price in priced if price is not None]


def _check(model: ModelSpec, device: DeviceSpec, step: Step, precision: Precision, tp: int) -> None:
    for name, value in (("batch", step.batch), ("length", step.length_tokens), ("tp", tp)):
        if value < 1:
            raise ScenarioError(f"roofline: {name}: {value} must be at least 1")
    if model.attention.heads % tp:
        raise ScenarioError(
            f"roofline: tp: {tp} does not divide the {model.attention.heads} heads of {model.name}"
        )
    if model.linear is not None and model.linear.key_heads % tp:
        raise ScenarioError(
            f"roofline: tp: {tp} does not divide the {model.linear.key_heads} key heads of the "
            f"linear layers of {model.name}"
        )
    for element in (precision.weights, precision.kv, precision.activations):
        try:
            device.arithmetic(element)
        except ValueError as problem:
            known = ", ".join(device.peak_flop_per_s)
            raise ScenarioError(
                f"roofline: precision: {problem}; its types are {known}"
            ) from problem


def _check_mla(model: ModelSpec, mla: Mla) -> None:
    if mla == "expanded" and model.counted_window is not None and model.window is None:
        raise ScenarioError(
            f"roofline: mla: 'expanded' is not modelled for {model.name}, which attends to chosen "
            "tokens; write 'auto' or 'absorbed'"
        )


def _routed_experts(model: ModelSpec, precision: Precision, tokens: int, tp: int) -> list[Operator]:
    routed = model.experts
    if routed is None:
        return []
    missed = (1 - routed.experts_per_token / routed.experts) ** tokens
    copies = float(tokens * routed.experts_per_token)
    return expert_operators(model, precision, copies, routed.experts * (1 - missed), tp)
