"""What each key may be alone does not always fit together; the key to change is named."""

from typing import Any

import pytest
from pydantic import ValidationError

from sim.spec.arrivals import VllmArrivals
from sim.spec.base import MisfitError, Spec
from sim.spec.device import DeviceSpec
from sim.spec.lengths import EmpiricalLength, UniformLength
from sim.spec.model import GroupedAttention, ModelSpec, RoutedExperts
from sim.spec.popularity import TablePopularity
from sim.spec.scenario import Deployment, Engine, Pool
from sim.spec.topology import TopologySpec
from sim.spec.workload import Workload

CLIENT = {"rate_per_s": 1.0, "prompt_tokens": 5, "output_tokens": 5}
RAMP = {"ramp_up_strategy": "linear", "ramp_up_start_rps": 1, "ramp_up_end_rps": 2}
GQA = {"kind": "gqa", "heads": 8, "kv_heads": 2, "head_size": 64}
MLA = {
    "kind": "mla",
    "heads": 8,
    "kv_rank": 64,
    "nope_size": 64,
    "rope_size": 32,
    "value_size": 64,
}
LINEAR = {
    "layers": 4,
    "key_heads": 2,
    "value_heads": 4,
    "key_size": 16,
    "value_size": 16,
    "convolution_tokens": 4,
}
EXPERTS = {"experts": 8, "experts_per_token": 2, "intermediate_size": 64}
MODEL = {
    "name": "m",
    "layers": 4,
    "hidden_size": 512,
    "vocabulary": 1000,
    "attention": GQA,
    "source": "made up",
}
DENSE = {**MODEL, "intermediate_size": 2048}
DEVICE = {
    "name": "d",
    "peak_flop_per_s": {"bf16": 1e15},
    "memory_bytes": 8e10,
    "memory_bytes_per_s": 3e12,
    "idle_w": 70.0,
    "peak_w": 700.0,
    "source": "made up",
}
GPU = {"kind": "device", "count": 4, "device": DEVICE}
SWITCH = {"kind": "switch", "count": 2}
LINK = {"between": ("gpu", "switch"), "kind": "x", "bytes_per_s": 1e9, "latency_s": 0.0}
TOPOLOGY = {"name": "t", "groups": {"gpu": GPU, "switch": SWITCH}, "source": "made up"}
DRAWN = {
    "requests": 5,
    "arrivals": {"kind": "at-once"},
    "prompt_tokens": 5,
    "output_tokens": 5,
}
PROFILE = {
    "name": "p",
    "compute_efficiency": 1.0,
    "memory_efficiency": 1.0,
    "network_efficiency": 1.0,
    "kernel_launch_s": 0.0,
    "collective_launch_s": 0.0,
    "step_overhead_s": 0.0,
    "source": "made up",
}


def test_the_parts_of_these_tests_are_good_in_themselves() -> None:
    ModelSpec.model_validate(DENSE)
    ModelSpec.model_validate({**MODEL, "experts": EXPERTS, "attention": MLA})
    TopologySpec.model_validate({**TOPOLOGY, "links": (LINK,)})
    Workload.model_validate(DRAWN)
    Engine.model_validate({"profile": PROFILE})


