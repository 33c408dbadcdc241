"""The device-to-device streams of an exchange, for sharing in parts."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sim.network.crossing import flow_of
from sim.network.loads import FloatArray, IntArray
from sim.network.routes import Network
from sim.network.stages import Protocol, Side, stages_of
from sim.network.streams import Routes, Streams


@dataclass(frozen=True, slots=True, eq=False)
class ExchangeStreams:
    """Where the streams of an exchange go; only the tokens are still open."""

    routes: Routes
    _sources: IntArray
    """(streams,)"""
    _weights: IntArray
    """(streams,)"""

    def sent(
        self, source_share: FloatArray, weights: FloatArray, token_bytes: float, *indices: int
    ) -> Streams:
        """With their bytes; see `Exchange.loads`. Of several transfers, that of these indices."""
        for index in indices:
            weights = weights[index]
        bytes_ = source_share[self._sources] * weights[self._weights] * token_bytes
        return Streams(self.routes, bytes_)


def exchange_streams(
    network: Network,
    ends: tuple[Sequence[int], Sequence[int]],
    protocol: Protocol,
    links: IntArray,
    *,
    is_back: bool,
) -> ExchangeStreams:
    """From sources to targets, or (is_back) of their way back; over these links."""
    sources, targets = (Side.of(network, devices) for devices in ends)
    stages = stages_of(sources, targets, protocol)
    parts = [part for one in stages for part in one if part.start != part.end]
    pairs = [(part.end, part.start) if is_back else (part.start, part.end) for part in parts]
    return ExchangeStreams(
        Routes.of(
            links, [dict(flow_of(network, *pair)) for pair in pairs], network.capacity_bytes_per_s
        ),
        np.array([part.source for part in parts], dtype=np.int64),
        np.array([part.weight for part in parts], dtype=np.int64),
    )
