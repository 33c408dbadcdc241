"""Who serves a request: a policy sees the load of each replica, never the simulation.

Loads are as of each replica's last finished step; what was sent to it since is in them.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol


class Load(Protocol):
    """What a router may know of a replica."""

    @property
    def unfinished(self) -> int:
        """Requests sent to it and not yet answered."""

    @property
    def kv_tokens(self) -> int:
        """Tokens in its cache and waiting to get there."""


Policy = Callable[[int, Sequence[Load]], int]
"""(how many requests were routed before, loads) -> index of the replica."""


def round_robin(routed: int, replicas: Sequence[Load]) -> int:
    """Each in turn."""
    return routed % len(replicas)


def least_loaded(_: int, replicas: Sequence[Load]) -> int:
    """The fewest unfinished requests, then the fewest tokens, then the first."""
    unfinished = [replica.unfinished for replica in replicas]
    fewest = min(unfinished)
    if unfinished.count(fewest) == 1:
        return unfinished.index(fewest)
    tied = [number for number, count in enumerate(unfinished) if count == fewest]
    return min(tied, key=lambda number: replicas[number].kv_tokens)


POLICIES: Mapping[str, Policy] = {"round-robin": round_robin, "least-loaded": least_loaded}
