"""Little's law, L = lambda W, against a counter that knows nothing of the rows.

From an empty system to an empty one it is an identity, whatever arrives and however it is served:
the integral of the number in the system is the sum of the times in it. Instants are taken as
fractions, so that there is nothing to round.
"""

from fractions import Fraction

import pytest
import simpy
from hypothesis import given

from sim import simulation
from sim.serving.front_door import FrontDoor
from sim.spec.scenario import Scenario
from sim.workload.requests import Request
from tests.laws.random_scenarios import FAST, SWEEP, scenarios


class CountingDoor(FrontDoor):
    """Counts who is inside, and integrates that over time."""

    inside = 0
    since_s = Fraction(0)
    integral_s = Fraction(0)
    most_inside = 0

    def submit(self, request: Request) -> simpy.Event:
        self._change(1)
        answered = super().submit(request)
        assert answered.callbacks is not None
        answered.callbacks.append(lambda _: self._change(-1))
        return answered

    def _change(self, more: int) -> None:
        now_s = Fraction(self._env.now)
        self.integral_s += self.inside * (now_s - self.since_s)
        self.since_s = now_s
        self.inside += more
        self.most_inside = max(self.most_inside, self.inside)


def check(asked: Scenario) -> None:
    doors: list[CountingDoor] = []

    def opened(*given: object) -> CountingDoor:
        doors.append(CountingDoor(*given))  # type: ignore[arg-type]
        return doors[-1]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(simulation, "FrontDoor", opened)
        run = simulation.simulate(asked)

    frame = run.requests
    finished = frame[frame["status"] == "finished"]
    sojourns_s = sum(
        (
            Fraction(finish_s) - Fraction(arrival_s)
            for finish_s, arrival_s in zip(finished["finish_s"], finished["arrival_s"], strict=True)
        ),
        start=Fraction(0),
    )
    (door,) = doors
    assert door.inside == 0
    if (frame["status"] != "failed: kv").all():  # of these no row says when they ended
        assert door.integral_s == sojourns_s
    if asked.workload.arrivals is not None and asked.workload.arrivals.kind == "closed-loop":
        assert door.most_inside <= asked.workload.arrivals.concurrency


@given(scenarios())
@FAST
def test_the_number_in_the_system_integrates_to_the_times_in_it(asked: Scenario) -> None:
    check(asked)


@pytest.mark.slow
@given(scenarios())
@SWEEP
def test_littles_law_holds_in_many_runs(asked: Scenario) -> None:
    check(asked)
