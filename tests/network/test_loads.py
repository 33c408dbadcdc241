import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from sim.network.loads import Loads, mask_of

from .clusters import slowed

CAPACITY = np.array([10.0, 20.0, 40.0, 7.0])


def loads(*bytes_: float) -> Loads:
    return Loads(np.array([0, 1, 2]), np.array(bytes_), np.ones(3), 0.5, mask_of([0, 1, 2]))


def test_alone_it_takes_its_latency_and_the_time_of_its_fullest_link() -> None:
    # 10 / 10, 50 / 20 and 80 / 40 seconds.
    assert loads(10.0, 50.0, 80.0).alone_s(CAPACITY) == 0.5 + 2.5


def test_no_bytes_take_the_latency() -> None:
    assert loads(0.0, 0.0, 0.0).alone_s(CAPACITY) == 0.5


@given(
    arrays.arrays(np.float64, (5, 2, 3), elements=st.floats(0, 1e12)),
    st.floats(0.01, 1.0),
)
def test_one_of_several_takes_to_the_bit_what_it_takes_among_them(
    bytes_: np.ndarray, efficiency: float
) -> None:
    several = Loads(np.array([3, 0, 1]), bytes_, np.ones(3), 0.1, 0b1011)
    several = slowed(several, efficiency, CAPACITY)

    alone_s = several.alone_s(CAPACITY)

    for index in np.ndindex(5, 2):
        assert several.at(index).alone_s(CAPACITY) == alone_s[index]


def test_a_mask_has_the_bit_of_each_link() -> None:
    assert mask_of([0, 3]) == 0b1001
    assert mask_of(np.array([70])) == pytest.approx(2**70)
