"""What the errors of measured curves do to the headline figures: three runs instead of one.

Every curve and fabric knows by how much it was off at the median, on shapes that its fit had not
seen. The run is repeated with every kernel and transfer faster by that much, and slower: as if all
erred in one direction; but for the latency of links, which is the topology's.
What is priced by constants stays as it is, for nobody knows its error.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from sim.errors import ScenarioError
from sim.simulation import Run, check, simulate
from sim.spec.calibration import Calibration, FitErrors, KernelCurve
from sim.spec.communication import Communication, ExpertTraffic, Fabric, WireProtocol
from sim.spec.engine_profile import EngineProfile
from sim.spec.scenario import Scenario
from sim.study.seeds import latency_keys

HEADLINES = (
    "request_throughput",
    "output_throughput",
    *latency_keys(("ttft", "tpot", "e2el")),
)


class KernelErrors(NamedTuple):
    """Headline figures by name."""

    as_priced: Mapping[str, float | None]
    all_faster: Mapping[str, float | None]
    all_slower: Mapping[str, float | None]


def kernel_errors(scenario: Scenario, before_each: Callable[[str], None]) -> KernelErrors:
    """Run a scenario as it is priced, and with all kernels off by their own errors."""
    profile = scenario.engine.profile
    if not profile.calibrations:
        raise ScenarioError(
            f"engine.profile: {profile.name!r} has no measured curves, whose errors could be "
            "carried on; write 'measured'"
        )
    check(scenario)

    def figures(name: str, priced_by: EngineProfile) -> Mapping[str, float | None]:
        before_each(name)
        engine = scenario.engine.model_copy(update={"profile": priced_by})
        return headlines(simulate(scenario.model_copy(update={"engine": engine})))

    return KernelErrors(
        figures("as priced", profile),
        figures("all kernels faster", scaled(profile, slower=False)),
        figures("all kernels slower", scaled(profile, slower=True)),
    )


def headlines(run: Run) -> dict[str, float | None]:
    """The figures of a run that are shown."""
    summary: Mapping[str, Any] = run.summary()
    return {name: summary[name] for name in HEADLINES}


def scaled(profile: EngineProfile, *, slower: bool) -> EngineProfile:
    """The profile with every curve off by its own error."""
    return profile.model_copy(
        update={
            "calibrations": {
                device: _scaled(calibration, slower=slower)
                for device, calibration in profile.calibrations.items()
            },
            "communication": None
            if profile.communication is None
            else _scaled_communication(profile.communication, slower=slower),
        }
    )


def error_of(errors: FitErrors) -> float:
    """At the median: on shapes held out of the fit, or where none were, on all."""
    held_out = errors.held_out_shapes_median
    return errors.median if held_out is None else held_out


def _scaled_communication(given: Communication, *, slower: bool) -> Communication:
    """A fabric errs as much as the worst of its collectives."""
    fabrics, experts = {}, {}
    for name, fabric in given.fabrics.items():
        longer = 1 + max(map(error_of, fabric.errors.values()))
        fabrics[name] = _fabric_times(fabric, longer if slower else 1 / longer)
    for direction, traffic in given.experts.items():
        longer = 1 + error_of(traffic.errors)
        experts[direction] = _traffic_times(traffic, longer if slower else 1 / longer)
    return given.model_copy(update={"fabrics": fabrics, "experts": experts})


def _fabric_times(fabric: Fabric, factor: float) -> Fabric:
    """The fabric on which every collective takes so many times as long."""
    times = ("launch_s", "message_s")
    ways = ("chain", "direct", "in_switch")
    return fabric.model_copy(
        update={name: getattr(fabric, name) * factor for name in times}
        | {way: tuple(_protocol_times(one, factor) for one in getattr(fabric, way)) for way in ways}
    )


def _protocol_times(one: WireProtocol, factor: float) -> WireProtocol:
    return one.model_copy(
        update={
            "start_s": one.start_s * factor,
            "step_s": one.step_s * factor,
            "link_efficiency": one.link_efficiency / factor,
        }
    )


def _traffic_times(traffic: ExpertTraffic, factor: float) -> ExpertTraffic:
    """The kernels of which every call takes so many times as long."""
    times = ("launch_s", "expert_s", "far_expert_s", "token_s")
    return traffic.model_copy(
        update={name: getattr(traffic, name) * factor for name in times}
        | {
            "copied_bytes_per_s": traffic.copied_bytes_per_s / factor,
            "link_efficiency": {
                kind: one / factor for kind, one in traffic.link_efficiency.items()
            },
        }
    )


def _scaled(calibration: Calibration, *, slower: bool) -> Calibration:
    curves = {}
    for name, curve in calibration.curves.items():
        longer = 1 + error_of(curve.errors)
        curves[name] = _times(curve, longer if slower else 1 / longer)
    return calibration.model_copy(update={"curves": curves})


def _times(curve: KernelCurve, factor: float) -> KernelCurve:
    """The curve of a kernel that takes so many times as long, at every size."""
    return curve.model_copy(
        update={
            "launch_s": curve.launch_s * factor,
            "compute_efficiency": curve.compute_efficiency / factor,
            "memory_efficiency": curve.memory_efficiency / factor,
            "wave_s": curve.wave_s * factor,
            "step_s": curve.step_s * factor,
        }
    )
