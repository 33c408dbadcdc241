"""Random streams: one for each use, so that no draw disturbs another.

A stream is keyed by the seed, the use and whatever numbers the use has (a replica, its step),
so a result does not depend on the order or the grouping in which streams are asked for.
"""

import zlib

import numpy as np


def stream(seed: int, use: str, *numbers: int) -> np.random.Generator:
    """The generator of this use; the same key gives the same draws.

    A use always has as many numbers: numpy's seeds do not tell (1,) from (1, 0).
    """
    key = (seed, zlib.crc32(use.encode()), *numbers)
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(key)))
