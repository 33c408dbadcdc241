from typing import NamedTuple

from sim.serving.router import POLICIES, least_loaded, round_robin
from sim.spec.scenario import Deployment


class Snapshot(NamedTuple):
    unfinished: int
    kv_tokens: int


IDLE, BUSY = Snapshot(0, 0), Snapshot(3, 10)


def test_round_robin_takes_each_in_turn() -> None:
    assert [round_robin(routed, [BUSY, IDLE, BUSY]) for routed in range(4)] == [0, 1, 2, 0]


def test_least_loaded_takes_the_fewest_unfinished_then_the_fewest_tokens_then_the_first() -> None:
    assert least_loaded(0, [BUSY, Snapshot(2, 99)]) == 1
    assert least_loaded(0, [Snapshot(2, 99), Snapshot(2, 98)]) == 1
    assert least_loaded(0, [IDLE, IDLE]) == 0


def test_every_router_that_a_scenario_may_name_exists() -> None:
    named = Deployment.model_fields["router"].annotation

    assert set(POLICIES) == set(getattr(named, "__args__", ()))