MISFITS: list[tuple[type[Spec], dict[str, Any], str]] = [
    (GroupedAttention, {**GQA, "heads": 7}, "heads: 7 is no multiple of kv_heads = 2"),
    (RoutedExperts, {**EXPERTS, "expert_groups": 3}, "experts: 8 is no multiple of expert_groups"),
    (RoutedExperts, {**EXPERTS, "groups_per_token": 2}, "groups_per_token: 2 is above"),
    (
        RoutedExperts,
        {**EXPERTS, "expert_groups": 8},
        "experts_per_token: 2 is above the 1 experts that a token can reach",
    ),
    (ModelSpec, MODEL, "intermediate_size: is missing; give it, the model has dense layers"),
    (
        ModelSpec,
        {**MODEL, "experts": {**EXPERTS, "first_dense_layers": 1}},
        "intermediate_size: is missing",
    ),
    (
        ModelSpec,
        {**DENSE, "experts": {**EXPERTS, "first_dense_layers": 4}},
        "experts: first_dense_layers = 4 and every = 1 leave none of the 4 layers",
    ),
    (
        RoutedExperts,
        {**EXPERTS, "shared_gate": True},
        "shared_gate: needs shared_experts",
    ),
    (ModelSpec, {**DENSE, "window": {"tokens": 9, "layers": 5}}, "window.layers: 5 is above"),
    (
        ModelSpec,
        {**DENSE, "linear": LINEAR},
        "linear.layers: 4 must be below the model's 4, so that some layers attend; write fewer",
    ),
    (
        ModelSpec,
        {**DENSE, "linear": {**LINEAR, "layers": 2}, "window": {"tokens": 9, "layers": 3}},
        "window.layers: 3 is above the model's 2 layers that attend",
    ),
    (
        ModelSpec,
        {**DENSE, "linear": {**LINEAR, "key_heads": 3}},
        "value_heads: 4 is no multiple of key_heads = 3",
    ),
    (
        ModelSpec,
        {**DENSE, "attention": {**MLA, "sparse": {"tokens": 9, "heads": 1, "head_size": 8}}},
        "query_rank: is missing",
    ),
    (
        ModelSpec,
        {**DENSE, "attention": MLA, "window": {"tokens": 9, "layers": 1}},
        "window: is not modelled for latent attention",
    ),
    (
        DeviceSpec,
        {**DEVICE, "peak_flop_per_s": {"fp8": 1e15}},
        "peak_flop_per_s: 'bf16' is missing",
    ),
    (DeviceSpec, {**DEVICE, "peak_flop_per_s": {}}, "peak_flop_per_s: 'bf16' is missing"),
    (DeviceSpec, {**DEVICE, "idle_w": 701.0}, "idle_w: 701 W is above peak_w = 700 W"),
    (Engine, {"profile": PROFILE, "max_step_tokens": 9}, "max_step_tokens: 9 is below max_seq"),
    (Deployment, {"pools": [{}, {}]}, "pools.1: name: 'main' is pool 0's too"),
    (TablePopularity, {"kind": "table", "weights": [[1, 2], [1]]}, "weights.1: has 1 weights"),
    (UniformLength, {"kind": "uniform", "low": 5, "high": 4}, "high: 4 is below low = 5"),
    (
        EmpiricalLength,
        {"kind": "empirical", "tokens": [1, 2], "weights": [1]},
        "weights: 1 for 2 tokens",
    ),
    (Workload, {}, "requests: is missing; give requests, arrivals, prompt_tokens, output_tokens"),
    (Workload, {**DRAWN, "limit": 5}, "limit: is given without a 'trace'"),
    (Workload, {**DRAWN, "rate_scale": 2.0}, "rate_scale: is given without a 'trace'"),
    (Workload, {"trace": "a.csv", "requests": 5}, "requests: is given beside a 'trace'"),
    (
        Workload,
        {"trace": "a.csv", "arrivals": {"kind": "fixed", "rate": "1 /s"}},
        "arrivals.kind: 'fixed' beside a 'trace'",
    ),
    (
        Workload,
        {"trace": "a.csv", "rate_scale": 2.0, "arrivals": {"kind": "at-once"}},
        "rate_scale: changes nothing beside arrivals of kind 'at-once'",
    ),
    (Workload, {"trace": "a.csv", "window": ["2 s", "1 s"]}, "window: from 2 s to 1 s"),
    (TopologySpec, {**TOPOLOGY, "groups": {}}, "groups: no group of kind 'device'"),
    (TopologySpec, {**TOPOLOGY, "groups": {"a": SWITCH}}, "groups: no group of kind 'device'"),
    (TopologySpec, {**TOPOLOGY, "groups": {"gpu1": GPU}}, "groups.gpu1: no name for a group"),
    (TopologySpec, {**TOPOLOGY, "groups": {"a>b": GPU}}, "groups.a>b: no name for a group"),
    (TopologySpec, {**TOPOLOGY, "groups": {"a/b": GPU}}, "groups.a/b: no name for a group"),
    (TopologySpec, {**TOPOLOGY, "boxes": 10**12}, "boxes: make 6000000000000 parts in all"),
    (
        TopologySpec,
        {**TOPOLOGY, "groups": {"gpu": {**GPU, "count": 10**12}}},
        "groups: make 1000000000000 parts in all",
    ),
    (
        TopologySpec,
        {
            **TOPOLOGY,
            "groups": {"gpu": {**GPU, "count": 2000}},
            "links": [{**LINK, "between": ["gpu", "gpu"], "pattern": "mesh"}],
        },
        "links: are 1999000 in all",
    ),
    (Workload, {"servegen": "s", "trace": "t"}, "servegen: is given beside a 'trace', which says"),
    (Workload, {"servegen": "s", "requests": 5}, "requests: is given beside a 'servegen', which"),
    (Workload, {"servegen": "s", "time_scale": 2.0}, "time_scale: is given without a 'trace'"),
    (
        Workload,
        {"servegen": "s", "rate_per_s": 1.0, "rate_scale": 2.0},
        "rate_scale: is given beside a rate, which says it; keep one",
    ),
    (Workload, {"trace": "t", "rate_per_s": 1.0}, "rate_per_s: is given without a 'servegen'"),
    (Workload, {"clients": [CLIENT]}, "requests: is missing; give requests"),
    (
        Workload,
        {"clients": [CLIENT], "requests": 1, "prompt_tokens": 5},
        "prompt_tokens: is given beside a 'clients', which says it; leave it out",
    ),
    (VllmArrivals, {"kind": "vllm", "ramp_up_strategy": "linear"}, "ramp_up_start_rps: belongs to"),
    (VllmArrivals, {"kind": "vllm", "ramp_up_end_rps": 5}, "ramp_up_end_rps: belongs to"),
    (
        VllmArrivals,
        {"kind": "vllm", "request_rate_per_s": 1.0, **RAMP},
        "request_rate: is given beside a ramp_up_strategy, which says it; leave it out",
    ),
    (TopologySpec, {**TOPOLOGY, "groups": {"gpu": {**GPU, "per": "cluster"}}}, "per: 'cluster'"),
    (TopologySpec, {**TOPOLOGY, "groups": {"gpu": {"kind": "device"}}}, "'device' without a"),
    (
        TopologySpec,
        {**TOPOLOGY, "groups": {"gpu": {**GPU, "kind": "switch"}}},
        "kind: 'switch' with a 'device'",
    ),
    (
        TopologySpec,
        {**TOPOLOGY, "links": [{**LINK, "between": ["gpu", "hub"]}]},
        "links.0.between: 'hub' is no group; the groups are gpu, switch",
    ),
    (TopologySpec, {**TOPOLOGY, "links": [{**LINK, "pattern": "mesh"}]}, "links.0.pattern: 'mesh'"),
    (
        TopologySpec,
        {**TOPOLOGY, "links": [{**LINK, "between": ["gpu", "gpu"]}]},
        "links.0.pattern: 'all' between gpu and gpu",
    ),
    (
        TopologySpec,
        {**TOPOLOGY, "links": [{**LINK, "pattern": "index"}]},
        "links.0.pattern: 'index' between 4 gpu and 2 switch",
    ),
    (
        TopologySpec,
        {
            **TOPOLOGY,
            "groups": {"gpu": GPU, "switch": {**SWITCH, "count": 3}},
            "links": [{**LINK, "pattern": "blocks"}],
        },
        "links.0.pattern: 'blocks' between 4 and 3 members",
    ),
    (
        TopologySpec,
        {**TOPOLOGY, "links": [{**LINK, "pattern": "blocks", "runs": 4}]},
        "links.0.runs: 4 of 4 gpu and 2 switch; write a divisor of both",
    ),
    (
        TopologySpec,
        {**TOPOLOGY, "links": [{**LINK, "pattern": "stripes"}]},
        "links.0.runs: not given with pattern 'stripes'",
    ),
    (
        TopologySpec,
        {**TOPOLOGY, "links": [{**LINK, "runs": 2}]},
        "links.0.runs: given with pattern 'all'",
    ),
    (
        TopologySpec,
        {**TOPOLOGY, "links": [{**LINK, "pattern": "index", "runs": 2}]},
        "links.0.runs: given with 'index' between groups that stand alike",
    ),
    (
        TopologySpec,
        {
            **TOPOLOGY,
            "boxes": 3,
            "groups": {"gpu": GPU, "switch": {**SWITCH, "count": 8, "per": "cluster"}},
            "links": [{**LINK, "pattern": "index", "runs": 2}],
        },
        "links.0.runs: 2 of 3 boxes with 4 parts each, over 8 of the cluster",
    ),
    (
        TopologySpec,
        {**TOPOLOGY, "links": [{**LINK, "kind": "through"}]},
        "links.0.kind: 'through' is how results call the limits of parts",
    ),
]


