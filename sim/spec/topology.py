"""A cluster as groups of equal parts and the links that join them.

A *box* is a scale-up node. Groups stand in every box or once in the cluster; a link entry joins
two groups by a pattern. Every link has two directions of the same speed.
"""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from sim.spec.base import BytesPerSecond, Count, Seconds, Source, Spec
from sim.spec.device import DeviceSpec


class Group(Spec):
    """Equal parts of the machine."""

    kind: Literal["device", "switch", "nic", "bridge", "cpu"]
    count: Count = 1
    per: Literal["box", "cluster"] = "box"
    device: DeviceSpec | None = None
    through_bytes_per_s: BytesPerSecond | None = None
    """What one part can pass through in all, where that is less than its links together."""
    reduces: bool = False
    """A switch that sums (and multicasts) what passes through it."""

    @model_validator(mode="after")
    def _device_is_named(self) -> "Group":
        if (self.kind == "device") != (self.device is not None):
            raise ValueError(
                f"kind = {self.kind!r}: a group of kind 'device', and only that, names its 'device'"
            )
        if self.kind == "device" and self.per == "cluster":
            raise ValueError("per = 'cluster': devices stand in boxes; write per: box")
        return self


class Join(Spec):
    """Links between the members of two groups (or within one)."""

    between: Annotated[tuple[str, str], Field(strict=False)]
    pattern: Literal["all", "index", "blocks", "mesh", "chain"] = "all"
    """all: each with each. index: member i with member i (of each box). blocks: the larger
    group in equal runs over the smaller. mesh: each with every other of the same group. chain: i with i + 1 of the same group."""
    kind: str
    bytes_per_s: BytesPerSecond
    """Of one direction."""
    latency_s: Seconds


class TopologySpec(Spec):
    """Boxes of devices, what stands between them, and the links."""

    name: str
    description: str = ""
    boxes: Count = 1
    groups: dict[str, Group]
    links: Annotated[tuple[Join, ...], Field(strict=False)] = ()
    source: Source

    @property
    def devices(self) -> tuple[DeviceSpec, ...]:
        """Every device, in the declared order: box by box, group by group."""
        in_box = [group for group in self.groups.values() if group.device is not None]
        one_box = [group.device for group in in_box for _ in range(group.count) if group.device]
        return tuple(one_box * self.boxes)

    @model_validator(mode="after")
    def _links_join_groups(self) -> "TopologySpec":
        if not self.devices:
            raise ValueError("groups: no group of kind 'device'; a cluster needs one")
        for number, link in enumerate(self.links):
            self._check_link(link, f"links.{number}")
        return self

    def _check_link(self, link: Join, where: str) -> None:
        for name in link.between:
            if name not in self.groups:
                known = ", ".join(self.groups)
                raise ValueError(f"{where}: between: no group {name!r}; the groups are {known}")
        one, other = link.between
        if (one == other) != (link.pattern in ("mesh", "chain")):
            raise ValueError(
                f"{where}: pattern = {link.pattern!r}: 'mesh' and 'chain' join a group with itself, "
                "the others join two groups"
            )
        small, large = sorted(self.groups[name].count for name in link.between)
        if link.pattern == "index" and small != large:
            raise ValueError(
                f"{where}: pattern = 'index' needs groups of equal count, not {small} and {large}"
            )
        if self.groups[one].per != self.groups[other].per:
            small, large = sorted(self.members(name) for name in link.between)
        if link.pattern == "blocks" and large % small:
            raise ValueError(f"{where}: pattern = 'blocks' needs {large} / {small} to be whole")

    def members(self, name: str) -> int:
        """How many members a group has in the whole cluster."""
        group = self.groups[name]
        return group.count * (self.boxes if group.per == "box" else 1)
