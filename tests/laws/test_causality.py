"""At one instant come ends, then arrivals, then starts, and nobody knows the future."""

import pytest

from sim.serving.step_pricing import StepPricer
from sim.simulation import Run, simulate
from sim.workload.requests import Request
from tests.laws.scenarios import LATENT, pool, scenario, work
from tests.serving.servers import serve


def test_who_arrives_at_the_end_of_a_step_is_in_the_next_one() -> None:
    requests = [Request(0, 0.0, 1, 3), Request(1, 1.0, 1, 1)]

    recorder = serve(requests, lambda sums: 1.0, max_sequences=2)

    assert recorder.requests[1].first_scheduled_s == 1.0
    assert [step.sequences for step in recorder.steps] == [1, 2, 1]


def test_a_router_sees_who_ended_at_the_instant_of_an_arrival() -> None:
    # The second goes to the other replica; when the third comes the first has just ended.
    requests = [Request(0, 0.0, 1, 1), Request(1, 0.5, 1, 9), Request(2, 1.0, 1, 1)]

    recorder = serve(requests, lambda sums: 1.0, replicas=2, router="least-loaded")

    assert [row.replica for row in recorder.requests] == [0, 1, 0]


@pytest.mark.parametrize("fidelity", ["auto", "layer"])
def test_later_requests_change_nothing_that_was_before_them(fidelity: str) -> None:
    few, many = (
        simulate(
            scenario(
                LATENT,
                pool(1, 2, replicas=2),
                workload=work(count, {"kind": "fixed", "rate_per_s": 400.0}),
                fidelity=fidelity,
            )
        )
        for count in (6, 12)
    )

    seventh_s = many.requests["arrival_s"][6]
    before = [run.steps[run.steps["end_s"] < seventh_s] for run in (few, many)]
    assert len(before[0]) > 10
    assert before[0].equals(before[1])


@pytest.mark.parametrize("fidelity", ["auto", "layer"])
def test_a_run_cut_at_the_end_of_a_step_keeps_that_step(fidelity: str) -> None:
    asked = scenario(LATENT, pool(dp=2), fidelity=fidelity)
    whole = simulate(asked).recorder

    cut = simulate(asked.model_copy(update={"until_s": whole.steps[2].end_s})).recorder

    assert list(cut.steps) == whole.steps[:3]
    assert cut.devices.cut_s.sum() == 0.0


def test_more_clients_than_requests_are_as_many_as_requests() -> None:
    def run(clients: int) -> Run:
        loop = {"kind": "closed-loop", "concurrency": clients}
        return simulate(scenario(LATENT, workload=work(5, loop)))

    assert run(10**12).requests.equals(run(5).requests)


def test_a_fault_of_ours_is_not_reported_as_a_run_that_stopped(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def broken(*_: object) -> None:
        raise NotImplementedError

    monkeypatch.setattr(StepPricer, "plan", broken)

    with pytest.raises(NotImplementedError):
        simulate(scenario(LATENT))
