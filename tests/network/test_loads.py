import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from sim.network.loads import Loads, mask_of

CAPACITY = np.array([10.0, 20.0, 40.0, 7.0])


def loads(*bytes_: float) -> Loads:
    return Loads(np.array([0, 1, 2]), np.array(bytes_), np.ones(3), 0.5, mask_of([0, 1, 2]))


def test_alone_it_takes_its_latency_and_the_time_of_its_fullest_link() -> None:
    # 10 / 10, 50 / 20 and 80 / 40 seconds.
    assert loads(10.0, 50.0, 80.0).alone_s(CAPACITY) == 0.5 + 2.5


def test_no_bytes_take_the_latency() -> None:
    assert loads(0.0, 0.0, 0.0).alone_s(CAPACITY) == 0.5


def test_an_efficiency_stretches_the_bytes_and_not_the_latency() -> None:
    slowed = loads(10.0, 50.0, 80.0).at_efficiency(0.5, CAPACITY)

    assert slowed.alone_s(CAPACITY) == 0.5 + 5.0
    assert slowed.bytes.tolist() == [10.0, 50.0, 80.0]


def test_a_launch_adds_to_the_latency() -> None:
    assert loads(0.0, 0.0, 0.0).launched(0.25).latency_s == 0.75


def test_nothing_is_launched_where_there_is_nobody_to_talk_to() -> None:
    nobody = Loads(np.zeros(0, np.int64), np.zeros(0), np.zeros(0), 0.0, 0)

    assert nobody.launched(0.25).alone_s(CAPACITY) == 0.0


@given(
    arrays.arrays(np.float64, (5, 2, 3), elements=st.floats(0, 1e12)),
    st.floats(0.01, 1.0),
)
def test_one_of_several_takes_to_the_bit_what_it_takes_among_them(
    bytes_: np.ndarray, efficiency: float
) -> None:
    several = Loads(np.array([3, 0, 1]), bytes_, np.ones(3), 0.1, 0b1011)
    several = several.at_efficiency(efficiency, CAPACITY)

    alone_s = several.alone_s(CAPACITY)

    for index in np.ndindex(5, 2):
        assert several.at(index).alone_s(CAPACITY) == alone_s[index]


def test_a_mask_has_the_bit_of_each_link() -> None:
    assert mask_of([0, 3]) == 0b1001
    assert mask_of(np.array([70])) == pytest.approx(2**70)
