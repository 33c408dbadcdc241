"""What goes into each part of a machine, less what comes out."""

from sim.network.loads import Loads
from sim.network.routes import Network


def on_links(network: Network, loads: Loads) -> dict[str, float]:
    return {
        network.link_names[link]: carried
        for link, carried in zip(loads.links.tolist(), loads.bytes.tolist(), strict=True)
    }


def imbalance(network: Network, loads: Loads) -> dict[str, float]:
    """Bytes in less bytes out; a capped part must let through exactly what passes it."""
    surplus = dict.fromkeys(network.vertex_names, 0.0)
    for name, carried in on_links(network, loads).items():
        if ">" in name:
            tail, head = name.split(">")
            surplus[tail] -= carried
            surplus[head] += carried
    return surplus
