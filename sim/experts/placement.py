"""Where experts lie: the expert-parallel group that holds each expert of each layer.

Every group holds the same number of experts of a layer; copies of experts are not modelled.
"""

from typing import Literal

import numpy as np
import numpy.typing as npt

from sim.errors import ScenarioError
from sim.rng import stream

IntArray = npt.NDArray[np.int64]
Placement = Literal["contiguous", "strided", "random"]


def group_of(placement: Placement, layers: int, experts: int, groups: int, seed: int) -> IntArray:
    """The group (layers, experts) of each expert.

    contiguous: runs of neighbours. strided: dealt out one by one, so that under a Zipf law each
    group gets popular and unpopular ones. random: dealt out anew for each layer.
    """
    if experts % groups:
        raise ScenarioError(
            f"deployment: experts: ep = {groups} must divide the model's {experts} experts"
        )
    numbers = np.tile(np.arange(experts, dtype=np.int64), (layers, 1))
    if placement == "contiguous":
        return numbers // (experts // groups)
    if placement == "random":
        numbers = stream(seed, "expert placement").permuted(numbers, axis=1)
    return numbers % groups


def members(group_of_expert: IntArray, groups: int) -> IntArray:
    """The experts (layers, groups, experts of a group) of each group, in ascending order."""
    layers, _ = group_of_expert.shape
    return np.argsort(group_of_expert, axis=1, kind="stable").reshape(layers, groups, -1)
