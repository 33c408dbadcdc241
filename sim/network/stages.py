"""Who sends what to whom in an exchange, stage after stage, before any link is known."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from typing import Literal, NamedTuple

from sim.network.crossing import Part
from sim.network.routes import Network

Protocol = Literal["per-expert", "per-device", "per-node"]


class Ways(NamedTuple):
    """What the stages take whatever their bytes are."""

    latency_s: float
    steps: int
    messages: int

    @classmethod
    def of(cls, network: Network, stages: Sequence[Sequence[Part]]) -> "Ways":
        """A message is all that one device sends another in one stage."""
        pairs = [
            {(part.start, part.end) for part in one if part.start != part.end} for one in stages
        ]
        slowest_s = [max((network.latency_s(*pair) for pair in one), default=0.0) for one in pairs]
        sent = Counter(start for one in pairs for start, _ in one)
        return cls(sum(slowest_s), sum(map(bool, pairs)), max(sent.values(), default=0))


class Side(NamedTuple):
    """The devices at one end of an exchange."""

    devices: tuple[int, ...]
    boxes: dict[int, list[int]]
    """Of each box, the places of its devices among them; boxes in the order of their first."""

    @classmethod
    def of(cls, network: Network, devices: Sequence[int]) -> "Side":
        """These devices, in the order in which shares or weights name them."""
        boxes: defaultdict[int, list[int]] = defaultdict(list)
        for place, device in enumerate(devices):
            boxes[network.box_of[device]].append(place)
        return cls(tuple(devices), dict(boxes))


def stages_of(sources: Side, targets: Side, protocol: Protocol) -> list[list[Part]]:
    """One stage straight, or two over the entries of the targets' boxes."""
    if protocol == "per-node":
        return [_into_boxes(sources, targets), _inside_boxes(sources, targets)]
    return [_straight(sources, targets)]


def _straight(sources: Side, targets: Side) -> list[Part]:
    return [
        Part(source, target, start, end)
        for source, start in enumerate(sources.devices)
        for target, end in enumerate(targets.devices)
        if start != end
    ]


def _into_boxes(sources: Side, targets: Side) -> list[Part]:
    """Each box's tokens to the target there that has the source's place in its own box."""
    return [
        Part(source, len(targets.devices) + number, sources.devices[source], targets.devices[entry])
        for source, number, entry in _entries(sources, targets)
    ]


def _inside_boxes(sources: Side, targets: Side) -> list[Part]:
    """From where they entered to their devices; from sources of the same box straight."""
    entered = [
        (source, number, targets.devices[entry])
        for source, number, entry in _entries(sources, targets)
    ]
    own = [
        (source, number, sources.devices[source])
        for number, box in enumerate(targets.boxes)
        for source in sources.boxes.get(box, [])
    ]
    members = list(targets.boxes.values())
    return [
        Part(source, target, start, targets.devices[target])
        for source, number, start in [*entered, *own]
        for target in members[number]
    ]


def _entries(sources: Side, targets: Side) -> Iterator[tuple[int, int, int]]:
    """Source, number of another box, and the target there at which the source's tokens enter."""
    for home, members in sources.boxes.items():
        for place, source in enumerate(members):
            for number, (box, there) in enumerate(targets.boxes.items()):
                if box != home:
                    yield source, number, there[place % len(there)]
