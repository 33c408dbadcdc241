"""Measured collectives as arrays, by the fabric that they ran on."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sim.network.measured_collectives import COLLECTIVES
from sim.network.patterns import Pattern
from sim.network.protocols import (
    WAYS,
    Way,
    is_host_link,
    overheads,
    reached_share,
    slowest_kind,
)
from sim.network.routes import Network
from sim.spec.communication import Fabric
from sim.spec.device import DeviceSpec
from sim.study.calibration_samples import Array, Flags, is_held
from sim.study.kernels import checked_point
from sim.study.measured_points import Point, named_point
from sim.study.measured_transfers import collective, network_of


class WayPoints(NamedTuple):
    """The points that a way of sending could do; others take forever. Arrays (points, ...)."""

    latency_s: Array
    steps: Array
    messages: Array
    needed_s: Array
    """(points, links) How long each link takes at full speed."""
    streams: Array
    """(points, links)"""
    is_host_link: Flags
    """(points, links)"""

    def where(self, chosen: Flags) -> "WayPoints":
        """Some of them."""
        return WayPoints(
            self.latency_s[chosen],
            self.steps[chosen],
            self.messages[chosen],
            self.needed_s[chosen],
            self.streams[chosen],
            self.is_host_link[chosen],
        )

    def total_s(self, fabric: Fabric, way: Way) -> Array:
        """(points) By the fastest protocol of a fabric."""
        share = reached_share(self.streams, self.is_host_link, fabric.host_stream_share)
        drain_s = (self.needed_s / share).max(axis=1)
        return overheads(fabric, way, self.latency_s, self.steps, self.messages).total_s(drain_s)


class FabricSample(NamedTuple):
    """The collectives of one fabric, as arrays (points)."""

    fabric: str
    link_bytes_per_s: float
    """Of its slowest links."""
    kinds: NDArray[np.str_]
    buffer_bytes: Array
    devices: Array
    ways: Mapping[Way, WayPoints]
    measured_s: Array
    row_is_held: Flags
    shape_is_held: Flags
    """Of a number of devices between the least and the most."""
    origins: tuple[str, ...]

    def where(self, chosen: Flags) -> "FabricSample":
        """Some of them."""
        arrays = ("kinds", "buffer_bytes", "devices", "measured_s", "row_is_held", "shape_is_held")
        return self._replace(
            ways={way: points.where(chosen) for way, points in self.ways.items()},
            **{name: getattr(self, name)[chosen] for name in arrays},
        )

    def predicted_s(self, fabric: Fabric) -> Array:
        """(points) By the fastest way."""
        by_way = [points.total_s(fabric, way) for way, points in self.ways.items()]
        return np.asarray(np.min(by_way, axis=0))


class _Found(NamedTuple):
    point: Point
    network: Network
    ways: dict[Way, Pattern]


def fabric_samples(
    devices: Mapping[str, DeviceSpec], points: Sequence[Point]
) -> list[FabricSample]:
    """The collectives by fabric; devices by what the points call them; see `without_node`."""
    networks = {name: network_of(device, 1) for name, device in devices.items() if device.node}
    by_fabric: defaultdict[str, list[_Found]] = defaultdict(list)
    for point in points:
        if point.kind not in COLLECTIVES or point.device not in networks:
            continue
        network = networks[point.device]
        found = _Found(point, network, _ways(network, point))
        if point.params["gpus"] > 1:
            links = next(iter(found.ways.values())).links
            kind = slowest_kind(network, links.tolist())
            assert kind is not None, "devices hang on links"
            by_fabric[kind].append(found)
    return [_sample(fabric, by_fabric[fabric]) for fabric in sorted(by_fabric)]


def without_node(devices: Mapping[str, DeviceSpec], points: Sequence[Point]) -> Counter[str]:
    """How many collectives of each device belong to no fabric, as nobody knows its links."""
    lost = {name for name, device in devices.items() if not device.node}
    own = (point for point in points if point.kind in COLLECTIVES and point.device in lost)
    return Counter(devices[point.device].name for point in own)


def _ways(network: Network, point: Point) -> dict[Way, Pattern]:
    gpus = checked_point(point)["gpus"]
    with named_point(point):
        found = collective(point.kind, network, gpus)
    return {WAYS[one.algorithm]: one for one in found.patterns}


def _sample(fabric: str, found: Sequence[_Found]) -> FabricSample:
    devices = np.array([float(one.point.params["gpus"]) for one in found])
    used = dict.fromkeys(way for one in found for way in one.ways)
    return FabricSample(
        fabric=fabric,
        link_bytes_per_s=min(_slowest_bytes_per_s(one) for one in found),
        kinds=np.array([one.point.kind for one in found]),
        buffer_bytes=np.array([float(one.point.params["bytes"]) for one in found]),
        devices=devices,
        ways={way: _way_points(found, way) for way in used},
        measured_s=np.array([one.point.measured_s for one in found]),
        row_is_held=np.array([is_held(one.point.id) for one in found]),
        shape_is_held=(devices > devices.min()) & (devices < devices.max()),
        origins=tuple(sorted({one.point.origin for one in found if one.point.origin})),
    )


def _slowest_bytes_per_s(one: _Found) -> float:
    links = next(iter(one.ways.values())).links
    return float(one.network.capacity_bytes_per_s[links].min())


def _way_points(found: Sequence[_Found], way: Way) -> WayPoints:
    links = max(one.ways[way].links.size for one in found if way in one.ways)
    on_links = (len(found), links)
    points = WayPoints(
        latency_s=np.full(len(found), np.inf),
        steps=np.ones(len(found)),
        messages=np.ones(len(found)),
        needed_s=np.zeros(on_links),
        streams=np.ones(on_links),
        is_host_link=np.zeros(on_links, dtype=bool),
    )
    for row, one in enumerate(found):
        if way in one.ways:
            _fill(points, row, one, one.ways[way])
    return points


def _fill(points: WayPoints, row: int, one: _Found, pattern: Pattern) -> None:
    used, bytes_ = pattern.links, one.point.params["bytes"]
    capacity_bytes_per_s = one.network.capacity_bytes_per_s[used]
    points.latency_s[row] = pattern.latency_s
    points.steps[row] = pattern.steps
    points.messages[row] = pattern.messages
    points.needed_s[row, : used.size] = pattern.loads(bytes_).bytes / capacity_bytes_per_s
    points.streams[row, : used.size] = pattern.streams
    points.is_host_link[row, : used.size] = is_host_link(one.network, used)
