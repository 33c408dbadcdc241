"""Where experts lie: the expert-parallel group that holds each copy of each expert of each layer.

Every group holds the same number of copies. There is one of each expert, or more of some: then the
first copies come in the experts' order, and the further ones after them.
"""

from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from sim.errors import ScenarioError
from sim.rng import stream

IntArray = npt.NDArray[np.int64]
Placement = Literal["contiguous", "strided", "random"]


class Places(NamedTuple):
    """The copies of experts, arrays (layers, copies)."""

    group_of: IntArray
    """The group that holds the copy."""
    expert_of: IntArray
    """Of which expert it is; its own number for the first copies."""


def placed(
    placement: Placement, layers: int, experts: int, redundant: int, groups: int, seed: int
) -> Places:
    """Where copies lie of which nobody knows the loads; the further ones are of the first experts.

    So engines start that learn the loads later.
    """
    copies = experts + redundant
    expert_of = np.tile(np.arange(copies, dtype=np.int64) % experts, (layers, 1))
    return Places(group_of(placement, layers, copies, groups, seed), expert_of)


def group_of(placement: Placement, layers: int, copies: int, groups: int, seed: int) -> IntArray:
    """The group (layers, copies) of each expert, or of each copy where some have several.

    contiguous: runs of neighbours. strided: dealt out one by one, so that under a Zipf law each
    group gets popular and unpopular ones. random: dealt out anew for each layer.
    """
    check_even(copies, 0, groups)
    numbers = np.tile(np.arange(copies, dtype=np.int64), (layers, 1))
    if placement == "contiguous":
        return numbers // (copies // groups)
    if placement == "random":
        numbers = stream(seed, "expert placement").permuted(numbers, axis=1)
    return numbers % groups


def check_even(experts: int, redundant: int, groups: int) -> None:
    """ScenarioError unless every group can hold the same number of copies, each only once."""
    if (experts + redundant) % groups and not redundant:
        raise ScenarioError(
            f"deployment: experts: ep = {groups} must divide the model's {experts} experts"
        )
    if (experts + redundant) % groups:
        raise ScenarioError(
            f"experts.redundant_experts: {redundant} beside the model's {experts} experts do not "
            f"lie evenly on ep = {groups} groups; write a number that fills them, for example "
            f"{redundant + -(experts + redundant) % groups}"
        )
    if redundant > experts * (groups - 1):
        raise ScenarioError(
            f"experts.redundant_experts: {redundant} is more than one copy of each of the model's "
            f"{experts} experts on each of ep = {groups} groups; write at most "
            f"{experts * (groups - 1)}"
        )


def members(group_of_copy: IntArray, groups: int) -> IntArray:
    """The copies (layers, groups, copies of a group) of each group, in ascending order."""
    layers, _ = group_of_copy.shape
    return np.argsort(group_of_copy, axis=1, kind="stable").reshape(layers, groups, -1)
