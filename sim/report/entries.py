"""What stands in the catalog: lists of names, and one entry with what follows from it."""

import re
from collections.abc import Callable, Mapping
from math import isclose
from pathlib import Path
from typing import Any

import yaml

from sim.catalog import load
from sim.catalog.files import read_document
from sim.catalog.graph_files import is_graph
from sim.catalog.hugging_face import is_config
from sim.catalog.keys import spelling
from sim.catalog.names import KINDS, SINGULAR, Kind, expanded, is_path, names, plain, suggestion
from sim.catalog.specs import SPECS
from sim.errors import ScenarioError
from sim.network.routes import Network
from sim.physics.memory import kv_bytes_per_token, state_bytes_per_sequence
from sim.physics.parameters import parameters, tensors
from sim.report.texts import header, text
from sim.spec.base import Spec
from sim.spec.device import DeviceSpec
from sim.spec.model import ModelSpec
from sim.spec.scenario import Precision
from sim.spec.topology import TopologySpec
from sim.spec.workload import Workload
from sim.units import SCALES, parse, readable
from sim.workload.requests import requests

Values = Mapping[str, Any]

_LOADERS: Mapping[Kind, Callable[[str], Spec]] = {
    "models": load.load_model,
    "devices": load.load_device,
    "topologies": load.load_topology,
    "workloads": load.load_workload,
    "engines": load.load_profile,
    "scenarios": load.load_scenario,
}
_UNITS = "|".join(re.escape(unit) for unit in SCALES)
_QUANTITY = re.compile(rf"[-+.\de]+ (?P<unit>{_UNITS})")


def kind_named(word: str) -> Kind:
    """The kind that is called so, also in the singular; ScenarioError names the kinds."""
    for kind in KINDS:
        if word in (kind, SINGULAR[kind]):
            return kind
    raise ScenarioError(f"kind {word!r:.60} is not known; {suggestion(word, KINDS)}")


def entries(kind: Kind) -> list[Values]:
    """Every name of this kind, with its description."""
    return [
        {"name": name, "description": _description(str(path), name, kind)}
        for name, path in names(kind).items()
    ]


def entry(reference: str) -> str:
    """NAME, KIND/NAME or a path as YAML that loads again; what follows from it as comments."""
    kind, name = _found(reference)
    spec = _LOADERS[kind](name)
    derived = [f"# {header(key)}: {text(key, value)}" for key, value in _derived(spec).items()]
    resolved = _readable(spec.model_dump(mode="json", exclude_none=True))
    written = [_yaml(key, value) for key, value in resolved.items()]
    return "\n".join([f"# {kind}/{resolved['name']}", *derived, *written])


def _yaml(key: str, value: Any) -> str:
    """A key at the top of a file, with short collections on one line."""
    flow = None if isinstance(value, dict | list) else False
    written = yaml.safe_dump(
        {key: value}, sort_keys=False, default_flow_style=flow, width=100, allow_unicode=True
    )
    return str(written).rstrip()


def _description(path: str, name: str, kind: Kind) -> str:
    try:
        return str(_LOADERS[kind](path).model_dump().get("description", ""))
    except ScenarioError as problem:
        return f"cannot be loaded: {problem}"


def _found(reference: str) -> tuple[Kind, str]:
    prefix, slash, rest = reference.rpartition("/")
    if is_path(rest):
        return _kind_of_file(expanded(reference)), reference
    kinds = (kind_named(prefix),) if slash else KINDS
    found = [kind for kind in kinds if _has(kind, plain(rest))]
    if len(found) == 1:
        return found[0], plain(rest)
    if found:
        written = " or ".join(f"{kind}/{plain(rest)}" for kind in found)
        raise ScenarioError(f"{reference!r:.60} is more than one thing; write {written}")
    known = dict.fromkeys(name for kind in kinds for name in names(kind))
    raise ScenarioError(
        f"{reference!r:.60} is not in the catalog; {suggestion(plain(rest), known)}"
    )


def _kind_of_file(path: Path) -> Kind:
    """Its folder's; else that with its base and most of its keys."""
    mapping = read_document(path).mapping
    folder = path.resolve().parent.name
    if folder in KINDS:
        return kind_named(folder)
    if is_config(mapping):
        return "models"
    if is_graph(mapping):
        return "topologies"

    def knows(kind: Kind) -> int:
        fields = dict.fromkeys(SPECS[kind].model_fields)
        keys = sum(spelling(fields, str(key)) is not None for key in mapping)
        return keys + (plain(str(mapping.get("base"))) in names(kind))

    return max(KINDS, key=knows)


def _has(kind: Kind, name: str) -> bool:
    if name in names(kind):
        return True
    devices = names(kind) if kind == "devices" else {}
    return any(name in load.load_device(one).aliases for one in devices)


def _derived(spec: Spec) -> Values:
    match spec:
        case ModelSpec():
            return _of_model(spec)
        case DeviceSpec():
            return {
                f"ridge_in_{element}_flop_per_byte": peak_flop_per_s / spec.memory_bytes_per_s
                for element, peak_flop_per_s in spec.peak_flop_per_s.items()
            }
        case TopologySpec():
            return _of_topology(spec)
        case Workload():
            return _of_workload(spec)
        case _:
            return {}


def _of_model(model: ModelSpec) -> Values:
    routed = sum(one.elements for one in tensors(model) if one.split == "experts")
    experts = model.experts
    unused = routed * (1 - experts.experts_per_token / experts.experts) if experts else 0.0
    total = parameters(model)
    states_bytes = state_bytes_per_sequence(model, Precision())
    states = {"states_of_a_sequence_bytes": states_bytes} if model.linear else {}
    return {
        "parameters": total,
        "parameters_that_a_token_passes": round(total - unused),
        "KV_cache_of_a_token_in_bf16_bytes": kv_bytes_per_token(model, Precision()),
        "KV_cache_of_a_token_in_fp8_bytes": kv_bytes_per_token(model, Precision(kv="fp8")),
    } | states


def _of_topology(topology: TopologySpec) -> Values:
    network = Network.of(topology)
    kinds = {device.name for device in topology.devices}
    links: dict[str, list[str]] = {}
    for kind, speed in zip(network.link_kinds, network.capacity_bytes_per_s, strict=True):
        links.setdefault(kind, []).append(readable(float(speed), "B/s"))
    return {"devices": f"{network.devices} x {', '.join(sorted(kinds))}"} | {
        # Both directions of a link count, as they do in the frame of links.
        f"{kind}_links": f"{len(speeds)} of {', '.join(dict.fromkeys(speeds))} (one direction)"
        for kind, speeds in links.items()
    }


def _of_workload(workload: Workload) -> Values:
    arriving = requests(workload, seed=1)
    prompts = [one.prompt_tokens for one in arriving]
    outputs = [one.output_tokens for one in arriving]
    arrivals_s = [one.arrival_s for one in arriving if one.arrival_s is not None]
    return {
        "requests": len(arriving),
        "mean_prompt_tokens": sum(prompts) / len(prompts),
        "mean_output_tokens": sum(outputs) / len(outputs),
        "last_arrival_s": max(arrivals_s, default=None),
    }


def _readable(value: Any) -> Any:
    """Quantities with a fitting prefix, where that takes no more than four digits."""
    if isinstance(value, dict):
        return {key: _readable(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_readable(inner) for inner in value]
    match = _QUANTITY.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        return value
    unit = match["unit"]
    short = readable(parse(value, unit), unit)
    return short if isclose(parse(short, unit), parse(value, unit), rel_tol=1e-9) else value
