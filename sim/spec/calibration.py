"""Curves of how long kernels take on a device, fitted to measurements, and what the fit is worth.

A curve is a handful of numbers with a meaning, shared by all shapes of one kernel; `physics/curves`
has the formula. Rates are shares of the device's peaks, so that a device of the same family can
take over the curves of another.
"""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, field_validator

from sim.spec.base import Bytes, Count, Seconds, Share, Source, Spec, Weight
from sim.spec.device import DeviceSpec

CURVE_KINDS = ("gemm", "gqa_decode", "gqa_prefill", "mla_decode", "mla_prefill", "moe_experts")
"""Kinds of kernels that may have curves, as measurements call them."""

CURVE_TYPES = ("fp32", "bf16", "fp8", "fp8_block", "fp4")
"""Types of number that a curve may be of."""
CURVE_VARIANTS = ("single", "grouped", "broad", "wide", "mqa", "few", "many")
"""Which of an engine's kernels, as `physics/grids` tells them apart."""

Error = Annotated[float, Field(ge=0)]
"""A relative error without its sign: 0.1 is 10 %."""


def _rising(span: tuple[float, float]) -> tuple[float, float]:
    if not 0 <= span[0] <= span[1]:
        raise ValueError(f"[{span[0]:g}, {span[1]:g}] is no span; write the smaller number first")
    return span


Span = Annotated[tuple[float, float], Field(strict=False), AfterValidator(_rising)]
"""The least and the most."""


class FittedSizes(Spec):
    """The sizes of the calls to which a curve was fitted; beyond them it is a guess."""

    blocks: Span
    """Thread blocks, among which a call is shared out."""
    steps: Span
    """Of the loop in a block."""


class FitErrors(Spec):
    """Relative errors on the points fitted, and on points that a second fit did not see."""

    points: Count
    """To which the curve was fitted."""
    median: Error
    """Half of the points are nearer than this."""
    p90: Error
    """Nine of ten are."""
    worst: Error
    """All are."""
    held_out_rows_median: Error | None = None
    """Of three tenths of the rows, chosen by their id, by a fit to the others."""
    held_out_rows_p90: Error | None = None
    """Of nine tenths of these."""
    held_out_shapes_median: Error | None = None
    """Of three tenths of the shapes, whole, by a fit to the others."""
    held_out_shapes_p90: Error | None = None
    """Of nine tenths of these."""


class KernelCurve(Spec):
    """How long one kernel takes on one device: eight numbers for all its shapes."""

    launch_s: Seconds
    """The shortest call: launch, prologue and epilogue."""
    compute_efficiency: Share
    """Share of the peak FLOP/s, with work for every processor."""
    memory_efficiency: Share
    """Share of the memory bandwidth."""
    wave_s: Seconds
    """What each further wave of thread blocks over the processors costs, however little they do."""
    step_s: Seconds
    """What each step of the loop in a block adds: it waits for its operands."""
    split_steps: Weight
    """The loop is cut into pieces about so long, for blocks of their own."""
    cache_gain: Annotated[float, Field(ge=1)] = 1.0
    """How much faster bytes come that the chip's cache still has from an equal call just before."""
    staging_bytes: Bytes = 0.0
    """Moved for each activation to find its scale and bring it to the type of the weights."""
    overlap: Literal["none", "partial"]
    """Arithmetic, traffic and waves one after the other, or as the root of their squares' sum."""
    fitted_to: FittedSizes
    """The sizes that were measured."""
    errors: FitErrors
    """What the fit is worth."""


class Calibration(Spec):
    """The curves of a device by kernel: `gemm/fp8`, `gqa_decode/bf16/broad`."""

    curves: dict[str, KernelCurve]
    """By kind, type of number and, where engines have several kernels for a kind, which of them."""
    source: Source
    """Where the measurements are from, and what was fitted to them."""

    @field_validator("curves")
    @classmethod
    def _are_of_kernels(cls, given: dict[str, KernelCurve]) -> dict[str, KernelCurve]:
        for name in given:
            kind, *rest = name.split("/")
            is_known = kind in CURVE_KINDS and set(rest[:1]) <= set(CURVE_TYPES)
            if not is_known or not set(rest[1:]) <= set(CURVE_VARIANTS):
                raise ValueError(
                    f"{name!r:.60} is no kernel's name; write a kind ({', '.join(CURVE_KINDS)}), "
                    f"its type of number ({', '.join(CURVE_TYPES)}) and its variant "
                    f"({', '.join(CURVE_VARIANTS)}), such as 'gqa_decode/bf16/broad'"
                )
        return given


def no_curves(device: DeviceSpec, calibrations: Mapping[str, Calibration]) -> str | None:
    """Why a profile with these calibrations cannot price this device; None where it can."""
    if not calibrations or device.measured_as in calibrations:
        return None
    return (
        f"has no curves for device {device.name} (measured_as: {device.measured_as or 'missing'}), "
        f"only for {', '.join(calibrations)}; name one of these as the device's measured_as, or "
        "take a profile without curves, such as plain"
    )
