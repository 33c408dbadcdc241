import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from simpy import Environment

from sim.network.instants import (
    ARRIVALS,
    ENDS,
    RESHARE,
    STARTS,
    call_at,
    delay_until,
    sleep_until,
)

instants = st.floats(0, 1e6, allow_subnormal=False)


@given(instants, instants)
def test_a_delay_leads_to_its_instant_to_the_bit(one_s: float, other_s: float) -> None:
    now_s, at_s = sorted((one_s, other_s))
    delay_s = delay_until(now_s, at_s)

    assume(delay_s is not None)

    assert delay_s is not None
    assert now_s + delay_s == at_s


@given(instants, st.floats(0, 1))
def test_the_near_future_always_has_a_delay(now_s: float, share: float) -> None:
    at_s = now_s + share * now_s

    assert delay_until(now_s, at_s) is not None


def test_some_instants_have_no_delay_from_far_before_them() -> None:
    # Half of the last digit of `at_s` is left over from `now_s`, and rounds to even: never to it.
    assert delay_until(2.0**-53, 1 + 2.0**-52) is None


@given(instants, instants)
def test_a_sleep_ends_at_its_instant_to_the_bit(one_s: float, other_s: float) -> None:
    now_s, at_s = sorted((one_s, other_s))
    env = Environment(initial_time=now_s)

    env.run(sleep_until(env, at_s, ENDS))

    assert env.now == at_s


@pytest.mark.parametrize("now_s", [2.0**-53, 3 * 2.0**-53])
def test_a_sleep_ends_to_the_bit_where_no_delay_leads_there(now_s: float) -> None:
    env = Environment(initial_time=now_s)

    env.run(sleep_until(env, 1 + 2.0**-52, STARTS))

    assert env.now == 1 + 2.0**-52


def test_at_one_instant_ends_come_first_then_arrivals_then_starts_then_sharing() -> None:
    env, order = Environment(), list[str]()
    for name, priority in [("share", RESHARE), ("start", STARTS), ("arrive", ARRIVALS)]:
        call_at(env, 1.0, priority, lambda name=name: order.append(name))  # type: ignore[misc]
    call_at(env, 1.0, ENDS, lambda: order.append("end"))

    env.run()

    assert order == ["end", "arrive", "start", "share"]
