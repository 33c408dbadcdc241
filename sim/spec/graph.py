"""A cluster as a graph that somebody drew: every part and every link by itself.

The keys are those of NetworkX's node-link form, so that a file of it is read as it stands.
"""

from collections.abc import Mapping
from itertools import groupby
from typing import Annotated, Literal

from pydantic import Field, model_validator

from sim.spec.base import AtLeastZero, BytesPerSecond, Count, MisfitError, Seconds, Spec
from sim.spec.device import DeviceSpec

RESERVED_KIND = "through"
"""No kind of link: so results call the limits of parts."""
RESERVED_SAYS = f"{RESERVED_KIND!r} is how results call the limits of parts; write another name"

_MOST_NODES = 100_000
_MOST_EDGES = 1_000_000


class GraphNode(Spec):
    """One part of the machine."""

    id: str
    """Its name in results."""
    kind: Literal["device", "switch", "nic", "bridge", "cpu"]
    """What it is."""
    group: str | None = None
    """What it and its like are called in pictures and tables; by default their kind."""
    device: str | None = None
    """Which accelerator; of nodes of kind device, and only those."""
    box: AtLeastZero | None = None
    """The number of its box. Devices without one stand in box 0, other parts between boxes."""
    through_bytes_per_s: BytesPerSecond | None = None
    """What it can pass through in all, where that is less than its links together."""
    reduces: bool = False
    """A switch that sums (and multicasts) what passes through it."""


class GraphEdge(Spec):
    """A link between two parts: one direction of it where the graph is directed, else both."""

    source: str
    """The part that it leads from."""
    target: str
    """The part that it leads to."""
    kind: str = "link"
    """The name of such links in results."""
    count: Count = 1
    """How many run side by side; results show them as one."""
    bytes_per_s: BytesPerSecond
    """Of one direction of each of them."""
    latency_s: Seconds
    """Of one crossing."""


class GraphSpec(Spec):
    """The parts in the order in which devices are numbered, and the links."""

    directed: bool = False
    """Whether an edge is one direction of a link; then both are there, with the same latency."""
    devices: dict[str, DeviceSpec]
    """The accelerators, by the names that nodes have for them."""
    nodes: Annotated[tuple[GraphNode, ...], Field(strict=False)]
    """The parts of the machine."""
    edges: Annotated[tuple[GraphEdge, ...], Field(strict=False)] = ()
    """The links."""

    @model_validator(mode="after")
    def _can_be_built(self) -> "GraphSpec":
        for key, found, most in (
            ("nodes", len(self.nodes), _MOST_NODES),
            ("edges", len(self.edges), _MOST_EDGES),
        ):
            if found > most:
                raise MisfitError((key,), f"are {found}; have at most {most}")
        known: dict[str, GraphNode] = {}
        for number, node in enumerate(self.nodes):
            self._check_node(node, ("nodes", number), known)
            known[node.id] = node
        if not any(node.kind == "device" for node in self.nodes):
            raise MisfitError(("nodes",), "none is of kind 'device'; a cluster needs one")
        self._check_boxes()
        self._check_edges(known)
        return self

    def _check_node(
        self, node: GraphNode, at: tuple[str, int], known: dict[str, GraphNode]
    ) -> None:
        if not node.id.isprintable() or ">" in node.id or not node.id.strip():
            raise MisfitError(
                (*at, "id"), f"{node.id!r:.60} is no name for a part; write a text without '>'"
            )
        if node.id in known:
            raise MisfitError((*at, "id"), f"{node.id!r:.60} is given twice; keep one")
        if (node.kind == "device") != (node.device is not None):
            raise MisfitError(
                (*at, "kind"),
                f"node {node.id!r:.60} is {node.kind!r} "
                f"{'without' if node.device is None else 'with'} a 'device'; nodes of kind "
                "'device', and only those, name theirs",
            )
        if node.device is not None and node.device not in self.devices:
            raise MisfitError(
                (*at, "device"),
                f"node {node.id!r:.60} has {node.device!r:.60}, which is none of 'devices'; add it",
            )

    def _check_boxes(self) -> None:
        runs = groupby(
            (node for node in self.nodes if node.kind == "device"), lambda node: node.box or 0
        )
        seen: set[int] = set()
        for box, nodes in runs:
            if box in seen:
                raise MisfitError(
                    ("nodes",),
                    f"node {next(nodes).id!r:.60} is in box {box}, of which the devices before it "
                    "are not; write the devices of a box one after the other",
                )
            seen.add(box)

    def _check_edges(self, known: Mapping[str, GraphNode]) -> None:
        latency_s: dict[tuple[str, str], float] = {}
        for number, edge in enumerate(self.edges):
            at = ("edges", number)
            _check_ends(edge, at, known)
            ways = [(edge.source, edge.target), (edge.target, edge.source)]
            for way in ways[: 1 if self.directed else 2]:
                if way in latency_s:
                    raise MisfitError(at, f"{_named(*way)} is given twice; give one a 'count'")
                latency_s[way] = edge.latency_s
        for (source, target), there_s in latency_s.items():
            back_s = latency_s.get((target, source))
            if back_s != there_s:
                found = "there is none back" if back_s is None else f"back it takes {back_s!r} s"
                raise MisfitError(
                    ("edges",),
                    f"{_named(source, target)} takes {there_s!r} s, and {found}; "
                    "write both directions with one latency",
                )


def _check_ends(edge: GraphEdge, at: tuple[str, int], known: Mapping[str, GraphNode]) -> None:
    named = _named(edge.source, edge.target)
    for key, end in (("source", edge.source), ("target", edge.target)):
        if end not in known:
            raise MisfitError((*at, key), f"{named}: {key} is none of the nodes; add it")
    if edge.kind == RESERVED_KIND:
        raise MisfitError((*at, "kind"), f"{named}: {RESERVED_SAYS}")
    if edge.source == edge.target:
        raise MisfitError((*at, "target"), f"{named} leads back; leave it out")


def _named(source: str, target: str) -> str:
    return f"edge {source!r:.60} to {target!r:.60}"
