import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from sim.network.fairshare import rates
from sim.network.loads import FloatArray

NO_CAP = 0.0
CLOSE = 1e-9


def shares(
    bytes_: list[list[float]],
    capacity: list[float],
    streams: list[list[float]] | None = None,
    least_drain_s: list[float] | None = None,
) -> list[float]:
    """Rates of transfers given as rows; one stream on each link, and no caps, unless given."""
    ones = [[1.0] * len(capacity)] * len(bytes_)
    given_rates = rates(
        np.array(bytes_),
        np.array(streams or ones),
        np.array(capacity),
        np.array(least_drain_s or [NO_CAP] * len(bytes_)),
    )
    return [rate.item() for rate in given_rates]


def test_one_transfer_fills_the_link_it_loads_most() -> None:
    # 50 bytes at 100 B/s take half a second, 40 at 10 B/s four.
    assert shares([[50.0, 40.0]], [100.0, 10.0]) == pytest.approx([0.25])


def test_two_flows_halve_a_link() -> None:
    assert shares([[100.0], [50.0]], [100.0]) == pytest.approx([0.5, 1.0])


def test_a_transfer_has_a_share_for_each_of_its_streams() -> None:
    # 75 B/s for three streams, 25 B/s for one.
    assert shares([[100.0], [100.0]], [100.0], [[3.0], [1.0]]) == pytest.approx([0.75, 0.25])


def test_a_capped_transfer_leaves_the_rest_to_the_other() -> None:
    # The first may move a tenth of itself in a second: 10 B/s; 90 B/s are left.
    assert shares([[100.0], [100.0]], [100.0], least_drain_s=[10.0, 0.0]) == pytest.approx(
        [0.1, 0.9]
    )


def test_a_transfer_with_few_bytes_on_a_full_link_is_not_held_up_by_it() -> None:
    # The first needs 1 of link 0 for each 100 on its own link 1, which lets it go at 1 a second; so
    # it uses 1 B/s of link 0, and the other has 9.
    assert shares([[1.0, 100.0], [10.0, 0.0]], [10.0, 100.0]) == pytest.approx([1.0, 0.9])


def test_three_flows_on_two_links_by_hand() -> None:
    # One flow over both links, one on each: the narrow one gives 5 and 5, the wide one 15.
    assert shares([[1.0, 1.0], [1.0, 0.0], [0.0, 1.0]], [10.0, 20.0]) == pytest.approx(
        [5.0, 5.0, 15.0]
    )


def max_min(paths: list[set[int]], capacity: list[float]) -> list[float]:
    """Textbook progressive filling: the fullest link first, its flows fixed, and again."""
    left, given_rates = dict(enumerate(capacity)), dict[int, float]()
    while len(given_rates) < len(paths):
        open_flows = [flow for flow in range(len(paths)) if flow not in given_rates]
        users = {link: [flow for flow in open_flows if link in paths[flow]] for link in left}
        fair = {link: left[link] / len(of_link) for link, of_link in users.items() if of_link}
        tightest = min(fair, key=fair.__getitem__)
        for flow in users[tightest]:
            given_rates[flow] = fair[tightest]
            for link in paths[flow]:
                left[link] -= fair[tightest]
    return [given_rates[flow] for flow in range(len(paths))]


@settings(max_examples=100)
@given(
    st.lists(st.sets(st.integers(0, 5), min_size=1), min_size=1, max_size=10),
    st.lists(st.floats(1, 1e3), min_size=6, max_size=6),
    st.floats(1e-3, 1e12),
)
def test_single_flows_share_max_min_fairly(
    paths: list[set[int]], capacity: list[float], size_bytes: float
) -> None:
    bytes_ = [[size_bytes * (link in path) for link in range(6)] for path in paths]

    found = shares(bytes_, capacity)

    expected = [rate / size_bytes for rate in max_min(paths, capacity)]
    assert found == pytest.approx(expected, rel=CLOSE)


