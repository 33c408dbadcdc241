"""A cluster as groups of equal parts and the links that join them.

A *box* is a scale-up node. Groups stand in every box or once in the cluster; a link entry joins
two groups by a pattern. Every link has two directions of the same speed.
"""

import math
import re
from typing import Annotated, Literal

from pydantic import Field, model_validator

from sim.spec.base import BytesPerSecond, Count, MisfitError, OrWritten, Seconds, Source, Spec
from sim.spec.device import DeviceSpec
from sim.spec.graph import RESERVED_KIND, RESERVED_SAYS, GraphSpec
from sim.spec.pattern_links import links_of

_MOST_PARTS = 100_000
_MOST_LINKS = 1_000_000

_FILE = {"type": "string", "description": "A file of NetworkX: node-link JSON or GraphML."}

_WITHIN_ONE = ("mesh", "chain", "torus", "dragonfly")
"""The patterns that join a group with itself."""
_NEED_RUNS = ("stripes", "dragonfly")

# Parts are numbered behind the name, so a name that ends in a digit could make two parts one.
_NAME = re.compile(r"[A-Za-z]([A-Za-z0-9_-]*[A-Za-z])?")


class Group(Spec):
    """Equal parts of the machine."""

    kind: Literal["device", "switch", "nic", "bridge", "cpu"]
    """What the parts are."""
    count: Count = 1
    """How many there are."""
    per: Literal["box", "cluster"] = "box"
    """Whether so many are in every box, or in the whole cluster."""
    device: DeviceSpec | None = None
    """Which accelerator; of groups of kind device, and only those."""
    through_bytes_per_s: BytesPerSecond | None = None
    """What one part can pass through in all, where that is less than its links together."""
    reduces: bool = False
    """A switch that sums (and multicasts) what passes through it."""

    @model_validator(mode="after")
    def _device_is_named(self) -> "Group":
        if (self.kind == "device") != (self.device is not None):
            raise MisfitError(
                ("kind",),
                f"{self.kind!r} {'without' if self.device is None else 'with'} a 'device'; groups "
                "of kind 'device', and only those, name theirs",
            )
        if self.kind == "device" and self.per == "cluster":
            raise MisfitError(("per",), "'cluster', but devices stand in boxes; write box")
        return self


class Join(Spec):
    """Links between the members of two groups (or within one)."""

    between: Annotated[tuple[str, str], Field(strict=False)]
    """The names of the two groups; the same twice for links within one."""
    pattern: Literal["all", "index", "blocks", "stripes", "mesh", "chain", "torus", "dragonfly"] = (
        "all"
    )
    """all: each with each. index: member i with member i (of each box). blocks: the larger
    group in equal runs over the smaller. stripes: each with each whose number has the same
    remainder by `runs`. mesh: each with every other of the same group. chain: i with i + 1 of the
    same group. torus: the members of a group on a grid that closes in every direction, each with
    its next in each. dragonfly: a link between every two runs of the same group."""
    runs: Count | None = None
    """Into how many equal runs of neighbours each group is cut. index, blocks and mesh then join
    within a run: blocks each with each, index the boxes of a run with its part of the cluster."""
    shape: Annotated[tuple[Count, ...], Field(strict=False)] | None = None
    """Of a torus: the sides of the grid; the last runs fastest. A side of 2 has one link, not two,
    between its two members, and a side of 1 none."""
    kind: str
    """The name of such links in results."""
    count: Count = 1
    """How many run side by side between each two parts; results show them as one."""
    bytes_per_s: BytesPerSecond
    """Of one direction of each of them."""
    latency_s: Seconds
    """Of one crossing."""


