import re
import zlib
from pathlib import Path

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

import sim
from sim.rng import stream


def test_the_same_key_gives_the_same_draws() -> None:
    one = stream(1, "arrivals", 2, 3).random(100)
    other = stream(1, "arrivals", 2, 3).random(100)

    assert one.tobytes() == other.tobytes()


def test_draws_are_those_of_pcg64_seeded_with_seed_use_and_numbers() -> None:
    # The CRC-32 of "123456789" is published as the check value of the algorithm.
    seeds = np.random.SeedSequence((7, 0xCBF43926, 5))

    expected = np.random.Generator(np.random.PCG64(seeds)).random()

    assert stream(7, "123456789", 5).random() == expected


def test_another_seed_use_or_number_is_another_stream() -> None:
    keys = [(seed, use, number) for seed in (0, 1, 2) for use in ("a", "b") for number in (0, 1, 2)]

    draws = {stream(seed, use, number).random() for seed, use, number in keys}

    assert len(draws) == len(keys)


def test_every_use_in_the_simulator_is_another_stream() -> None:
    # Two names with one CRC would share their draws.
    sources = Path(sim.__file__).parent.rglob("*.py")
    uses = re.findall(r'stream\([^")]*"([^"]+)"', "".join(path.read_text() for path in sources))

    assert len(uses) > 3
    assert len({zlib.crc32(use.encode()) for use in uses}) == len(set(uses))


@given(st.integers(0, 10**12), st.integers(0, 10**6))
def test_neighbouring_steps_are_not_correlated(seed: int, step: int) -> None:
    # The correlation of 4096 independent pairs has a standard deviation of 1/64; six of them.
    one = stream(seed, "experts", 0, step).standard_normal(4096)
    other = stream(seed, "experts", 0, step + 1).standard_normal(4096)

    assert abs(np.corrcoef(one, other)[0, 1]) < 6 / 64


def test_streams_do_not_depend_on_the_order_in_which_they_are_asked_for() -> None:
    first = [stream(1, use).random() for use in ("arrivals", "lengths")]
    second = [stream(1, use).random() for use in ("lengths", "arrivals")]

    assert first == second[::-1]
