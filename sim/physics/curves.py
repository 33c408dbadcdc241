"""Seconds of a kernel from a curve that was fitted to measurements.

    launch + step * n / (1 + n / split) + busy(compute, traffic, waves)
    compute = flop / (peak * efficiency) * sqrt(1 + (1 / fill) ** 2)
    traffic = (bytes + staging * activations) / (bandwidth * efficiency)
    waves   = wave * w ** 2 / (1 + w)

A kernel is cut into blocks, each with a loop of n steps: w is blocks over processors, the waves in
which they run, the first of which is part of the launch. fill is w * (1 + n / split), for long
loops are cut into pieces for idle processors; below 1 some do nothing. n / (1 + n / split) is the
longest piece of a loop. busy is the sum of the three, or the root of the sum of their squares where
they overlap. Every term grows with flop, bytes, blocks and steps, and none is faster than peak.
What is left out shows in the errors that each curve carries.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from sim.physics.work import Grid, Real, Work
from sim.spec.calibration import FittedSizes, KernelCurve
from sim.spec.device import DeviceSpec, ElementType
from sim.spec.engine_profile import EngineProfile


@dataclass(frozen=True, slots=True)
class Curve:
    """A fitted curve on a device, ready to price."""

    launch_s: float
    flop_per_s: float
    memory_bytes_per_s: float
    wave_s: float
    step_s: float
    split_steps: float
    cache_gain: float
    staging_bytes: float
    has_overlap: bool
    processors: float
    cache_bytes: float
    fitted_to: FittedSizes

    @classmethod
    def of(cls, device: DeviceSpec, element: ElementType, fitted: KernelCurve) -> "Curve":
        """Shares made rates of this device, for operands of this type."""
        assert device.processors is not None, "the device's spec has checked it"
        assert device.cache_bytes is not None, "the device's spec has checked it"
        peak_flop_per_s = device.peak_flop_per_s[device.arithmetic(element)]
        return cls(
            launch_s=fitted.launch_s,
            flop_per_s=peak_flop_per_s * fitted.compute_efficiency,
            memory_bytes_per_s=device.memory_bytes_per_s * fitted.memory_efficiency,
            wave_s=fitted.wave_s,
            step_s=fitted.step_s,
            split_steps=fitted.split_steps,
            cache_gain=fitted.cache_gain,
            staging_bytes=fitted.staging_bytes,
            has_overlap=fitted.overlap == "partial",
            processors=float(device.processors),
            cache_bytes=device.cache_bytes,
            fitted_to=fitted.fitted_to,
        )

    def seconds(self, work: Work, *, repeated: bool = False) -> Real:
        """How long one call takes; no time where there is no work.

        `repeated`: the same call ran just before, as in a benchmark, so that what fits in the cache
        is still there. In a model other layers have run in between.
        """
        blocks, steps = _cut(work.grid)
        waves = blocks / self.processors
        fill = waves * (1 + steps / self.split_steps)
        compute_s = work.flop / self.flop_per_s * np.sqrt(1 + 1 / (fill * fill))
        moved = work.bytes
        if self.staging_bytes and work.grid is not None:
            moved = moved + self.staging_bytes * work.grid.staged
        if repeated:
            moved = self._missed_bytes(moved)
        memory_s = moved / self.memory_bytes_per_s
        waves_s = self.wave_s * waves * waves / (1 + waves)
        if self.has_overlap:
            busy_s = np.sqrt(compute_s * compute_s + memory_s * memory_s + waves_s * waves_s)
        else:
            busy_s = compute_s + memory_s + waves_s
        waits_s = self.step_s * steps / (1 + steps / self.split_steps)
        took_s = self.launch_s + waits_s + busy_s
        return _where_work(work, took_s)

    def covers(self, work: Work) -> np.ndarray:
        """Whether calls are of a size that was measured; beyond, the curve is a guess."""
        blocks, steps = _cut(work.grid)
        sizes = self.fitted_to
        inside: np.ndarray = _within(blocks, sizes.blocks) & _within(steps, sizes.steps)
        return inside

    def _missed_bytes(self, moved: Real) -> Real:
        """The bytes that must come from memory, and those in the cache at what they cost more."""
        times = moved / self.cache_bytes
        fourth = times * times * (times * times)
        missed_share = fourth / (1 + fourth)
        return moved * (missed_share + (1 - missed_share) / self.cache_gain)


class _Found(NamedTuple):
    name: str
    curve: Curve
    is_own: bool
    """Fitted to this kernel in this type of number, on this device."""


@dataclass(frozen=True, slots=True)
class Curves:
    """The measured kernels of a device."""

    device: DeviceSpec
    fitted: Mapping[str, KernelCurve]
    _found: dict[tuple[str, ElementType], _Found | None] = field(default_factory=dict)

    def of(self, work: Work) -> Curve | None:
        """The curve of this work's kernel, or of the nearest that was measured; else None."""
        found = self._find(work.kernel, work.arithmetic)
        return None if found is None else found.curve

    def name_of(self, work: Work) -> str | None:
        """Whose curve prices this work; None where none does."""
        found = self._find(work.kernel, work.arithmetic)
        return None if found is None else found.name

    def covers(self, work: Work) -> np.ndarray:
        """Whether this very kernel was measured, on this very device, at such sizes."""
        found = self._find(work.kernel, work.arithmetic)
        if found is None or not found.is_own:
            return np.zeros(np.broadcast(work.flop, work.bytes).shape, dtype=bool)
        return found.curve.covers(work)

    def _find(self, kernel: str, element: ElementType) -> _Found | None:
        if (kernel, element) not in self._found:
            self._found[kernel, element] = self._nearest(kernel, element)
        return self._found[kernel, element]

    def _nearest(self, kernel: str, element: ElementType) -> _Found | None:
        is_own_device = self.device.name == self.device.measured_as
        for name in nearest(kernel):
            if name in self.fitted:
                curve = Curve.of(self.device, element, self.fitted[name])
                return _Found(name, curve, is_own_device and kernel.startswith(name))
        return None


