"""Seconds of work on a device: arithmetic and memory traffic overlap, so the slower one counts.

Roofline model: Williams, Waterman and Patterson, Communications of the ACM 52(4), 2009. What a
kernel loses against its roof is the engine profile's efficiency and launch time.
"""

from typing import Literal

import numpy as np

from sim.physics.work import Real, Work
from sim.spec.device import DeviceSpec
from sim.spec.scenario import EngineProfile


def seconds(work: Work, device: DeviceSpec, profile: EngineProfile) -> Real:
    """How long one kernel with this work takes; no time where there is no work."""
    peak_flop_per_s = device.peak_flop_per_s[device.arithmetic(work.arithmetic)]
    compute_s = work.flop / (peak_flop_per_s * profile.compute_efficiency)
    memory_s = work.bytes / (device.memory_bytes_per_s * profile.memory_efficiency)
    if isinstance(compute_s, np.ndarray) or isinstance(memory_s, np.ndarray):
        roof_s = np.maximum(compute_s, memory_s)
        return np.where(roof_s > 0, roof_s + profile.kernel_launch_s, 0.0)
    slower_s = max(compute_s, memory_s)
    return slower_s + profile.kernel_launch_s if slower_s > 0 else 0.0


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
