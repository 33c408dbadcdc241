"""Measured points as arrays, by the kernel that they measure, and which are held out of a fit."""

import zlib
from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sim.physics.kernels import KERNELS
from sim.physics.work import Grid, Work
from sim.study.kernel_parameters import checked
from sim.study.measured_points import Point, named_point

Array = NDArray[np.float64]
Flags = NDArray[np.bool_]

_SHAPE_KEYS = (
    ("gemm", ("n", "k")),
    ("moe_experts", ("hidden", "intermediate", "experts")),
    ("", ("batch", "heads")),
)
"""What makes a shape, by the start of a kernel's name."""


class Sample(NamedTuple):
    """The points of one kernel on one device, as arrays (points)."""

    kernel: str
    work: Work
    measured_s: Array
    row_is_held: Flags
    shape_is_held: Flags

    def where(self, chosen: Flags) -> "Sample":
        """Some of them."""
        grid = self.work.grid
        assert grid is not None, "a measured kernel has a grid"
        blocks, steps, staged = (
            np.asarray(one)[chosen] for one in (grid.items, grid.steps, grid.staged)
        )
        work = Work(
            np.asarray(self.work.flop)[chosen],
            np.asarray(self.work.bytes)[chosen],
            self.work.arithmetic,
            self.kernel,
            Grid(blocks, 1.0, steps, staged=staged),
        )
        held = self.row_is_held[chosen], self.shape_is_held[chosen]
        return Sample(self.kernel, work, self.measured_s[chosen], *held)


def samples(points: Sequence[Point]) -> list[Sample]:
    """The points of one device by kernel, in the order of their names; collectives are no kernels.

    ScenarioError where the parameters of a point make no sense.
    """
    by_kernel: defaultdict[str, list[tuple[Point, Work]]] = defaultdict(list)
    for point in points:
        if point.kind in KERNELS:
            work = _work(point)
            by_kernel[work.kernel].append((point, work))
    return [_sample(kernel, by_kernel[kernel]) for kernel in sorted(by_kernel)]


def _work(point: Point) -> Work:
    kernel = KERNELS[point.kind]
    with named_point(point):
        return kernel(**checked(point.kind, kernel, point.params))


def pooled(kernel: str, members: Sequence[Sample]) -> Sample:
    """The points of several samples as those of one kernel."""
    grids = [member.work.grid for member in members if member.work.grid is not None]
    blocks, steps, staged = (
        np.concatenate([np.asarray(part) for part in column])
        for column in zip(*((grid.items, grid.steps, grid.staged) for grid in grids), strict=True)
    )
    flop, moved = (
        np.concatenate([np.asarray(part) for part in column])
        for column in zip(*((one.work.flop, one.work.bytes) for one in members), strict=True)
    )
    grid = Grid(blocks, 1.0, steps, staged=staged)
    return Sample(
        kernel,
        Work(flop, moved, members[0].work.arithmetic, kernel, grid),
        np.concatenate([one.measured_s for one in members]),
        np.concatenate([one.row_is_held for one in members]),
        np.concatenate([one.shape_is_held for one in members]),
    )


def _sample(kernel: str, found: Sequence[tuple[Point, Work]]) -> Sample:
    grids = [work.grid for _, work in found if work.grid is not None]
    cuts = [(*grid.cut(), grid.staged) for grid in grids]
    blocks, steps, staged = (
        np.array(column, dtype=np.float64) for column in zip(*cuts, strict=True)
    )
    keys = next(keys for start, keys in _SHAPE_KEYS if kernel.startswith(start))
    shapes = [".".join(str(point.params[key]) for key in keys) for point, _ in found]
    return Sample(
        kernel=kernel,
        work=Work(
            np.array([work.flop for _, work in found], dtype=np.float64),
            np.array([work.bytes for _, work in found], dtype=np.float64),
            found[0][1].arithmetic,
            kernel,
            Grid(blocks, 1.0, steps * blocks, staged=staged),
        ),
        measured_s=np.array([point.measured_s for point, _ in found]),
        row_is_held=np.array([is_held(point.id) for point, _ in found]),
        shape_is_held=np.array([is_held(shape) for shape in shapes]),
    )


def is_held(text: str) -> bool:
    """Three in ten, always the same."""
    return zlib.crc32(text.encode()) % 10 < 3