class TopologySpec(Spec):
    """Boxes of devices, what stands between them, and the links."""

    name: str
    """The name in results; by default the file's."""
    description: str = ""
    """One line for `moesim list`."""
    boxes: Count = 1
    """How many boxes there are, all alike."""
    groups: dict[str, Group] = Field(default_factory=dict)
    """The parts, by the name of their group."""
    links: Annotated[tuple[Join, ...], Field(strict=False)] = ()
    """What joins the groups."""
    graph: Annotated[GraphSpec, OrWritten(_FILE)] | None = None
    """In place of boxes, groups and links: every part and link by itself, or a file of them."""
    source: Source
    """Where the numbers are from: one text, or a text for each key."""

    @property
    def devices(self) -> tuple[DeviceSpec, ...]:
        """Every device, in the declared order: box by box, group by group."""
        if self.graph is not None:
            kinds = (node.device for node in self.graph.nodes)
            return tuple(self.graph.devices[kind] for kind in kinds if kind is not None)
        in_box = [group for group in self.groups.values() if group.device is not None]
        one_box = [group.device for group in in_box for _ in range(group.count) if group.device]
        return tuple(one_box * self.boxes)

    @property
    def device_groups(self) -> tuple[str, ...]:
        """The name of each device's group, in the same order; of a graph's, by default its kind."""
        if self.graph is not None:
            nodes = (node for node in self.graph.nodes if node.device is not None)
            return tuple(node.group or node.kind for node in nodes)
        in_box = [name for name, group in self.groups.items() if group.device is not None]
        one_box = [name for name in in_box for _ in range(self.groups[name].count)]
        return tuple(one_box * self.boxes)

    @model_validator(mode="after")
    def _can_be_built(self) -> "TopologySpec":
        if self.graph is None:
            self._check_groups()
            for number, link in enumerate(self.links):
                self._check_link(link, ("links", number))
            links = sum(self.pairs(link) for link in self.links)
            if links > _MOST_LINKS:
                raise MisfitError(("links",), f"are {links} in all; have at most {_MOST_LINKS}")
        for key, is_given in (
            ("boxes", self.boxes != 1),
            ("groups", bool(self.groups)),
            ("links", bool(self.links)),
        ):
            if self.graph is not None and is_given:
                raise MisfitError((key,), "given beside 'graph', which has its own; keep one")
        return self

    def _check_groups(self) -> None:
        for name in self.groups:
            if not _NAME.fullmatch(name):
                raise MisfitError(
                    ("groups", name),
                    "no name for a group; begin and end with a letter, between them letters, "
                    "digits, '-' and '_'",
                )
        parts = sum(self.members(name) for name in self.groups)
        if parts > _MOST_PARTS:
            key = "groups" if self.boxes == 1 else "boxes"
            raise MisfitError((key,), f"make {parts} parts in all; have at most {_MOST_PARTS}")
        if not any(group.kind == "device" for group in self.groups.values()):
            raise MisfitError(("groups",), "no group of kind 'device'; a cluster needs one")

    def _check_link(self, link: Join, at: tuple[str, int]) -> None:
        for name in link.between:
            if name not in self.groups:
                known = ", ".join(self.groups)
                raise MisfitError(
                    (*at, "between"), f"{name!r:.60} is no group; the groups are {known:.500}"
                )
        one, other = link.between
        if (one == other) != (link.pattern in _WITHIN_ONE):
            raise MisfitError(
                (*at, "pattern"),
                f"{link.pattern!r} between {one} and {other}; 'mesh', 'chain', 'torus' and "
                "'dragonfly' join a group with itself, the others join two groups",
            )
        if link.kind == RESERVED_KIND:
            raise MisfitError((*at, "kind"), RESERVED_SAYS)
        self._check_shape(link, at)
        self._check_runs(link, at)

    def _check_shape(self, link: Join, at: tuple[str, int]) -> None:
        if (link.pattern == "torus") != (link.shape is not None):
            raise MisfitError(
                (*at, "shape"),
                f"{'not given' if link.shape is None else 'given'} with pattern {link.pattern!r}; "
                "a 'torus', and only that, has one, for example [4, 4, 8]",
            )
        members = self.groups[link.between[0]].count
        if link.shape is not None and math.prod(link.shape) != members:
            raise MisfitError(
                (*at, "shape"),
                f"{list(link.shape)} holds {math.prod(link.shape)} parts, but "
                f"{link.between[0]} has {members}; change one",
            )

    def _check_runs(self, link: Join, at: tuple[str, int]) -> None:
        """That the runs are wanted, are given where they must be, and are all of one length."""
        one, other = link.between
        ones, others = self._sides(link)
        if link.runs is None and link.pattern in _NEED_RUNS:
            raise MisfitError((*at, "runs"), f"not given with pattern {link.pattern!r}; write some")
        if link.runs is not None and link.pattern not in (*_NEED_RUNS, "index", "blocks", "mesh"):
            raise MisfitError((*at, "runs"), f"given with pattern {link.pattern!r}; leave it out")
        if link.pattern == "index" and link.runs is not None:
            self._check_runs_of_boxes(link, at)
        elif link.pattern == "index" and ones != others:
            raise MisfitError(
                (*at, "pattern"),
                f"'index' between {ones} {one} and {others} {other}; write groups of equal count",
            )
        elif link.runs is None and link.pattern == "blocks" and max(ones, others) % self.runs(link):
            raise MisfitError(
                (*at, "pattern"),
                f"'blocks' between {ones} and {others} members; write counts of which one is a "
                "multiple of the other",
            )
        elif ones % self.runs(link) or others % self.runs(link):
            raise MisfitError(
                (*at, "runs"),
                f"{link.runs} of {ones} {one} and {others} {other}; write a divisor of both",
            )

    def _check_runs_of_boxes(self, link: Join, at: tuple[str, int]) -> None:
        assert link.runs is not None
        one, other = (self.groups[name] for name in link.between)
        if one.per == other.per:
            raise MisfitError(
                (*at, "runs"), "given with 'index' between groups that stand alike; leave it out"
            )
        in_box, shared = (one, other) if one.per == "box" else (other, one)
        if self.boxes % link.runs or shared.count != in_box.count * link.runs:
            raise MisfitError(
                (*at, "runs"),
                f"{link.runs} of {self.boxes} boxes with {in_box.count} parts each, over "
                f"{shared.count} of the cluster; write a divisor of the boxes, and for each run as "
                "many parts of the cluster as a box has",
            )

    def _sides(self, link: Join) -> tuple[int, int]:
        """How many members of each group a pattern joins: of one box where it can be."""
        one, other = (self.groups[name] for name in link.between)
        if one.per == other.per or link.pattern == "index":
            return one.count, other.count
        return self.members(link.between[0]), self.members(link.between[1])

    def runs(self, link: Join) -> int:
        """Into how many runs an entry cuts what it joins: as said, or as its pattern has it."""
        if link.runs is not None:
            return link.runs
        return min(self._sides(link)) if link.pattern == "blocks" else 1

    def pairs(self, link: Join) -> int:
        """How many links an entry stands for in the whole cluster, both directions as one."""
        ones, others = self._sides(link)
        runs = self.runs(link)
        per = {self.groups[name].per for name in link.between}
        times = self.boxes if per == {"box"} or (link.pattern == "index" and "box" in per) else 1
        return times * links_of(link.pattern, ones, others, runs, link.shape or ())

    def members(self, name: str) -> int:
        """How many members a group has in the whole cluster."""
        group = self.groups[name]
        return group.count * (self.boxes if group.per == "box" else 1)
