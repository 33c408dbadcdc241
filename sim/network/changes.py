"""The network as it changes during a run: which links have failed when, and what others carry.

A failed link is down in both directions, as its ends agree on whether it is up. A degraded one
keeps its routes. Where several happenings hold one link, a failure does, or the least share.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np

from sim.catalog.names import suggestion
from sim.errors import ScenarioError
from sim.network.loads import FloatArray
from sim.network.routes import Network
from sim.spec.network_events import DegradedLink, FailedLink, LinkEvent


@dataclass(frozen=True, slots=True, eq=False)
class NetworkChange:
    """From this instant on the network is another one."""

    at_s: float
    failed: frozenset[int]
    capacity_bytes_per_s: FloatArray
    """Of every link; of a failed one, what it would carry."""
    failing: tuple[str, ...]
    """What fails at this instant, as the scenario names it."""

    @property
    def state(self) -> tuple[frozenset[int], bytes]:
        """Equal for equal networks."""
        return self.failed, self.capacity_bytes_per_s.tobytes()


def network_changes(network: Network, events: Sequence[LinkEvent]) -> list[NetworkChange]:
    """In order, without those that change nothing; ScenarioError for links that there are not."""
    if not events:
        return []
    links = [_links(network, event, f"links.{number}") for number, event in enumerate(events)]
    instants = {event.at_s for event in events} | {event.until_s for event in events} - {None}
    found: list[NetworkChange] = []
    before = (frozenset[int](), network.capacity_bytes_per_s.tobytes())
    for at_s in sorted(one for one in instants if one is not None):
        change = _change(network, list(zip(events, links, strict=True)), at_s)
        if change.state != before:
            found.append(change)
            before = change.state
    return found


def _change(
    network: Network, events: Sequence[tuple[LinkEvent, list[int]]], at_s: float
) -> NetworkChange:
    holding = [
        (event, links)
        for event, links in events
        if event.at_s <= at_s and (event.until_s is None or at_s < event.until_s)
    ]
    share = np.ones(network.links)
    for event, links in holding:
        if isinstance(event, DegradedLink):
            share[links] = np.minimum(share[links], event.to_share)
    fails = [(event, links) for event, links in holding if isinstance(event, FailedLink)]
    return NetworkChange(
        at_s,
        frozenset(link for _, links in fails for link in links),
        network.capacity_bytes_per_s * share,
        tuple(event.link for event, _ in fails if event.at_s == at_s),
    )


def _links(network: Network, event: LinkEvent, where: str) -> list[int]:
    """The numbers of the links that an event names."""
    both = list(_links_of_names(network))
    single = {name: [number] for number, name in enumerate(network.link_names)}
    named = [*both, *(single.items() if isinstance(event, DegradedLink) else ())]
    meant: list[list[int]] = [links for name, links in named if name == event.link]
    if len(meant) > 1:
        raise ScenarioError(
            f"{where}.link: {event.link!r:.80} names several of the kinds of link, parts and links "
            f"of {network.name}; rename one in the topology"
        )
    if meant:
        return meant[0]
    if event.link in single:
        would_do = event.link.replace(">", "-") if ">" in event.link else event.link[8:]
        raise ScenarioError(
            f"{where}.link: {event.link!r} cannot fail, as both directions of a link do so "
            f"together; write {would_do!r}"
        )
    known = [name for name, _ in named]
    raise ScenarioError(
        f"{where}.link: {event.link!r:.80} is no link, part or kind of link of {network.name}; "
        f"{suggestion(event.link, known)}"
    )


def _links_of_names(network: Network) -> Iterator[tuple[str, list[int]]]:
    """What names links in both directions: kinds, parts, and pairs of neighbours either way."""
    of_kinds: dict[str, list[int]] = {}
    for number, kind in enumerate(network.link_kinds):
        if kind != "through":
            of_kinds.setdefault(kind, []).append(number)
    yield from of_kinds.items()
    for name in network.vertex_names:
        into, out_of = network.links_of_vertex(name)
        if into or out_of:
            yield name, [*into, *out_of]
    number_of = {name: number for number, name in enumerate(network.link_names)}
    for name, number in number_of.items():
        if network.link_kinds[number] != "through":
            tail, _, head = name.partition(">")
            yield f"{tail}-{head}", [number, number_of[f"{head}>{tail}"]]


def pairs_of(
    network: Network, senders: Iterable[int], receivers: Iterable[int], where: str
) -> list[tuple[int, int]]:
    """Who sends to whom: one each, or one to all, or all to one; ScenarioError for other counts."""
    sources, targets = list(senders), list(receivers)
    if len(sources) == 1:
        sources *= len(targets)
    if len(targets) == 1:
        targets *= len(sources)
    if len(sources) != len(targets):
        raise ScenarioError(
            f"{where}: {len(sources)} devices send to {len(targets)}; name as many, or one on a "
            "side"
        )
    for source, target in zip(sources, targets, strict=True):
        if source == target:
            raise ScenarioError(
                f"{where}: {network.device_names[source]} sends to itself; name another device"
            )
    return list(zip(sources, targets, strict=True))


def devices_named(network: Network, given: Sequence[int | str], where: str) -> Iterator[int]:
    """The numbers of devices that are given by number, by name or by box."""
    names = {name: [number] for number, name in enumerate(network.device_names)}
    by_box = groupby(range(network.devices), key=lambda number: network.box_of[number])
    names |= {f"box{box}": list(devices) for box, devices in by_box}
    for one in given:
        if isinstance(one, str) and one in names:
            yield from names[one]
        elif isinstance(one, int) and one < network.devices:
            yield one
        elif isinstance(one, int):
            raise ScenarioError(
                f"{where}: {one} is not a device; the topology has 0 to {network.devices - 1}"
            )
        else:
            raise ScenarioError(
                f"{where}: {one!r:.80} is no device or box; {suggestion(one, names)}"
            )
