"""Which collectives a fabric was fitted to: those of NCCL in a box, on the very links.

Between two algorithms NCCL takes what is faster; by the fit, for nothing else is known of it. The
other one was not measured at that size, whatever its price is.
"""

from collections.abc import Callable, Mapping, Sequence

from sim.network.choice import Choice
from sim.network.collectives import all_gather, all_reduce, all_to_all, reduce_scatter
from sim.network.loads import Loads
from sim.network.patterns import Group, Pattern
from sim.network.protocols import WAYS, Pace, fabric_of, slowest_kind
from sim.network.routes import Network
from sim.spec.communication import Communication, Fabric

COLLECTIVES: Mapping[str, Callable[[Network, Group], Choice]] = {
    "all_reduce": lambda network, on: all_reduce(network, [on], among=("in-switch", "ring")),
    "all_gather": lambda network, on: all_gather(network, [on], "ring"),
    "reduce_scatter": lambda network, on: reduce_scatter(network, [on], "ring"),
    "all_to_all": lambda network, on: all_to_all(network, [on], "direct"),
}
"""By kind, what NCCL does in a box. Its trees are chains there, as many steps as a ring."""


def covers(
    network: Network,
    group: Sequence[int],
    pattern: Pattern,
    kind: str,
    communication: Communication | None,
    buffer_bytes: float,
) -> bool:
    """Whether just such a collective of one group was measured, on links of this kind and speed."""
    found = fabric_of(network, pattern.links, communication)
    if found is None or len({network.box_of[device] for device in group}) > 1:
        return False
    name, fabric = found
    sizes = fabric.fitted_to
    return (
        kind in fabric.errors
        and slowest_kind(network, pattern.links.tolist()) == name
        and network.capacity_bytes_per_s[pattern.links].min().item() == sizes.link_bytes_per_s
        and _is_within(len(group), sizes.devices)
        and _is_within(buffer_bytes, sizes.buffers)
        and pattern.algorithm == _of_library(network, group, kind, fabric, buffer_bytes)
    )


def _of_library(
    network: Network, group: Sequence[int], kind: str, fabric: Fabric, buffer_bytes: float
) -> str:
    """The algorithm that the measured library takes, of those that the fabric has numbers for."""

    def at_pace(pattern: Pattern, loads: Loads) -> Loads:
        return Pace.measured(pattern, network, WAYS[pattern.algorithm], fabric).of(loads)

    ways = COLLECTIVES[kind](network, group).patterns
    known = [one for one in ways if one.algorithm != "in-switch" or fabric.in_switch]
    return str(Choice.of(known, network.capacity_bytes_per_s).chosen(buffer_bytes, at_pace))


def _is_within(found: float, span: tuple[float, float]) -> bool:
    return span[0] <= found <= span[1]
