"""What crosses each link in an exchange, in few rectangles: sources times weights."""

from collections import defaultdict
from collections.abc import Iterable
from typing import NamedTuple

from sim.network.routes import Network, Shares


class Part(NamedTuple):
    """What source `source` sends of weight `weight`, and between which devices that goes."""

    source: int
    weight: int
    start: int
    end: int


class Rectangle(NamedTuple):
    """A share of all that some sources send of some weights; both as bits."""

    sources: int
    weights: int
    share: float = 1.0


class Crossing(NamedTuple):
    """What crosses one link: by share, the weights (as bits) of each source; and between whom."""

    weights_of: defaultdict[float, defaultdict[int, int]]
    flows: set[tuple[int, int]]


def flow_of(network: Network, start: int, end: int) -> Shares:
    """What of a flow each link carries.

    Were it split at devices as well, each link of a torus would carry another share of each pair:
    half a million rectangles for 256 devices. Going one way by target, the fullest link there
    carries up to 1.6 times the mean where split flows would load all alike.
    """
    return network.spread(start, end, at_devices=False)


def crossing_of_links(network: Network, parts: Iterable[Part]) -> dict[int, Crossing]:
    """By link, in the order of their numbers."""
    crossing: defaultdict[int, Crossing] = defaultdict(
        lambda: Crossing(defaultdict(lambda: defaultdict(int)), set())
    )
    for source, weight, start, end in parts:
        for link, share in flow_of(network, start, end):
            here = crossing[link]
            here.weights_of[share][source] |= 1 << weight
            here.flows.add((start, end))
    return dict(sorted(crossing.items()))


def rectangles_of(weights_of: dict[float, defaultdict[int, int]]) -> list[Rectangle]:
    """The rectangles of each share."""
    return [
        one._replace(share=share)
        for share, of_share in weights_of.items()
        for one in _rectangles_of(of_share)
    ]


def _rectangles_of(weights_of: dict[int, int]) -> list[Rectangle]:
    """Sources with equal weights together, or weights with equal sources: whichever are fewer."""
    by_source = [Rectangle(sources, weights) for weights, sources in _merged(weights_of)]
    if len(by_source) == 1:
        return by_source
    sources_of: defaultdict[int, int] = defaultdict(int)
    for source, weights in weights_of.items():
        for weight in members(weights):
            sources_of[weight] |= 1 << source
    by_weight = [Rectangle(sources, weights) for sources, weights in _merged(sources_of)]
    return min(by_source, by_weight, key=len)


def _merged(sets: dict[int, int]) -> list[tuple[int, int]]:
    """Each value, with all its keys as bits."""
    keys: defaultdict[int, int] = defaultdict(int)
    for key, value in sets.items():
        keys[value] |= 1 << key
    return list(keys.items())


def members(bits: int) -> list[int]:
    """The numbers that are in a set of bits."""
    return [number for number in range(bits.bit_length()) if bits >> number & 1]
