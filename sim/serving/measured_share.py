"""How much of a run's time was priced by kernels that were measured, at sizes that were.

Every so many steps the sums of one are kept, and priced once more in the end, kernel by kernel and
transfer by transfer. For kernels experts are taken as evenly loaded. Hosts have constants. Of
networks that change during a run the one at its beginning is taken.
"""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from sim.physics.operators import operators
from sim.physics.roofline import Roofline
from sim.physics.sums import StepSums
from sim.record.recorder import Recorder
from sim.serving.deployment import DeployedReplica, DeployedScenario
from sim.serving.mean_experts import mean_experts

EVERY_STEPS = 64
"""One step in so many is looked at, the first among them."""


class MeasuredShare(NamedTuple):
    """Parts of the time in which devices step, without what they wait for one another."""

    inside: float
    """Priced by a kernel that was measured on this device, at such a size; or a transfer on such
    links, between so many devices."""
    outside: dict[str, float]
    """The rest: by kind of kernel, and `communication` and `host`; the largest first."""


_MOST_STEPS = 32
"""So many of these steps are drawn and priced once more for their transfers."""


def is_looked_at(step: Any) -> Any:
    """Which of these steps are kept; of a number or an array."""
    return step % EVERY_STEPS == 1


def constant_lines(deployed: DeployedScenario) -> list[str]:
    """A line where transfers go by constants, though the profile has fabrics for other links."""
    of_replicas = (one.pricer.transfers.unknown_kinds for one in deployed.replicas)
    kinds = sorted({kind for kinds in of_replicas for kind in kinds})
    if not kinds:
        return []
    profile = deployed.scenario.engine.profile.name
    return [
        f"transfers whose slowest links are {', '.join(kinds)} go by constants: {profile} has no "
        "fabric for these; name a kind for each under 'communication.measured_as'"
    ]


def measured_share(deployed: DeployedScenario, recorder: Recorder) -> MeasuredShare | None:
    """Of a whole run; None where nothing was computed."""
    inside_s, outside_s = 0.0, defaultdict[str, float](float)
    for replica in deployed.replicas:
        name = replica.layout.pool.name, replica.layout.number
        busy_s = float(recorder.devices.compute_busy_s[list(replica.layout.devices)].sum())
        found, missed = _computed(deployed, replica, recorder.looked_at.get(name, []))
        whole_s = found + sum(missed.values())
        if not whole_s:
            continue
        inside_s += found / whole_s * busy_s
        for kind, one in missed.items():
            outside_s[kind] += one / whole_s * busy_s
        moving_s = float(recorder.devices.communication_s[list(replica.layout.devices)].sum())
        measured_s = moving_s * _communicated(replica, recorder.looked_at[name])
        inside_s += measured_s
        outside_s["communication"] += moving_s - measured_s
    outside_s["host"] += float(recorder.devices.overhead_s.sum())
    total_s = inside_s + sum(outside_s.values())
    if not total_s:
        return None
    largest_first = sorted(outside_s.items(), key=lambda item: -item[1])
    shares = {kind: one / total_s for kind, one in largest_first if one > 0}
    return MeasuredShare(inside_s / total_s, shares)


def _communicated(replica: DeployedReplica, kept: Sequence[np.ndarray]) -> float:
    """The share of the time of transfers, of some of the steps looked at, that was measured."""
    steps = np.concatenate(kept, axis=1)
    every = -(-steps.shape[1] // _MOST_STEPS)
    inside_s, total_s = 0.0, 0.0
    for number in range(0, steps.shape[1], every):
        for took_s, is_measured in replica.pricer.communication(StepSums(*steps[:, number])):
            inside_s += took_s * is_measured
            total_s += took_s
    return inside_s / total_s if total_s else 0.0


def _computed(
    deployed: DeployedScenario, replica: DeployedReplica, kept: Sequence[np.ndarray]
) -> tuple[float, dict[str, float]]:
    """The seconds of the steps looked at, inside and outside of what was measured."""
    inside_s, outside_s = 0.0, defaultdict[str, float](float)
    if not kept:
        return inside_s, outside_s
    scenario, layout = deployed.scenario, replica.layout
    rooflines = {
        place.holds: Roofline.of(place.device, scenario.engine.profile) for place in layout.places
    }
    sums = StepSums(*np.concatenate(kept, axis=1))
    tokens = np.asarray(sums.decode_tokens + sums.prefill_tokens).sum(axis=1)
    model, precision = scenario.model, scenario.deployment.precision
    mla = layout.mla(scenario.engine.mla)
    of_ranks = operators(model, precision, layout.tp, sums, mla, layout.shared_tp)
    # Ranks have a device each here; experts are the same on all, and count as often.
    of_steps = mean_experts(scenario, replica, tokens)
    placed = [(one, 1.0, layout.place_of(one)) for one in of_ranks]
    expert_times = len(layout.experts.devices) / layout.tp
    placed += [(one, expert_times, layout.experts) for one in of_steps]
    for operator, times, place in placed:
        roofline = rooflines[place.holds]
        took_s = times * operator.layers * np.asarray(roofline.seconds(operator.work))
        covered_s = float(np.where(roofline.covers(operator.work), took_s, 0.0).sum())
        inside_s += covered_s
        outside_s[operator.kernel] += float(took_s.sum()) - covered_s
    return inside_s, outside_s
