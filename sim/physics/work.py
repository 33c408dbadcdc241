"""What a kernel asks of a device: operations and bytes, with the type it multiplies in.

Everything here is linear in tokens, so the numbers may be plain floats or arrays with any leading
axes (steps, layers, ranks); one call then prices them all.
"""

from dataclasses import dataclass
from typing import Literal, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from sim.spec.device import ElementType

Real: TypeAlias = float | NDArray[np.float64]
"""A number, or an array of them with free leading axes."""

Phase = Literal[
    "attention",
    "full attention",
    "windowed attention",
    "linear attention",
    "dense",
    "experts",
    "head",
]
"""attention: in every layer that attends to tokens; where some have a window, their cores are full
or windowed. linear attention: in layers that keep a state instead. dense, experts: the feed-forward
of a dense layer, and of a layer of experts. head: once a step, embedding and output together."""


@dataclass(slots=True)
class Work:
    """FLOP, bytes moved between the device's memory and its chip, and the operands' type.

    A value, never changed; not frozen, because that takes longer to make than its numbers.
    """

    flop: Real
    bytes: Real
    arithmetic: ElementType

    def __add__(self, other: "Work") -> "Work":
        """Both together, where they multiply in the same type."""
        if self.arithmetic != other.arithmetic:
            raise ValueError(f"work in {self.arithmetic} and in {other.arithmetic} has no sum")
        return Work(self.flop + other.flop, self.bytes + other.bytes, self.arithmetic)


class Operator(NamedTuple):
    """One kernel of a forward pass: its work in one layer, on one device."""

    name: str
    phase: Phase
    layers: int
    """How many layers run it."""
    kernel: str
    """The kind of kernel, as in the measured kernels; `elementwise` for what only moves bytes."""
    work: Work


def where_any(tokens: Real, amount: Real) -> Real:
    """The amount where there are tokens, else 0: a kernel without rows is not launched."""
    if isinstance(tokens, np.ndarray):
        return np.where(tokens > 0, amount, 0.0)
    return amount if tokens > 0 else 0.0
