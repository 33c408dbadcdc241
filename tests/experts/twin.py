"""The slow twin: every token is routed by itself, and what it causes is counted one by one."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from sim.experts.draws import Draw, exchange_weights
from sim.experts.law import RoutingLaw
from sim.experts.routing import Choice, route

FloatArray = npt.NDArray[np.float64]


class Step(NamedTuple):
    """Of one layer and many steps: arrays (steps, experts | groups | groups | boxes | groups)."""

    experts: FloatArray
    copies: FloatArray
    group_tokens: FloatArray
    box_tokens: FloatArray
    activated: FloatArray


def routed(
    weights: FloatArray, law: RoutingLaw, choice: Choice, tokens: int, steps: int, seed: int
) -> Step:
    """Steps of the twin, for the first layer of the law."""
    generator = np.random.default_rng(seed)
    rows = [counted(route(weights, choice, tokens, generator).tolist(), law) for _ in range(steps)]
    return stacked(rows)


def counted(picks: list[list[int]], law: RoutingLaw) -> list[list[float]]:
    """A step of tokens that pick such experts, or copies where the law has some."""
    group_of, box_of = law.group_of[0].tolist(), law.box_of_group.tolist()
    experts, groups, boxes = len(group_of), len(box_of), max(box_of) + 1
    counts, copies, group_tokens = [0.0] * experts, [0.0] * groups, [0.0] * groups
    box_tokens, activated = [0.0] * boxes, [0.0] * groups
    for picked in picks:
        for expert in picked:
            activated[group_of[expert]] += counts[expert] == 0
            counts[expert] += 1
            copies[group_of[expert]] += 1
        touched = {group_of[expert] for expert in picked}
        for group in touched:
            group_tokens[group] += 1
        for box in {box_of[group] for group in touched}:
            box_tokens[box] += 1
    return [counts, copies, group_tokens, box_tokens, activated]


def drawn(law: RoutingLaw, draws: list[Draw]) -> Step:
    """The same of fast draws; experts are empty where only groups were drawn."""
    groups = len(law.box_of_group)
    rows = []
    for one in draws:
        node = exchange_weights(law, one, "per-node")[0]
        experts = [] if one.expert_counts is None else one.expert_counts[0].tolist()
        copies = exchange_weights(law, one, "per-expert")[0]
        rows.append([experts, copies, node[:groups], node[groups:], one.activated[0]])
    return stacked(rows)


def stacked(rows: list[list[list[float]]]) -> Step:
    """Many of them."""
    return Step(*(np.array(column, dtype=np.float64) for column in zip(*rows, strict=True)))
