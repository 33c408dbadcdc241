"""What the transfers of a finished step carried over links."""

import numpy as np

from sim.network.accounting import add_alone, add_bytes
from sim.network.carried import add_carried
from sim.record.usage import LinkUsage
from sim.serving.step_plan import Played, StepPlan


def add_link_use(
    usage: LinkUsage, plan: StepPlan, played: Played | None, capacity_bytes_per_s: np.ndarray
) -> None:
    """Add a finished step's transfers; the fabric has the seconds of those that met others."""
    if played is None:
        for slot, loads in plan.transfers.items():
            add_alone(usage, loads, capacity_bytes_per_s, plan.program.repeats[slot])
        return
    if played.carried is not None:
        for one in (part for parts in played.carried.values() for part in parts):
            add_carried(usage, one)
        return
    for number in plan.program.transfer_phases:
        if played.was_alone[number]:
            add_alone(usage, plan.loads(number), capacity_bytes_per_s)
        else:
            add_bytes(usage, plan.loads(number))
