"""Every kind of file there is, with a good file of it and what the commands do with one."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import networkx as nx

from sim.catalog import load
from sim.network.routes import Network
from sim.study.ready import ready_scenario
from sim.workload.requests import requests
from sim.workload.traces.read import read_trace
from tests.catalog.hugging_face_configs import GOLDEN
from tests.workload.traces.test_formats import SAMPLES

SCENARIO = """\
description: &d Two replicas of a small mixture.
model:
  layers: 2
  hidden_size: 64
  vocabulary: 100
  attention: {kind: gqa, heads: 4, kv_heads: 2, head_size: 16}
  experts: {experts: 8, experts_per_token: 2, intermediate_size: 32}
  source: made up
topology:
  boxes: 2
  groups:
    gpu:
      kind: device
      count: 2
      device:
        peak_flop_per_s: {bf16: 1 PFLOP/s, fp8: 2 PFLOP/s}
        memory: 96 GB
        memory_bytes_per_s: 4 TB/s
        idle_w: 60 W
        peak: 600 W
        source: made up
    switch: {kind: switch, per: cluster, through: 900 GB/s}
  links:
    - {between: [gpu, switch], kind: x, bytes_per_s: 1 GB/s, latency: 1 us}
  source: {links.0: *d}
deployment:
  router: round-robin
  pools:
    - {replicas: 2, attention: {tp: 1, dp: 2}, experts: {ep: 2}}
  precision: {weights: fp8}
engine: {profile: plain, max_sequences: 8, max_step_tokens: 64, memory_share: 0.8}
experts: {popularity: {kind: zipf, exponent: 0.5}, dispatch: per-device, draws: expert}
workload:
  requests: 5
  arrivals: {kind: gamma, rate: 4 /s, burstiness: 0.5}
  prompt_tokens: {kind: uniform, low: 1, high: 20}
  output_tokens: 4
slo: {ttft: 1 s}
until: 9 s
seed: 1
"""
MODEL = """\
description: DeepSeek-like, with everything.
layers: 6
hidden_size: 512
vocabulary: 1000
attention:
  {kind: mla, heads: 8, query_rank: 64, kv_rank: 32, nope_size: 16, rope_size: 8, value_size: 16}
intermediate_size: 2048
norms_per_layer: 4
experts:
  experts: 64
  experts_per_token: 4
  intermediate_size: 128
  shared_experts: 1
  first_dense_layers: 1
  expert_groups: 8
  groups_per_token: 4
  router_bias: true
source: {layers: made up}
"""
DEVICE = """\
description: A card.
aliases: [my-card]
peak_flop_per_s: {bf16: 1 PFLOP/s, fp8: 2 PFLOP/s}
memory: 96 GB
memory-bytes-per-s: 4 TB/s
idle: 50 W
peak: 500 W
node: dgx-h100
source: made up
"""
ENGINE = """\
compute_efficiency: 0.85
memory_efficiency: 0.9
network_efficiency: 0.7
kernel_launch: 2 us
collective_launch_s: 5 us
step_overhead_s: 100 us
source: {kernel_launch: made up}
"""
TOPOLOGY = """\
boxes: 2
groups:
  gpu: {kind: device, count: 4, device: h200-sxm}
  nvswitch: {kind: switch, reduces: true, through_bytes_per_s: 2 TB/s}
  nic: {kind: nic, count: 4}
  leaf: {kind: switch, count: 4, per: cluster}
links:
  - {between: [gpu, nvswitch], kind: nvlink4, bytes_per_s: 450 GB/s, latency_s: 0.4 us}
  - {between: [gpu, nic], pattern: index, kind: pcie5, bytes_per_s: 63 GB/s, latency_s: 0.5 us}
  - {between: [nic, leaf], pattern: index, kind: ndr, bytes_per_s: 400 Gb/s, latency_s: 0.3 us}
  - {between: [leaf, leaf], pattern: torus, shape: [2, 2], kind: o, bytes_per_s: 1GB/s, latency: 0s}
source: made up
"""
NODE_LINK = """\
{"directed": false, "multigraph": true, "graph": {"description": "A pair.", "devices": {"d": {
  "base": "h100-sxm", "memory_bytes": "90 GB"}}},
 "nodes": [
  {"id": "a", "kind": "device", "device": "d", "box": 0},
  {"id": 7, "kind": "device", "device": "h200-sxm", "box": 1, "group": "right"},
  {"id": "hub", "kind": "switch", "reduces": true, "through_bytes_per_s": 1e12}],
 "edges": [
  {"source": "a", "target": "hub", "bytes_per_s": 2.5e10, "latency_s": 1e-6, "key": 0},
  {"source": "a", "target": "hub", "bytes_per_s": 2.5e10, "latency_s": 1e-6, "key": 1},
  {"source": 7, "target": "hub", "kind": "x", "count": 2, "bytes_per_s": "25 GB/s",
   "latency_s": "1 us", "key": 0}]}
"""
WORKLOAD = """\
requests: 20
arrivals: {kind: closed-loop, concurrency: 4, think: 1 s}
prompt_tokens: {kind: lognormal, mean: 115, cv: 1.0, most: 819}
output_tokens: {kind: empirical, tokens: [3, 4], weights: [1, 2]}
source: {arrivals: made up}
"""


class FileKind(NamedTuple):
    """Files of one kind."""

    name: str
    """What it is called where it is written."""
    good: tuple[bytes, ...]
    use: Callable[[Path], object]
    """What the commands do with one."""


def _workload(path: Path) -> object:
    workload = load.load_workload(path)
    # Ten million requests may be asked for, and take their time.
    is_short = workload.requests is None or workload.requests < 10_000
    return requests(workload, seed=1) if is_short else workload


def _topology(path: Path) -> object:
    return Network.of(load.load_topology(path))


def _graphml() -> bytes:
    graph = nx.Graph(description="A pair.")
    graph.add_node("a", kind="device", device="h100-sxm", box=0)
    graph.add_node("b", kind="device", device="h200-sxm", box=1)
    graph.add_node("hub", kind="switch", reduces=True, through_bytes_per_s=1e12)
    graph.add_edge("a", "hub", bytes_per_s=2.5e10, count=18, latency_s=1e-6, kind="x")
    graph.add_edge("b", "hub", bytes_per_s="25 GB/s", latency_s="1 us", kind="x")
    return "\n".join(nx.generate_graphml(graph)).encode()


def _config(config: dict[str, Any]) -> bytes:
    return json.dumps(config, indent=1).encode()


KINDS: dict[str, FileKind] = {
    "scenario": FileKind("mine.yaml", (SCENARIO.encode(),), ready_scenario),
    "model": FileKind("mine.yaml", (MODEL.encode(),), load.load_model),
    "device": FileKind("mine.yaml", (DEVICE.encode(),), load.load_device),
    "engine": FileKind("mine.yaml", (ENGINE.encode(),), load.load_profile),
    "topology": FileKind("mine.yaml", (TOPOLOGY.encode(),), _topology),
    "node-link": FileKind("mine.json", (NODE_LINK.encode(),), _topology),
    "graphml": FileKind("mine.graphml", (_graphml(),), _topology),
    "workload": FileKind("mine.yaml", (WORKLOAD.encode(),), _workload),
    "config.json": FileKind(
        "config.json", tuple(_config(config) for config, _ in GOLDEN.values()), load.load_model
    ),
    **{
        name: FileKind(
            "mine.csv" if "," in text[:20] else "mine.jsonl", (text.encode(),), read_trace
        )
        for name, text in SAMPLES.items()
    },
}
