"""Which of several ways to do a collective is the fastest for some bytes; the rest never is.

By one protocol a way takes `intercept + slope x bytes`, where the bytes are those of the group that
has the most: so it is where groups share no link and all have links of one speed. Between two
crossings of such lines one way is the fastest throughout. Elsewhere every way stays.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sim.network.choice import Choice
from sim.network.loads import FloatArray, IntArray
from sim.network.patterns import Pattern
from sim.network.protocols import Pace

# Sums in another order differ by less.
_ROUNDING = 1e-12
# Ways this near one another are priced to see which is the fastest to the last bit.
_NEAR = 1e-9


@dataclass(frozen=True, slots=True, eq=False)
class Contenders:
    """A choice without the ways that never win, and which of these are near the best for bytes."""

    choice: Choice
    _lines: "_Lines | None" = None
    """None where there is one way, or where how long they take is no matter of the most bytes."""

    @classmethod
    def of(cls, choice: Choice, paces: Mapping[Pattern, Pace], groups: int) -> "Contenders":
        """At these paces; of equal ways the first stays."""
        each = [_lines_of(pattern, paces[pattern], groups) for pattern in choice.patterns]
        known = [one for one in each if one is not None]
        if len(known) < len(each):
            return cls(choice)
        taken_s = _together(known).least_s(_between_crossings(_together(known)))
        first = _is_near(taken_s, _ROUNDING).argmax(axis=0)
        numbers = np.unique(first).tolist()
        among = choice.among([choice.patterns[number] for number in numbers])
        if len(numbers) == 1:
            return cls(among)
        return cls(among, _together([known[number] for number in numbers]))

    def near(self, bytes_: FloatArray) -> Sequence[int]:
        """The numbers of the ways, one of which is the fastest for buffers (groups)."""
        if self._lines is None:
            return range(len(self.choice.patterns))
        taken_s = self._lines.least_s(bytes_.max(keepdims=True))
        return np.flatnonzero(_is_near(taken_s[:, 0], _NEAR)).tolist()


class _Lines(NamedTuple):
    """How long ways take for bytes: each the least of its own lines."""

    intercepts_s: FloatArray
    """(lines,) Way by way."""
    slopes_s: FloatArray
    """(lines,) For a byte."""
    starts: IntArray
    """(ways,) Where in the lines each begins."""

    def least_s(self, bytes_: FloatArray) -> FloatArray:
        """(ways, bytes) How long each takes."""
        each_s = self.intercepts_s[:, None] + self.slopes_s[:, None] * bytes_
        least_s: FloatArray = np.minimum.reduceat(each_s, self.starts, axis=0)
        return least_s


def _together(lines: Sequence[_Lines]) -> _Lines:
    counts = [len(one.slopes_s) for one in lines]
    return _Lines(
        np.concatenate([one.intercepts_s for one in lines]),
        np.concatenate([one.slopes_s for one in lines]),
        np.cumsum([0, *counts[:-1]]),
    )


def _lines_of(pattern: Pattern, pace: Pace, groups: int) -> _Lines | None:
    """Of one way, from a byte of each group by itself."""
    each = pattern.loads(np.eye(groups))
    slopes_s = each.drain_s(pace.capacity_bytes_per_s)
    is_shared = (np.count_nonzero(each.amounts, axis=0) > 1).any()
    if is_shared or np.ptp(slopes_s) > slopes_s.max() * _ROUNDING:
        return None
    slopes = slopes_s.max() / pace.efficiency
    return _Lines(pace.latency_s + pace.later_s, slopes, np.zeros(1, dtype=np.int64))


def _is_near(taken_s: FloatArray, share: float) -> NDArray[np.bool_]:
    """(ways, ...) Whether each takes no more than such a share longer than the least."""
    is_near: NDArray[np.bool_] = taken_s <= taken_s.min(axis=0) * (1 + share)
    return is_near


def _between_crossings(lines: _Lines) -> FloatArray:
    """Bytes of which one is between every two crossings, before the first and after the last."""
    rise_s = np.subtract.outer(lines.intercepts_s, lines.intercepts_s)
    gain_s = np.subtract.outer(lines.slopes_s, lines.slopes_s)
    crossings = -rise_s[gain_s != 0] / gain_s[gain_s != 0]
    ends = np.unique([0.0, *crossings[crossings > 0], 2 * crossings.max(initial=1.0)])
    between: FloatArray = (ends[:-1] + ends[1:]) / 2
    return between
