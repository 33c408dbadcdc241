"""The paper's lower bound of the time per token: what has to be read and sent, and nothing else.

Weights and cache are read once a step at the memory's peak rate; copies of tokens cross the network
once each way, evenly. Of experts those are read that so many tokens choose on average, where all
are as popular; the paper reads all, which is above what small batches need. Activations are left
out, so that it is a little lower.
"""

from sim.physics.memory import kv_bytes_per_token, weights_bytes
from sim.serving.layout import replica_layouts
from sim.spec.device import ELEMENT_BYTES
from sim.spec.scenario import Scenario
from sim.study.paper.set_up import expert_bytes


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
    weights -= _missed_share(scenario, batch) * expert_bytes(scenario)
    read_bytes = weights + batch * layout.tp * length * of_token
    return read_bytes / layout.device.memory_bytes_per_s + _exchange_s(scenario, batch)


def _missed_share(scenario: Scenario, batch: int) -> float:
    """Of the experts, those that no token of a step chooses."""
    experts = scenario.model.experts
    if experts is None:
        return 0.0
    tokens = batch * len(scenario.topology.devices)
    return float((1 - experts.experts_per_token / experts.experts) ** tokens)


def _exchange_s(scenario: Scenario, batch: int) -> float:
    """Dispatch and combine of every layer, over the link that each device has."""
    model, devices = scenario.model, len(scenario.topology.devices)
    if model.experts is None:
        return 0.0
    token_bytes = model.hidden_size * ELEMENT_BYTES[scenario.deployment.precision.activations]
    copies = batch * model.experts.experts_per_token * (1 - 1 / devices)
    link = scenario.topology.links[0]
    once_s = copies * token_bytes / (link.count * link.bytes_per_s) + 2 * link.latency_s
    return 2 * len(model.expert_layers) * once_s
