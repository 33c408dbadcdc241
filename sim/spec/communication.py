"""What transfers take on measured fabrics: a few numbers for all sizes and counts of devices.

A fabric goes by the kind of its links (`nvlink4`). Rates are shares of the links' speed and times
come beside the links' latency, so that a fabric of the same family can take over what was measured
on another; `network/protocols` has the formula.
"""

from collections.abc import Collection
from typing import Annotated, Literal

from pydantic import Field, model_validator

from sim.spec.base import (
    Bytes,
    BytesPerSecond,
    MisfitError,
    Seconds,
    Share,
    Source,
    Spec,
)
from sim.spec.calibration import FitErrors, Span

ByteSpan = Annotated[tuple[Bytes, Bytes], Field(strict=False)]
"""The least and the most bytes."""


class WireProtocol(Spec):
    """One way of a library to put messages on links: quick for small ones, or wasting little."""

    start_s: Seconds
    """Once, beside the launch."""
    step_s: Seconds
    """Each of the messages that follow one another, beside the latency of its links."""
    link_efficiency: Share
    """Of the links' speed, once under way."""


WireProtocols = Annotated[tuple[WireProtocol, ...], Field(strict=False)]
"""The fastest is taken, transfer by transfer."""


class FabricSizes(Spec):
    """The collectives that were measured; beyond them it is a guess."""

    buffers: ByteSpan
    """As nccl-tests counts them."""
    devices: Span
    """In one box."""
    link_bytes_per_s: BytesPerSecond
    """Of the links, as topologies have it."""


class Fabric(Spec):
    """What collectives take on links of one kind."""

    launch_s: Seconds
    """Of every collective."""
    chain: WireProtocols
    """Rings and trees: what a device gets it sends on."""
    chain_ends: Annotated[float, Field(ge=0)]
    """A chain fills and drains: as if it carried so many steps' bytes more."""
    direct: WireProtocols
    """Everybody sends to everybody at once."""
    message_s: Seconds
    """Each message but the first that a device sends at once."""
    in_switch: WireProtocols = ()
    """The switch adds up, or copies."""
    host_stream_share: Share = 1.0
    """Of a link to a CPU, what one stream from device to device reaches."""
    fitted_to: FabricSizes
    """The collectives that were measured."""
    errors: dict[str, FitErrors]
    """By kind of collective; a shape is a number of devices."""
    source: Source
    """Where the measurements are from."""

    @model_validator(mode="after")
    def _has_protocols(self) -> "Fabric":
        for name in ("chain", "direct"):
            if not getattr(self, name):
                raise MisfitError((name,), "empty; give at least one protocol")
        return self


class ExchangeSizes(Spec):
    """The exchanges that were measured; beyond them it is a guess."""

    tokens: Span
    """Of each device."""
    devices: Span
    """In all boxes."""
    links: dict[str, BytesPerSecond]
    """The speed of all links on the way by their kind, as topologies have it."""


class ExpertTraffic(Spec):
    """What tokens take to or from their experts by kernels of their own, one copy an expert."""

    launch_s: Seconds
    """Of every exchange."""
    expert_s: Seconds
    """Each expert of the model: its count is sent before the tokens."""
    far_expert_s: Seconds
    """Each expert in another box beside that."""
    token_s: Seconds
    """A processor's work on each token, however long; few experts keep few processors busy."""
    copied_bytes_per_s: BytesPerSecond
    """At which one processor copies."""
    link_efficiency: dict[str, Share]
    """Of the links' speed, by kinds that hold exchanges up; others reach as much as the best."""
    fitted_to: ExchangeSizes
    """The exchanges that were measured."""
    errors: FitErrors
    """What the fit is worth; a shape is a model."""
    source: Source
    """Where the measurements are from."""

    def reached_share(self, kind: str) -> float:
        """Of the speed of links of a kind, measured or not."""
        return self.link_efficiency.get(kind, max(self.link_efficiency.values(), default=1.0))


class Communication(Spec):
    """What was fitted to transfers, and which links take it over."""

    fabrics: dict[str, Fabric] = Field(default={})
    """Collectives, by the kind of links."""
    experts: dict[Literal["dispatch", "combine"], ExpertTraffic] = Field(default={})
    """Tokens on the way to their experts, and back."""
    measured_as: dict[str, str] = Field(default={})
    """Kinds of links that were not measured, and those whose numbers they take over."""

    def known_as(self, kind: str, known: Collection[str]) -> str | None:
        """The kind under which links of this kind are known; None where nobody stands for them."""
        seen: list[str] = []
        while kind not in known:
            if kind not in self.measured_as or kind in seen:
                return None
            seen.append(kind)
            kind = self.measured_as[kind]
        return kind
