"""The kernels of one forward pass, a row each: work, intensity, what bounds it, and its time."""

from typing import NamedTuple

import numpy as np

from sim.physics.roofline import bound, intensity, seconds
from sim.physics.work import Operator
from sim.spec.device import DeviceSpec
from sim.spec.engine_profile import EngineProfile


class OperatorPrice(NamedTuple):
    """One kernel, with its numbers over all layers that run it."""

    part: str
    """Of the model: attention, dense, experts, head; or network."""
    operator: str
    layers: int
    work_flop: float
    moved_bytes: float
    intensity_flop_per_byte: float | None
    bound: str
    """compute, memory or, for transfers, network."""
    time_s: float


def operator_price(
    operator: Operator, device: DeviceSpec, profile: EngineProfile
) -> OperatorPrice | None:
    """What it costs on one device; None where it has nothing to do."""
    given = operator.work
    work = given._replace(flop=_total(given.flop), bytes=_total(given.bytes))
    took_s = seconds(work, device, profile)
    if not took_s:
        return None
    return OperatorPrice(
        part=operator.phase,
        operator=operator.name,
        layers=operator.layers,
        work_flop=float(work.flop) * operator.layers,
        moved_bytes=float(work.bytes) * operator.layers,
        intensity_flop_per_byte=float(intensity(work)),
        bound=bound(work, device),
        time_s=float(took_s) * operator.layers,
    )


def _total(amount: float | np.ndarray) -> float:
    return float(np.asarray(amount).item())
