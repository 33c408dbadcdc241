"""Copies and places of experts by their loads, so that groups of devices have equal ones.

Greedy in both halves, as DeepSeek's EPLB is (github.com/deepseek-ai/EPLB, README): the next copy is
of the expert with the most load on each of its copies; then copies go, the heaviest first, each to
the group with the least load among those with room. A group gets a second copy of an expert only
where all groups with room have one. Of where experts lay before nothing is known, so most move.
Left out: EPLB's hierarchy of nodes and groups of experts.
"""

import numpy as np

from sim.experts.placement import IntArray, Places, check_even
from sim.experts.popularity import FloatArray


def balanced(loads: FloatArray, redundant: int, groups: int) -> Places:
    """The places for loads (layers, experts), the layers each by itself."""
    experts = loads.shape[1]
    check_even(experts, redundant, groups)
    expert_of, counts = _copies(loads, redundant, groups)
    of_copies = np.take_along_axis(loads / counts, expert_of, axis=1)
    return Places(_packed(of_copies, expert_of, groups), expert_of)


def _copies(loads: FloatArray, redundant: int, groups: int) -> tuple[IntArray, IntArray]:
    """The expert (layers, copies) of each copy, and the copies (layers, experts) of each expert."""
    layers, experts = loads.shape
    every = np.arange(layers)
    counts = np.ones((layers, experts), dtype=np.int64)
    further = np.empty((layers, redundant), dtype=np.int64)
    for number in range(redundant):
        each = np.where(counts < groups, loads / counts, -1.0)
        further[:, number] = each.argmax(axis=1)
        counts[every, further[:, number]] += 1
    first = np.tile(np.arange(experts, dtype=np.int64), (layers, 1))
    return np.concatenate([first, np.sort(further, axis=1)], axis=1), counts


def _packed(loads: FloatArray, expert_of: IntArray, groups: int) -> IntArray:
    """The group (layers, copies) of copies with such loads (layers, copies)."""
    layers, copies = loads.shape
    every = np.arange(layers)
    load, room = np.zeros((layers, groups)), np.full((layers, groups), copies // groups)
    holds = np.zeros((layers, groups, int(expert_of.max()) + 1), dtype=np.bool_)
    group_of = np.empty((layers, copies), dtype=np.int64)
    heavy = 1.0 + loads.sum(axis=1, keepdims=True)
    # Copies of one expert have one load; next to one another, they are placed one after another.
    for copy in np.lexsort((expert_of, -loads), axis=1).T:
        expert = expert_of[every, copy]
        cost = load + heavy * holds[every, :, expert]
        group = np.where(room > 0, cost, np.inf).argmin(axis=1)
        group_of[every, copy] = group
        load[every, group] += loads[every, copy]
        room[every, group] -= 1
        holds[every, group, expert] = True
    return group_of
