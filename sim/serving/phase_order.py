"""The order of a step's phases, which a model and its layout fix once and for all.

A layer is attention and feed-forward. With tensor parallelism each half ends in an all-reduce
over the rank's devices. Where experts are spread (`scatter`), attention ends in a reduce-scatter
instead, each device dispatches its share of the rank's tokens to the experts and gets them back,
and an all-gather restores them. Where every device has all tokens (`replicate`), each runs its own
experts on them and an all-reduce adds the results. Experts that move do so before the first layer.

Experts on devices of their own are reached in the same way. Where the cache is on accelerators of
its own, attention is cut in three: queries go to its core and contexts come back. What lies on
different devices takes turns: no device works on one half of a batch while another has the other.
"""

from sim.serving.layout import ReplicaLayout
from sim.serving.rebalancing import REBALANCE, rebalances
from sim.serving.step_plan import Phase, Program
from sim.spec.model import ModelSpec
from sim.spec.scenario import Scenario

INPUT, OUTPUT = "attention input", "attention output"
TO_CORES, FROM_CORES = "to cores", "from cores"
OWN_CORES = {"windowed attention": "windowed core", "attention": "core"}
"""What is left of these slots where cores are on devices of their own."""

CORE_SLOTS = (INPUT, OUTPUT, *OWN_CORES.values(), "linear attention", *OWN_CORES)
"""Their price depends on more than on how many tokens a step has."""


def program(scenario: Scenario, layout: ReplicaLayout) -> Program:
    """The phases of every step, in order."""
    model, is_split = scenario.model, layout.tp > 1
    expert_row = {layer: row for row, layer in enumerate(model.expert_layers)}
    phases = [Phase("overhead", "step")]
    if rebalances(scenario, layout):
        phases.append(Phase("collective", REBALANCE))
    if is_split:
        phases.append(Phase("collective", "embedding all-reduce"))
    for layer in range(model.layers):
        phases += _attention_half(layout, _attention_slot(model, layer))
        row = expert_row.get(layer)
        phases += _dense_half(is_split) if row is None else _expert_half(layout, row)
    phases.append(Phase("dense", "head"))
    if is_split:
        phases.append(Phase("collective", "logits all-gather"))
    return Program.of(phases, last=CORE_SLOTS)


def _attention_half(layout: ReplicaLayout, slot: str) -> list[Phase]:
    if not layout.has_own_cores:
        return [Phase("attention", slot)]
    return [
        Phase("attention", INPUT),
        Phase("collective", TO_CORES),
        Phase("attention", OWN_CORES[slot]),
        Phase("collective", FROM_CORES),
        Phase("attention", OUTPUT),
    ]


def _attention_slot(model: ModelSpec, layer: int) -> str:
    """Linear layers come first, then windowed ones: their order costs nothing."""
    linear = model.linear.layers if model.linear else 0
    windowed = model.window.layers if model.window else 0
    if layer < linear:
        return "linear attention"
    return "windowed attention" if layer < linear + windowed else "attention"


def _dense_half(is_split: bool) -> list[Phase]:
    if not is_split:
        return [Phase("dense", "dense")]
    reduce = Phase("collective", "all-reduce")
    return [reduce, Phase("dense", "dense"), reduce]


def _expert_half(layout: ReplicaLayout, row: int) -> list[Phase]:
    gate, experts = Phase("dense", "gate"), Phase("experts", "experts", row)
    if len(layout.attention.devices) == 1 and not layout.has_own_experts:
        return [gate, experts]
    if layout.moe_entry == "replicate":
        reduce = Phase("collective", "all-reduce")
        return [reduce, gate, experts, reduce]
    there, back = Phase("dispatch", "dispatch", row), Phase("combine", "combine", row)
    if layout.tp == 1:
        return [gate, there, experts, back]
    scatter, gather = Phase("collective", "reduce-scatter"), Phase("collective", "all-gather")
    return [scatter, gate, there, experts, back, gather]
