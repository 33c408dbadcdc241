"""Seconds of work on a device: arithmetic and memory traffic overlap, so the slower one counts.

Roofline model: Williams, Waterman and Patterson, Communications of the ACM 52(4), 2009. What a
kernel loses against its roof is the engine profile's efficiency and launch time.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from sim.physics.curves import Curves, curves_of
from sim.physics.work import Real, Work
from sim.spec.device import DeviceSpec, ElementType
from sim.spec.engine_profile import EngineProfile


@dataclass(frozen=True, slots=True)
class Roofline:
    """What an engine gets out of a device."""

    flop_per_s: Mapping[ElementType, float]
    """By the type of the operands, of those that the device can multiply."""
    memory_bytes_per_s: float
    launch_s: float
    curves: Curves | None = None
    """Measured kernels, where the profile has them; for others the roofs hold."""

    @classmethod
    def of(cls, device: DeviceSpec, profile: EngineProfile) -> "Roofline":
        """The roofs of a device, lowered by the profile."""
        peaks: dict[ElementType, float] = {}
        for element in get_args(ElementType):
            try:
                peak_flop_per_s = device.peak_flop_per_s[device.arithmetic(element)]
            except ValueError:
                continue
            peaks[element] = peak_flop_per_s * profile.compute_efficiency
        memory_bytes_per_s = device.memory_bytes_per_s * profile.memory_efficiency
        curves = curves_of(device, profile)
        return cls(peaks, memory_bytes_per_s, profile.kernel_launch_s, curves)

    def seconds(self, work: Work, *, repeated: bool = False) -> Real:
        """How long one kernel with this work takes; no time where there is no work.

        `repeated`: the same call ran just before, so that caches are warm; only curves know caches.
        """
        if self.curves is not None:
            curve = self.curves.of(work)
            if curve is not None:
                return curve.seconds(work, repeated=repeated)
        compute_s = work.flop / self.flop_per_s[work.arithmetic]
        memory_s = work.bytes / self.memory_bytes_per_s
        if isinstance(compute_s, np.ndarray) or isinstance(memory_s, np.ndarray):
            roof_s = np.maximum(compute_s, memory_s)
            if not self.launch_s:
                return roof_s
            return np.where(roof_s > 0, roof_s + self.launch_s, 0.0)
        slower_s = max(compute_s, memory_s)
        return slower_s + self.launch_s if slower_s > 0 else 0.0

    def covers(self, work: Work) -> np.ndarray:
        """Whether the price is that of a measured kernel at a size that was measured."""
        if self.curves is None:
            return np.asarray(False)
        return self.curves.covers(work)


def seconds(
    work: Work, device: DeviceSpec, profile: EngineProfile, *, repeated: bool = False
) -> Real:
    """How long one kernel with this work takes on this device."""
    return Roofline.of(device, profile).seconds(work, repeated=repeated)


def intensity(work: Work) -> Real:
    """FLOP for each byte moved."""
    return work.flop / work.bytes


def ridge_flop_per_byte(device: DeviceSpec, work: Work) -> float:
    """The intensity at which this device's arithmetic (in the work's type) and memory tie."""
    return device.peak_flop_per_s[device.arithmetic(work.arithmetic)] / device.memory_bytes_per_s


def bound(work: Work, device: DeviceSpec) -> Literal["compute", "memory"]:
    """Which of the two takes longer at the device's peaks; the work is one, not an array."""
    is_compute = bool(work.flop >= work.bytes * ridge_flop_per_byte(device, work))
    return "compute" if is_compute else "memory"
