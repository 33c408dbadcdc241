"""Energy of a device: idle power all the time, and the rest of its peak while it computes.

Two numbers, because data sheets give no more; power is not lower at half load here.
"""

from sim.physics.work import Real
from sim.spec.device import DeviceSpec


def energy_j(device: DeviceSpec, elapsed_s: Real, busy_s: Real) -> Real:
    """Joules over a run of which the device computed for `busy_s`."""
    return device.idle_w * elapsed_s + (device.peak_w - device.idle_w) * busy_s
