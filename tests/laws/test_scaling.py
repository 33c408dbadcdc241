"""A machine 2^k times as fast, under 2^k times as fast arrivals, does the same 2^k times sooner.

To the bit, because a power of two leaves every significand alone. Whatever has a time constant of
its own (a tolerance in seconds, an unscaled latency) breaks it.
"""

from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.simulation import simulate
from sim.spec.engine_profile import EngineProfile
from sim.spec.scenario import Scenario
from sim.spec.topology import Group, Join, TopologySpec
from tests.laws.random_scenarios import FAST, SWEEP, scenarios


def faster(asked: Scenario, times: float) -> Scenario:
    """Every rate times this number, every time divided by it."""
    arrivals = asked.workload.arrivals
    assert arrivals is not None
    quick = {"rate_per_s": times, "think_s": 1 / times}
    changed = {
        name: getattr(arrivals, name) * by for name, by in quick.items() if hasattr(arrivals, name)
    }
    workload = asked.workload.model_copy(update={"arrivals": arrivals.model_copy(update=changed)})
    engine = asked.engine.model_copy(update={"profile": faster_engine(asked.engine.profile, times)})
    return asked.model_copy(
        update={
            "topology": faster_machine(asked.topology, times),
            "engine": engine,
            "workload": workload,
            "until_s": None if asked.until_s is None else asked.until_s / times,
        }
    )


def faster_engine(profile: EngineProfile, times: float) -> EngineProfile:
    names = ("kernel_launch_s", "collective_launch_s", "step_overhead_s")
    return profile.model_copy(update={name: getattr(profile, name) / times for name in names})


def faster_machine(machine: TopologySpec, times: float) -> TopologySpec:
    groups = {name: faster_group(group, times) for name, group in machine.groups.items()}
    links = tuple(faster_link(link, times) for link in machine.links)
    return machine.model_copy(update={"groups": groups, "links": links})


def faster_group(group: Group, times: float) -> Group:
    through, device = group.through_bytes_per_s, group.device
    changed: dict[str, Any] = {"through_bytes_per_s": None if through is None else through * times}
    if device is not None:
        peaks = {name: peak * times for name, peak in device.peak_flop_per_s.items()}
        rates = {"peak_flop_per_s": peaks, "memory_bytes_per_s": device.memory_bytes_per_s * times}
        changed["device"] = device.model_copy(update=rates)
    return group.model_copy(update=changed)


def faster_link(link: Join, times: float) -> Join:
    rates = {"bytes_per_s": link.bytes_per_s * times, "latency_s": link.latency_s / times}
    return link.model_copy(update=rates)


def scaled(frame: pd.DataFrame, times: float) -> pd.DataFrame:
    """All seconds divided, all rates multiplied."""
    changed = frame.copy()
    for name in frame.columns:
        if name.endswith("_per_s"):
            changed[name] = frame[name] * times
        elif name.endswith("_s"):
            changed[name] = frame[name] / times
    return changed


def check(asked: Scenario, power: int) -> None:
    times = 2.0**power

    slow, fast = simulate(asked), simulate(faster(asked, times))

    for name in ("requests", "steps", "transfers", "experts", "links", "link_users"):
        expected = scaled(getattr(slow, name), times)
        pd.testing.assert_frame_equal(getattr(fast, name), expected, check_exact=True)
    without_energy = [name for name in slow.devices.columns if name != "energy_j"]
    pd.testing.assert_frame_equal(
        fast.devices[without_energy], scaled(slow.devices[without_energy], times), check_exact=True
    )
    assert fast.recorder.elapsed_s == slow.recorder.elapsed_s / times


@given(scenarios(), st.sampled_from([-10, -1, 1, 7]))
@FAST
def test_twice_as_fast_is_exactly_half_as_long(asked: Scenario, power: int) -> None:
    check(asked, power)


@pytest.mark.slow
@given(scenarios(), st.integers(-16, 8))
@SWEEP
def test_any_power_of_two_scales_time_exactly(asked: Scenario, power: int) -> None:
    check(asked, power)
