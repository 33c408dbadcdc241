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


def stages_of(
    devices: Sequence[int], boxes: list[list[int]], protocol: Protocol
) -> list[list[Part]]:
    """One stage straight, or two over the entries of the boxes."""
    if protocol == "per-node":
        return [_into_boxes(devices, boxes), _inside_boxes(devices, boxes)]
    return [_straight(devices)]


def boxes_of(network: Network, devices: Sequence[int]) -> list[list[int]]:
    """The places in `devices` of each box's, the boxes in order of their first."""
    boxes: defaultdict[int, list[int]] = defaultdict(list)
    for place, device in enumerate(devices):
        boxes[network.box_of[device]].append(place)
    return list(boxes.values())


def _straight(devices: Sequence[int]) -> list[Part]:
    return [
        Part(source, target, start, end)
        for source, start in enumerate(devices)
        for target, end in enumerate(devices)
        if source != target
    ]


def _into_boxes(devices: Sequence[int], boxes: list[list[int]]) -> list[Part]:
    """Each box's tokens to the device there that has the source's place in its own box."""
    return [
        Part(source, len(devices) + number, devices[source], devices[entry])
        for source, number, entry in _entries(boxes)
    ]


def _inside_boxes(devices: Sequence[int], boxes: list[list[int]]) -> list[Part]:
    """From where they entered to their devices; from sources of the same box straight."""
    own = [(source, number, source) for number, box in enumerate(boxes) for source in box]
    return [
        Part(source, target, devices[entry], devices[target])
        for source, number, entry in [*_entries(boxes), *own]
        for target in boxes[number]
    ]


def _entries(boxes: list[list[int]]) -> Iterator[tuple[int, int, int]]:
    """Source, number of another box, and the place there at which the source's tokens enter."""
    for home in boxes:
        for place, source in enumerate(home):
            for number, box in enumerate(boxes):
                if box is not home:
                    yield source, number, box[place % len(box)]
