"""The paper's lower bound of the time per token: what has to be read and sent, and nothing else.

Weights and cache are read once a step at the memory's peak rate; copies of tokens cross the network
once each way, evenly. Activations are left out, so it is a little lower than the paper's.
"""

from sim.physics.memory import kv_bytes_per_token, weights_bytes
from sim.serving.layout import replica_layouts
from sim.spec.device import ELEMENT_BYTES
from sim.spec.scenario import Scenario


def tpot_bound_s(scenario: Scenario, batch: int, length: float) -> float:
    """With so many requests on each device, each so long."""
    layout = replica_layouts(scenario)[0]
    precision = scenario.deployment.precision
    weights = weights_bytes(
        scenario.model,
        precision,
        tp=layout.tp,
        ep=layout.ep,
        expert_tp=layout.expert_tp,
        shared_tp=layout.shared_tp,
    )
    of_token = kv_bytes_per_token(scenario.model, precision, tp=layout.tp)
    read_bytes = weights + batch * layout.tp * length * of_token
    return read_bytes / layout.device.memory_bytes_per_s + _exchange_s(scenario, batch)


def _exchange_s(scenario: Scenario, batch: int) -> float:
    """Dispatch and combine of every layer, over the link that each device has."""
    model, devices = scenario.model, len(scenario.topology.devices)
    if model.experts is None:
        return 0.0
    token_bytes = model.hidden_size * ELEMENT_BYTES[scenario.deployment.precision.activations]
    copies = batch * model.experts.experts_per_token * (1 - 1 / devices)
    link = scenario.topology.links[0]
    once_s = copies * token_bytes / link.bytes_per_s + 2 * link.latency_s
    return 2 * len(model.expert_layers) * once_s
