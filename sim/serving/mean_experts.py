"""The routed experts of an average device, for those who look at a step without drawing it."""

import numpy as np

from sim.experts.draws import expected_activated
from sim.physics.operators import Operator, expert_operators
from sim.physics.work import Real
from sim.serving.deployment import DeployedReplica
from sim.spec.scenario import Scenario


def mean_experts(scenario: Scenario, replica: DeployedReplica, tokens: Real) -> list[Operator]:
    """For so many tokens of the whole replica, a number or (steps); none of a dense model."""
    routed, law, layout = scenario.model.experts, replica.law, replica.layout
    if routed is None or law is None:
        return []
    activated = [expected_activated(law, int(one)).mean().item() for one in np.atleast_1d(tokens)]
    return expert_operators(
        scenario.model,
        scenario.deployment.precision,
        tokens * routed.experts_per_token / layout.ep,
        np.array(activated) if isinstance(tokens, np.ndarray) else activated[0],
        layout.expert_tp,
    )
