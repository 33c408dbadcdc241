"""What a kernel asks of a device: operations and bytes, with the type it multiplies in.

Everything here is linear in tokens, so the numbers may be plain floats or arrays with any leading
axes (steps, layers, ranks); one call then prices them all.
"""

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


class Grid(NamedTuple):
    """How a kernel is cut into blocks that run at the same time, each with a loop inside.

    Only put together here, so that prices without curves pay nothing; `cut` makes numbers of it.
    """

    items: Real
    """Sequences, experts or matrices: what shares no block."""
    blocks_each: float
    """Blocks of one item, or of one tile of its rows."""
    steps: Real
    """Of the loop in a block, summed over the items: elements of k, tokens attended to."""
    rows: Real | None = None
    """Of all items, where these are cut into tiles of rows."""
    rows_a_tile: float = 1.0
    staged: Real = 0.0
    """Activations that are brought to the type of the weights before, in elements."""

    def cut(self) -> tuple[Real, Real]:
        """Blocks, and the steps of the loop in each.

        Rows fill half of their item's last tile, on average; each item has at least one.
        """
        items = np.maximum(self.items, _LEAST_ITEMS)
        tiles = items
        if self.rows is not None:
            tiles = np.maximum(items, self.rows / self.rows_a_tile + 0.5 * items)
        return tiles * self.blocks_each, self.steps / items


_LEAST_ITEMS = 1e-9
"""So that nothing to do divides by something."""


class Work(NamedTuple):
    """FLOP, bytes moved between the device's memory and its chip, and the operands' type.

    A tuple, for a run makes one for every core of attention in every stretch of steps.
    """

    flop: Real
    bytes: Real
    arithmetic: ElementType
    kernel: str = "elementwise"
    """Whose measured curve it is priced with: `gemm/fp8`, `gqa_decode/bf16/broad`."""
    grid: Grid | None = None


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
