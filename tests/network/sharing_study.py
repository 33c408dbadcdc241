"""How far the fabric is off where transfers are skewed and begin at different times.

`python -m tests.network.sharing_study` prints the table in topologies/README.md: random cases of
two to four transfers against the twin of single streams, as the fabric shares them (one vector
each), and with each split into parts, which go their own ways and of which the last one ends it.
"""

import argparse
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from simpy import Environment

import sim
from sim.network.fabric import Fabric
from sim.network.instants import STARTS, call_at
from sim.network.loads import Loads
from sim.network.routes import Network
from sim.record.usage import LinkUsage

from .stream_twin import Chain, Transfer, all_to_all, loads_of, ring, twin_ends_s

TOPOLOGIES = {
    "NVSwitch": "dgx-h100",
    "one PCIe switch": "pcie-gen5-8-one-switch",
    "two PCIe switches": "pcie-gen5-8-two-switches",
    "two sockets": "pcie-gen4-8-two-sockets",
    "four switches, two sockets": "pcie-gen5-8",
    "rails": "dgx-h100-x4",
    "mesh": "mi300x-8",
    "torus": "tpu-v7-4x4x4",
}
MOST_DEVICES = 32
# Who is later than alone by less has met nobody who mattered.
HELD_UP = 1.001

Split = Callable[[Network, Sequence[Transfer], int], list[list[Chain]]]
"""The parts of one of these transfers."""


def whole(network: Network, transfers: Sequence[Transfer], number: int) -> list[list[Chain]]:
    """One vector: what the fabric does."""
    return [list(transfers[number].chains)]


def by_boxes(network: Network, transfers: Sequence[Transfer], number: int) -> list[list[Chain]]:
    """A part for each ordered pair of boxes."""

    def boxes(chain: Chain) -> tuple[str, str]:
        route, names = chain.streams[0].route, network.link_names
        return names[route[0]].split("/")[0], names[route[-1]].split(">")[1].split("/")[0]

    return _grouped(transfers[number], boxes)


def by_inner_links(
    network: Network, transfers: Sequence[Transfer], number: int
) -> list[list[Chain]]:
    """A part for each way between the first link and the last."""
    return _grouped(transfers[number], lambda chain: chain.streams[0].route[1:-1])


def by_shared_links(
    network: Network, transfers: Sequence[Transfer], number: int
) -> list[list[Chain]]:
    """A part for each set of links on the way that somebody else's streams use, too."""
    others = {
        link
        for other, one in enumerate(transfers)
        if other != number
        for chain in one.chains
        for stream in chain.streams
        for link in stream.route
    }
    return _grouped(
        transfers[number],
        lambda chain: tuple(link for link in chain.streams[0].route if link in others),
    )


SPLITS: dict[str, Split] = {
    "one vector": whole,
    "pairs of boxes": by_boxes,
    "inner links": by_inner_links,
    "shared links": by_shared_links,
}


def _grouped(one: Transfer, key: Callable[[Chain], object]) -> list[list[Chain]]:
    """Rings are parts of their own: their hops wait for one another."""
    found: dict[object, list[Chain]] = {}
    for number, chain in enumerate(one.chains):
        found.setdefault(number if chain.rounds > 1 else key(chain), []).append(chain)
    return list(found.values())