def curves_of(device: DeviceSpec, profile: EngineProfile) -> Curves | None:
    """The curves with which a profile prices a device; None where it has constants only."""
    if not profile.calibrations:
        return None
    assert device.measured_as is not None, "who hands both in has checked it with `no_curves`"
    return Curves(device, profile.calibrations[device.measured_as].curves)


_NEAREST_TYPES: Mapping[str, tuple[str, ...]] = {
    "fp32": ("bf16",),
    "bf16": ("fp8",),
    "fp8": ("fp8_block", "bf16"),
    "fp8_block": ("fp8", "bf16"),
    "fp4": ("fp8_block", "fp8", "bf16"),
}


def nearest(kernel: str) -> Iterator[str]:
    """The kernel and those of which it is a variant; then the same in the types most like its."""
    kind, *rest = kernel.split("/")
    written, *variants = rest or [""]
    for one in (written, *_NEAREST_TYPES.get(written, ())):
        for kept in range(len(variants), -1, -1):
            yield "/".join(part for part in (kind, one, *variants[:kept]) if part)


def _cut(grid: Grid | None) -> tuple[Real, Real]:
    """Without a grid, one block without a loop."""
    return (1.0, 0.0) if grid is None else grid.cut()


def _within(found: Real, span: tuple[float, float]) -> np.ndarray:
    least, most = span
    inside: np.ndarray = (np.asarray(found) >= least) & (np.asarray(found) <= most)
    return inside


def _where_work(work: Work, took_s: Real) -> Real:
    if isinstance(took_s, np.ndarray):
        return np.where(np.asarray(work.bytes) > 0, took_s, 0.0)
    return float(took_s) if work.bytes > 0 else 0.0