sizes = st.floats(1e-3, 1e3)
maybe = st.one_of(st.just(0.0), sizes)


@st.composite
def sharings(draw: st.DrawFn) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    shape = draw(st.tuples(st.integers(1, 8), st.integers(1, 12)))
    bytes_ = draw(arrays.arrays(np.float64, shape, elements=maybe))
    least_drain_s = draw(arrays.arrays(np.float64, shape[0], elements=maybe))
    assume(((bytes_.max(axis=1) > 0) | (least_drain_s > 0)).all())
    streams = draw(arrays.arrays(np.float64, shape, elements=st.integers(1, 64).map(float)))
    capacity = draw(arrays.arrays(np.float64, shape[1], elements=sizes))
    return bytes_, streams, capacity, least_drain_s


@settings(max_examples=150)
@given(sharings())
def test_no_link_carries_more_than_its_capacity(
    sharing: tuple[FloatArray, FloatArray, FloatArray, FloatArray],
) -> None:
    bytes_, _, capacity, least_drain_s = sharing

    found = rates(*sharing)

    assert ((bytes_ * found[:, None]).sum(axis=0) <= capacity * (1 + 1e-14 * len(found))).all()
    assert (found * least_drain_s <= 1 + 1e-15).all()


@settings(max_examples=150)
@given(sharings())
def test_every_transfer_is_capped_or_the_fastest_per_stream_on_a_full_link(
    sharing: tuple[FloatArray, FloatArray, FloatArray, FloatArray],
) -> None:
    found = rates(*sharing)

    assert is_lawful(sharing, found)


def is_lawful(
    sharing: tuple[FloatArray, FloatArray, FloatArray, FloatArray], found: FloatArray
) -> bool:
    """Bottleneck fairness, word by word."""
    bytes_, streams, capacity, least_drain_s = sharing
    used = bytes_ * found[:, None]
    is_full = used.sum(axis=0) >= capacity * (1 - CLOSE)
    per_stream = used / streams
    is_fastest = (used > 0) & (per_stream >= per_stream.max(axis=0) * (1 - CLOSE))
    is_capped = found * least_drain_s >= 1 - CLOSE
    return bool((is_capped | (is_fastest & is_full).any(axis=1)).all())


def test_transfers_that_push_each_other_round_in_a_circle_settle() -> None:
    # Found by search: link after link alone never comes to rest on it.
    bytes_ = np.array([[0.2322, 0.0, 1.197], [0.0, 0.8098, 1.092], [18.03, 10.59, 0.28]])
    streams = np.array([[2.0, 1.0, 18.0], [1.0, 57.0, 25.0], [42.0, 8.0, 51.0]])
    circling = bytes_, streams, np.ones(3), np.zeros(3)

    assert is_lawful(circling, rates(*circling))


@settings(max_examples=100)
@given(sharings(), st.sampled_from([0.25, 2.0, 1024.0]))
def test_twice_the_speed_is_half_the_time(
    sharing: tuple[FloatArray, FloatArray, FloatArray, FloatArray], factor: float
) -> None:
    bytes_, streams, capacity, least_drain_s = sharing

    slow = rates(*sharing)
    fast = rates(bytes_, streams, capacity * factor, least_drain_s / factor)

    # Powers of two: to the bit.
    assert (fast == slow * factor).all()


@pytest.mark.parametrize("seed", range(3))
def test_skewed_transfers_over_many_links_settle(seed: int) -> None:
    generator = np.random.default_rng(seed)
    bytes_ = generator.lognormal(sigma=2.0, size=(8, 100)) * (generator.random((8, 100)) < 0.5)
    streams = generator.integers(1, 64, (8, 100)).astype(float)

    found = rates(bytes_, streams, np.ones(100), np.zeros(8))

    assert np.max((bytes_ * found[:, None]).sum(axis=0)) == pytest.approx(1.0, rel=CLOSE)
