"""Operating points: a system of the paper, so many requests on each device, so long each."""

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from sim.catalog.load import load_scenario
from sim.physics.memory import Footprint, decompressed_bytes, footprint
from sim.physics.parameters import tensors
from sim.serving.layout import ReplicaLayout, replica_layouts
from sim.spec.device import ELEMENT_BYTES
from sim.spec.lengths import FixedLength
from sim.spec.model import LatentAttention
from sim.spec.scenario import Scenario

FOLDER = Path(__file__).parent


@cache
def set_up() -> dict[str, Any]:
    """The contents of set_up.yaml."""
    text = (FOLDER / "set_up.yaml").read_text(encoding="utf-8")
    found: dict[str, Any] = yaml.safe_load(text)
    return found


class Point(NamedTuple):
    """One steady decode step, at the middle of a short run."""

    system: str
    batch: int
    """Requests a device."""
    length: int
    """Tokens that each attends to, on average over the run's steps."""
    variants: tuple[str, ...] = ()
    """Names of set_up.yaml's."""
    skew: float = 0.0
    """Zipf's exponent of the experts' popularity."""
    extra: tuple[str, ...] = ()
    """Settings over all of these."""


def system(point: Point) -> Scenario:
    """The scenario of a point, still without its requests."""
    settings = [one for name in point.variants for one in set_up()["variants"][name]]
    if point.skew:
        settings.append(f"experts.popularity={{kind: zipf, exponent: {point.skew}}}")
    return load_scenario(FOLDER / "scenarios" / f"{point.system}.yaml", [*settings, *point.extra])


def scenario(point: Point) -> Scenario:
    """The same with its requests: all come at once, in the cache, and leave at once.

    In n steps a request of p tokens attends to p + 1 ... p + n, on average p + (n + 1) / 2.
    """
    asked = system(point)
    output = asked.workload.output_tokens
    assert isinstance(output, FixedLength)
    pool = asked.deployment.pools[0]
    each = point.batch * pool.attention.tp
    prompt = FixedLength(kind="fixed", tokens=point.length - (output.tokens + 1) // 2)
    requests = each * pool.attention.dp * pool.replicas
    workload = {"requests": requests, "prompt_tokens": prompt}
    return asked.model_copy(
        update={
            "engine": _serving(asked, each).engine,
            "workload": asked.workload.model_copy(update=workload),
        }
    )


def capacity(point: Point) -> int:
    """How many requests all devices hold at a time, whatever the point's batch."""
    asked = system(point)
    [layout, *others] = replica_layouts(asked)
    low, high = 0, 1
    while _fits(asked, layout, high, point.length):
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if _fits(asked, layout, middle, point.length) else (low, middle)
    return low * layout.dp * (1 + len(others))


def fitting(points: Sequence[Point]) -> list[Point]:
    """Those that fit the memory."""
    return [one for one in points if fits(one)]


def fits(point: Point) -> bool:
    """Whether a point's requests fit the memory at a time."""
    asked = system(point)
    layout = replica_layouts(asked)[0]
    return _fits(asked, layout, point.batch * layout.tp, point.length)


def memory(asked: Scenario, layout: ReplicaLayout) -> Footprint:
    """Of each device."""
    return footprint(
        asked.model,
        asked.deployment.precision,
        layout.device,
        asked.engine,
        tp=layout.tp,
        ep=layout.ep,
        expert_tp=layout.expert_tp,
        shared_tp=layout.shared_tp,
    )


def expert_bytes(asked: Scenario) -> float:
    """Weights of routed experts on each device."""
    element_bytes = ELEMENT_BYTES[asked.deployment.precision.weights]
    elements = sum(one.elements for one in tensors(asked.model) if one.split == "experts")
    return element_bytes * elements / len(asked.topology.devices)


def _serving(asked: Scenario, sequences: int) -> Scenario:
    """Every rank decodes so many sequences, and has working space for no more."""
    limits = {"max_sequences": sequences, "max_step_tokens": sequences}
    return asked.model_copy(update={"engine": asked.engine.model_copy(update=limits)})


def _fits(asked: Scenario, layout: ReplicaLayout, sequences: int, length: int) -> bool:
    """Keys and values; and those of all heads, where latent vectors are decompressed to decode."""
    found = memory(_serving(asked, sequences), layout)
    tokens = float(sequences * length)
    needed_bytes = tokens * found.kv_bytes_per_token
    if isinstance(asked.model.attention, LatentAttention) and asked.engine.mla == "expanded":
        precision = asked.deployment.precision
        needed_bytes += float(decompressed_bytes(asked.model, precision, tokens, tp=layout.tp))
    return needed_bytes <= found.kv_bytes