def random_case(network: Network, generator: np.random.Generator) -> list[Transfer]:
    """Two to four transfers, on devices of their own or not; half of the cases have offsets."""
    count, has_own = int(generator.integers(2, 5)), generator.random() < 0.5
    devices = generator.permutation(network.devices)[:MOST_DEVICES]
    most = min(8, len(devices) // count if has_own else len(devices))
    has_offsets, longest_s = generator.random() < 0.5, 0.0
    found = []
    for number in range(count):
        size = int(generator.integers(2, most + 1))
        own = devices[number * most :] if has_own else generator.permutation(devices)
        one = _random_transfer(network, sorted(own[:size].tolist()), generator)
        alone_s = float(one.loads().alone_s(network.capacity_bytes_per_s))
        if has_offsets and number:
            one = one._replace(starts_s=generator.uniform(0, longest_s))
        longest_s = max(longest_s, alone_s)
        found.append(one)
    return found


def _random_transfer(
    network: Network, devices: list[int], generator: np.random.Generator
) -> Transfer:
    """Six of ten are exchanges with targets by Zipf, 0 to 1.2; the others rings. 1/4 to 4 GB."""
    bytes_ = 1e9 * 4 ** generator.uniform(-1, 1)
    if generator.random() < 0.4:
        return ring(network, devices, bytes_, times=int(generator.integers(1, 3)))
    weights = np.arange(1.0, len(devices) + 1) ** -generator.uniform(0, 1.2)
    targets = generator.permutation(weights / weights.sum())
    sources = generator.dirichlet(np.full(len(devices), 5.0))
    return all_to_all(network, devices, bytes_ * len(devices) * np.outer(sources, targets))


def fabric_ends_s(network: Network, transfers: Sequence[Transfer], split: Split) -> list[float]:
    """When each transfer ends whose parts are on the fabric."""
    env, ends_s = Environment(), [0.0] * len(transfers)
    fabric = Fabric(env, network.capacity_bytes_per_s, LinkUsage.of(network.links))

    def start(number: int, loads: Loads) -> None:
        def note(_: object) -> None:
            ends_s[number] = max(ends_s[number], env.now)

        fabric.transfer(loads, str(number)).callbacks.append(note)

    for number, one in enumerate(transfers):
        for part in split(network, transfers, number):
            loads = loads_of(part)
            call_at(env, one.starts_s, STARTS, lambda n=number, loads=loads: start(n, loads))  # type: ignore[misc]
    env.run()
    return ends_s


class Errors(NamedTuple):
    """Of the durations of transfers that were held up, simulated over twin less 1."""

    errors: np.ndarray
    parts: float
    """Of a transfer, on average."""
    cpu_s: float


def errors(name: str, split: Split, cases: int) -> Errors:
    """Of so many random cases on a topology."""
    network, found, parts, cpu_s = Network.of(sim.load_topology(name)), [], [], 0.0
    for seed in range(cases):
        transfers = random_case(network, np.random.default_rng([seed, *name.encode()]))
        ends_s = twin_ends_s(network, transfers)
        parts += [len(split(network, transfers, number)) for number in range(len(transfers))]
        start_s = time.process_time()
        simulated_s = fabric_ends_s(network, transfers, split)
        cpu_s += time.process_time() - start_s
        for one, end_s, at_s in zip(transfers, ends_s, simulated_s, strict=True):
            alone_s = twin_ends_s(network, [one._replace(starts_s=0.0)])[0]
            if end_s - one.starts_s > HELD_UP * alone_s:
                found.append((at_s - one.starts_s) / (end_s - one.starts_s) - 1)
    return Errors(np.array(found), float(np.mean(parts)), cpu_s)


def row(title: str, of: Sequence[Errors]) -> str:
    """A line of the table."""
    signed = np.concatenate([one.errors for one in of])
    off = np.abs(signed)
    shown = [np.median(off), *np.quantile(off, (0.9, 0.99)), off.max()]
    figures = " | ".join(f"{100 * one:.1f} %" for one in shown)
    parts, cpu_s = np.mean([one.parts for one in of]), sum(one.cpu_s for one in of)
    bias = f"{100 * np.median(signed):+.1f} %"
    return f"| {title} | {len(off)} | {figures} | {bias} | {parts:.0f} | {cpu_s:.1f} s |"


def main() -> None:
    """Print the tables."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--cases", type=int, default=80, help="of each topology")
    cases: int = options.parse_args().cases
    for title, split in SPLITS.items():
        by_name = {one: errors(name, split, cases) for one, name in TOPOLOGIES.items()}
        for one, found in by_name.items():
            print(row(f"{title}, {one}", [found]))  # noqa: T201, the study's result
        print(row(f"{title}, all", list(by_name.values())), flush=True)  # noqa: T201, as above


if __name__ == "__main__":
    main()
