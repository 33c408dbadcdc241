"""Fair shares of two transfers, which is what meets most often: a search along one number.

With the speed of the second over that of the first given, the link that fills up first says how
fast both go. The more of the second, the less of the first, and where on such a link the first has
the larger rate per stream, the second may still have more. The fair ratio is where that turns:
on a link on which both rates are equal, or at the corner of two links, each of which holds one.
"""

import math
from typing import NamedTuple

import numpy as np

from sim.network.loads import FloatArray

# A link this near to the fullest is as full.
_SAME = 1 - 1e-13


class _Link(NamedTuple):
    """The needs and streams of the two on one link."""

    first: float
    second: float
    first_streams: float
    second_streams: float

    @property
    def even_ratio(self) -> float:
        """At which both have the same rate per stream."""
        if self.first == 0 or self.second == 0:
            return math.inf if self.first else 0.0
        return self.first * self.second_streams / (self.second * self.first_streams)


def speeds_of_two(needs: FloatArray, streams: FloatArray) -> FloatArray:
    """(2,) The speeds; needs and streams are (2, links), and each alone fills some link."""
    first, second = needs
    ratio = _fair_ratio(needs, streams)
    speed = 1 / (first + ratio * second).max()
    return np.array([speed, ratio * speed])


def _fair_ratio(needs: FloatArray, streams: FloatArray) -> float:
    """The speed of the second over that of the first.

    `low` is full first at a smaller ratio, and there the first has the larger rate per stream;
    `high` at a larger one, and there the second has. Where the two cross some other link may be
    full sooner, and takes the place of one of them.
    """
    first, second = needs
    low = _link(needs, streams, _largest(first, second))
    high = _link(needs, streams, _largest(second, first))
    while high.second > low.second:
        ratio = (low.first - high.first) / (high.second - low.second)
        filled = first + ratio * second
        fullest = filled.argmax().item()
        if low.first + ratio * low.second >= filled[fullest] * _SAME:
            if low.even_ratio < ratio:
                return low.even_ratio
            return max(ratio, high.even_ratio)
        link = _link(needs, streams, fullest)
        if ratio <= link.even_ratio:
            low = link
        else:
            high = link
    return low.even_ratio


def _largest(numbers: FloatArray, others: FloatArray) -> int:
    """Where the first is largest, and there the second."""
    return int(np.where(numbers == numbers.max(), others, -1.0).argmax())


def _link(needs: FloatArray, streams: FloatArray, number: int) -> _Link:
    return _Link(*needs[:, number].tolist(), *streams[:, number].tolist())
