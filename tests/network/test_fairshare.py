from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from sim.network import fairshare
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


@given(sharings())
def test_no_link_carries_more_than_its_capacity(
    sharing: tuple[FloatArray, FloatArray, FloatArray, FloatArray],
) -> None:
    found = rates(*sharing)

    assert is_feasible(sharing, found)


def is_feasible(
    sharing: tuple[FloatArray, FloatArray, FloatArray, FloatArray], found: FloatArray
) -> bool:
    bytes_, _, capacity, least_drain_s = sharing
    used = (bytes_ * found[:, None]).sum(axis=0)
    is_within = (used <= capacity * (1 + 1e-14 * len(found))).all()
    return bool(is_within and (found * least_drain_s <= 1 + 1e-15).all())


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


# Found by search: filling link after link, over and over, does not come to rest on most of these,
# not even with smaller and smaller steps.
CIRCLING = {
    "one way": (
        [[0.2322, 0.0, 1.197], [0.0, 0.8098, 1.092], [18.03, 10.59, 0.28]],
        [[2.0, 1.0, 18.0], [1.0, 57.0, 25.0], [42.0, 8.0, 51.0]],
    ),
    "many ways": (
        [
            [0.3, 0.01, 0.01, 0.3, 0.1],
            [0.01, 0.1, 1.0, 0.3, 0.3],
            [0.3, 0.3, 1.0, 0.1, 0.3],
            [0.1, 0.1, 1.0, 0.1, 1.0],
            [0.1, 0.1, 0.1, 0.1, 0.3],
        ],
        [
            [64.0, 64.0, 50.0, 53.0, 8.0],
            [1.0, 27.0, 64.0, 9.0, 16.0],
            [22.0, 4.0, 61.0, 1.0, 7.0],
            [2.0, 18.0, 56.0, 64.0, 1.0],
            [64.0, 7.0, 13.0, 58.0, 43.0],
        ],
    ),
    "nearly alike": (
        [[656.0, 818.0], [656.0, 656.0], [656.0, 525.0]],
        [[1.0, 1.0], [1.0, 53.0], [1.0, 1.0]],
    ),
    "nearly all alike": (
        [[656.0, 0, 0, 0, *[656.0] * 6, 525.0], [*[656.0] * 10, 818.0], *[[656.0] * 11] * 6],
        [
            [17.0, 1, 1, 1, 1, 16, 1, 1, 1, 16, 1],
            [1.0, 1, 33, 1, 1, 1, 50, 1, 1, 17, 1],
            *[[1.0] * 11] * 3,
            [4.0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 26],
            [5.0, 1, 1, 1, 1, 1, 1, 6, 13, 1, 4],
            [*[1.0] * 10, 48.0],
        ],
    ),
}


@pytest.mark.parametrize("found_by_search", CIRCLING.values(), ids=CIRCLING)
def test_transfers_that_push_each_other_round_in_a_circle_settle(
    found_by_search: tuple[list[list[float]], list[list[float]]],
) -> None:
    bytes_, streams = map(np.array, found_by_search)
    circling = bytes_, streams, np.ones(bytes_.shape[1]), np.zeros(len(bytes_))

    assert is_lawful(circling, rates(*circling))


@settings(max_examples=30)
@given(sharings())
def test_streams_on_links_without_bytes_do_not_matter(
    sharing: tuple[FloatArray, FloatArray, FloatArray, FloatArray],
) -> None:
    bytes_, streams, capacity, least_drain_s = sharing

    found = rates(bytes_, np.where(bytes_ > 0, streams, 0.0), capacity, least_drain_s)

    assert (found == rates(*sharing)).all()


def test_on_equally_full_links_it_is_enough_to_be_the_fastest_on_one() -> None:
    # Three streams to one on the first link, one to three on the second: 3/4 and 1/4, or 1/4 and
    # 3/4, or anything between where each is the fastest on one.
    alike = np.ones((2, 2)), np.array([[3.0, 1.0], [1.0, 3.0]]), np.ones(2), np.zeros(2)

    found = rates(*alike)

    assert is_lawful(alike, found)
    assert found.sum() == pytest.approx(1.0, rel=CLOSE)


def test_where_no_fair_share_is_found_all_are_as_slow_as_links_allow(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(fairshare, "_MOST_SWITCHES_PER_TRANSFER", 0)

    # Alone each would take a second; the first link would carry 300 B/s.
    assert shares([[100.0, 0.0], [100.0, 1.0], [100.0, 1.0]], [100.0, 100.0]) == pytest.approx(
        [1 / 3] * 3
    )


def one_of_few(generator: np.random.Generator, shape: tuple[int, int]) -> FloatArray:
    return generator.choice([0.0, 1.0, 2.0, 3.0], shape)


def nearly_alike(generator: np.random.Generator, shape: tuple[int, int]) -> FloatArray:
    others = generator.choice([0.0, 1.0, 525.0, 818.0], shape)
    is_other = generator.random(shape) < generator.choice([0.02, 0.1, 0.3])
    bytes_: FloatArray = np.where(is_other, others, 656.0)
    return bytes_


def skewed(generator: np.random.Generator, shape: tuple[int, int]) -> FloatArray:
    spread = generator.choice([0.01, 0.1, 1.0, 3.0])
    there = generator.random(shape) < generator.choice([0.5, 0.8, 1.0])
    bytes_: FloatArray = generator.lognormal(sigma=spread, size=shape) * there
    return bytes_


def steep(generator: np.random.Generator, shape: tuple[int, int]) -> FloatArray:
    return np.asarray(generator.choice([0.01, 0.1, 0.3, 1.0], shape))


def adverse(
    generator: np.random.Generator,
    bytes_of: Callable[[np.random.Generator, tuple[int, int]], FloatArray],
) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray] | None:
    """Streams alike to wildly different, caps for some; None if a transfer has no bytes."""
    transfers, links = generator.integers(1, 9).item(), generator.integers(1, 13).item()
    bytes_ = bytes_of(generator, (transfers, links))
    streams = np.ones_like(bytes_)
    some = generator.random(bytes_.shape) < generator.choice([0.1, 0.4, 1.0])
    streams[some] = np.exp(generator.uniform(0, np.log(1000), some.sum())).round()
    capacity = generator.choice([1.0, 2.0, 3.7], links) if generator.random() < 0.4 else 1.0
    alone_s = (bytes_ / capacity).max(axis=1)
    caps = generator.choice([0.0, 0.5, 1.0, 1.5, 3.0], transfers) * (generator.random() < 0.4)
    least_drain_s = alone_s * caps
    return (bytes_, streams, np.full(links, capacity), least_drain_s) if alone_s.all() else None


@pytest.mark.slow
@pytest.mark.parametrize("bytes_of", [one_of_few, nearly_alike, skewed, steep])
def test_of_100_000_adverse_sharings_each_settles_lawfully(
    bytes_of: Callable[[np.random.Generator, tuple[int, int]], FloatArray],
) -> None:
    generator = np.random.default_rng(1)
    tried = 0

    while tried < 25_000:
        sharing = adverse(generator, bytes_of)
        if sharing is not None:
            tried += 1
            found = rates(*sharing)
            assert is_lawful(sharing, found), sharing
            assert is_feasible(sharing, found), sharing


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