@pytest.mark.parametrize(("spec", "keys", "says"), MISFITS, ids=[says for *_, says in MISFITS])
def test_what_does_not_fit_is_refused_at_the_key_to_change(
    spec: type[Spec], keys: dict[str, Any], says: str
) -> None:
    with pytest.raises(ValidationError) as refusal:
        spec.model_validate(keys)

    (problem,) = refusal.value.errors()
    misfit = problem["ctx"]["error"]
    assert isinstance(misfit, MisfitError)
    assert says in str(misfit)
    assert ";" in misfit.text


@pytest.mark.parametrize(
    ("experts", "layers"),
    [
        (None, ()),
        (EXPERTS, (0, 1, 2, 3)),
        ({**EXPERTS, "first_dense_layers": 3}, (3,)),
        ({**EXPERTS, "every": 2}, (1, 3)),
        ({**EXPERTS, "every": 2, "first_dense_layers": 1}, (2,)),
    ],
)
def test_layers_of_experts_come_after_the_dense_ones(
    experts: dict[str, Any] | None, layers: tuple[int, ...]
) -> None:
    assert ModelSpec.model_validate({**DENSE, "experts": experts}).expert_layers == layers


def test_pools_with_names_of_their_own_are_taken() -> None:
    pools = Deployment(pools=(Pool(name="one"), Pool(name="two"))).pools

    assert [pool.name for pool in pools] == ["one", "two"]


def test_numbers_are_multiplied_in_the_next_larger_type_that_the_device_has() -> None:
    device = DeviceSpec.model_validate({**DEVICE, "peak_flop_per_s": {"bf16": 1e15, "fp32": 1e14}})

    assert [device.arithmetic(one) for one in ("fp4", "fp8", "bf16")] == ["bf16"] * 3
    assert device.arithmetic("fp32") == "fp32"


def test_a_type_larger_than_all_that_the_device_has_cannot_be_multiplied() -> None:
    with pytest.raises(ValueError, match="d cannot compute in fp32"):
        DeviceSpec.model_validate(DEVICE).arithmetic("fp32")
