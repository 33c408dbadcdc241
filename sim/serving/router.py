"""Who serves a request: a policy sees one snapshot a replica, never the simulation.

Snapshots are as of each replica's last finished step; what was sent to it since is in them.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple


class Snapshot(NamedTuple):
    """What a router may know of a replica."""

    unfinished: int
    """Requests sent to it and not yet answered."""
    kv_tokens: int
    """Tokens in its cache and waiting to get there."""


Policy = Callable[[int, Sequence[Snapshot]], int]
"""(how many requests were routed before, snapshots) -> index of the replica."""


def round_robin(routed: int, replicas: Sequence[Snapshot]) -> int:
    """Each in turn."""
    return routed % len(replicas)


def least_loaded(routed: int, replicas: Sequence[Snapshot]) -> int:
    """The fewest unfinished requests, then the fewest tokens, then the first."""
    return min(range(len(replicas)), key=lambda index: replicas[index])


POLICIES: Mapping[str, Policy] = {"round-robin": round_robin, "least-loaded": least_loaded}
