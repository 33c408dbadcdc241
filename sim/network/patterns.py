"""A collective as bytes on links, in proportion to the size of the buffer.

A plan is what one group of devices does, stage after stage. Several groups that do the same at one
time (the tensor-parallel ranks of a replica) are one pattern. Stages overlap, as they do when the
buffer is cut into chunks: what a link carries is added up over all stages, and the fullest link
takes the time.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from sim.network.loads import FloatArray, IntArray, Loads, mask_of
from sim.network.routes import Network, Shares

Group = Sequence[int]


class Flow(NamedTuple):
    """One stream, and how many times its group's bytes it carries."""

    links: Shares
    times: float


class Send(NamedTuple):
    """What one device sends another: so many times its group's bytes."""

    start: int
    end: int
    times: float


class Stage(NamedTuple):
    """What goes at one time."""

    flows: Sequence[Flow] = ()
    latency_s: float = 0.0
    steps: int = 0
    """How many messages follow one another: each waits for the one before it."""
    messages: int = 0
    """How many messages one device sends, at most; those of one step leave together."""


Plan = Sequence[Stage]


def sent(network: Network, sends: Sequence[Send], steps: int = 1) -> Stage:
    """These sends, each in so many steps, over all equal routes; the latency is of one step."""
    flows = [Flow(network.spread(start, end), times) for start, end, times in sends]
    slowest_s = max(network.latency_s(start, end) for start, end, _ in sends)
    busiest = max(Counter(start for start, _, _ in sends).values())
    return Stage(flows, slowest_s, steps, steps * busiest)


def together(plans: Iterable[Plan]) -> Plan:
    """What several parts of a group do at the same time, in as many stages each."""
    return [
        Stage(
            [flow for stage in stages for flow in stage.flows],
            max(stage.latency_s for stage in stages),
            max(stage.steps for stage in stages),
            max(stage.messages for stage in stages),
        )
        for stages in zip(*plans, strict=True)
    ]


def scaled(plan: Plan, times: float) -> Plan:
    """The same for a buffer of so many times the bytes."""
    return [
        stage._replace(flows=[flow._replace(times=flow.times * times) for flow in stage.flows])
        for stage in plan
    ]


@dataclass(frozen=True, slots=True, eq=False)
class Pattern:
    """A collective over fixed devices by one algorithm; only its bytes are still open."""

    algorithm: str
    """`ring`; `hierarchical ring` where boxes use rings inside."""
    links: IntArray
    streams: FloatArray
    latency_s: float
    steps: int
    """How many messages follow one another: each waits for the one before it."""
    messages: int
    """How many messages one device sends in all, at most; those of one step leave together."""
    mask: int
    _starts: IntArray
    """(links,) Where in the entries each link begins."""
    _groups: IntArray
    """(entries,) Whose bytes cross the link."""
    _times: FloatArray
    """(entries,) How many times these bytes do."""
    _group_streams: FloatArray
    """(entries,) And in how many streams."""

    @property
    def used_links(self) -> frozenset[int]:
        """Numbers of the links that it may put bytes on."""
        return frozenset(self.links.tolist())

    def loads(self, bytes_: ArrayLike) -> Loads:
        """The loads for bytes (..., groups); of one group a number will do."""
        given = np.atleast_1d(np.asarray(bytes_, dtype=np.float64))
        terms = given[..., self._groups] * self._times
        on_links = np.add.reduceat(terms, self._starts, axis=-1) if self.mask else terms
        return Loads(self.links, on_links, self._streams_of(given), self.latency_s, self.mask)

    def _streams_of(self, given: FloatArray) -> FloatArray:
        """(links,) Of the groups that have bytes; of many transfers at once, of all groups."""
        if given.ndim > 1 or given.all() or not self.mask:
            return self.streams
        moving = self._group_streams * (given[self._groups] > 0)
        return np.maximum(np.add.reduceat(moving, self._starts), 1.0)


def pattern_of(algorithm: str, plans: Sequence[Plan]) -> Pattern:
    """What all groups do at one time, each by its plan."""
    carried: defaultdict[int, defaultdict[int, float]] = defaultdict(lambda: defaultdict(float))
    for group, plan in enumerate(plans):
        for flow in (flow for stage in plan for flow in stage.flows):
            for link, share in flow.links:
                carried[link][group] += flow.times * share
    links = sorted(carried)
    entries = [len(carried[link]) for link in links]
    of_groups = [_streams(plan) for plan in plans]
    streams = sum(of_groups, Counter[int]())
    return Pattern(
        algorithm=algorithm,
        links=np.array(links, dtype=np.int64),
        streams=np.array([streams[link] for link in links], dtype=np.float64),
        latency_s=max(sum(stage.latency_s for stage in plan) for plan in plans),
        steps=max(sum(stage.steps for stage in plan) for plan in plans),
        messages=max(sum(stage.messages for stage in plan) for plan in plans),
        mask=mask_of(links),
        _starts=np.cumsum([0, *entries[:-1]], dtype=np.int64)[: len(links)],
        _groups=np.array([group for link in links for group in carried[link]], dtype=np.int64),
        _times=np.array([one for link in links for one in carried[link].values()], dtype=float),
        _group_streams=np.array(
            [of_groups[group][link] for link in links for group in carried[link]], dtype=np.float64
        ),
    )


def _streams(plan: Plan) -> Counter[int]:
    """How many flows of a group each link carries at one time: in its fullest stage."""
    most: Counter[int] = Counter()
    for stage in plan:
        most |= Counter(link for flow in stage.flows for link, _ in flow.links)
    return most
