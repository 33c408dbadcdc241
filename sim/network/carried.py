"""What transfers carried over which links, for accounts that are made when all is known."""

from typing import NamedTuple

from sim.network.accounting import add_alone
from sim.network.flow import Moved
from sim.network.loads import FloatArray, Loads
from sim.record.usage import LinkUsage


class Carried(NamedTuple):
    """A part of a transfer that went as its loads say."""

    loads: Loads
    share: float = 1.0
    alone_on_bytes_per_s: FloatArray | None = None
    """Links of this speed, if it was alone on them; else the fabric has accounted for seconds."""


def carried(loads: Loads, moved: Moved, capacity_bytes_per_s: FloatArray) -> list[Carried]:
    """All parts of a transfer that began as these loads."""
    if moved.parts:
        return [Carried(*part) for part in moved.parts]
    return [Carried(loads, 1.0, capacity_bytes_per_s if moved.was_alone else None)]


def add_carried(usage: LinkUsage, one: Carried) -> None:
    """Account for a part of a transfer that has come to its end."""
    if one.alone_on_bytes_per_s is not None:
        add_alone(usage, one.loads, one.alone_on_bytes_per_s)
    else:
        usage.bytes[one.loads.links] += one.loads.bytes * one.share
