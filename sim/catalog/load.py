"""Scenarios and their parts by name, by path or as mappings; the only way in from files."""

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from sim.catalog.entries import Entry, Origin, entry_of, inner, with_base
from sim.catalog.files import Location, read_document
from sim.catalog.graph_files import is_graph, topology_keys
from sim.catalog.names import Kind, expanded, folders, is_file, is_folder
from sim.catalog.overrides import override
from sim.catalog.problems import refuse, short, shown_path
from sim.errors import ScenarioError, one_line
from sim.spec.base import FROM_FILE, Spec
from sim.spec.device import DeviceSpec
from sim.spec.engine_profile import EngineProfile
from sim.spec.model import ModelSpec
from sim.spec.scenario import Scenario
from sim.spec.topology import TopologySpec
from sim.spec.workload import Workload

Reference = str | Path | Mapping[str, Any]
"""A name of the catalog, a path, or the keys themselves."""

_Spec = TypeVar("_Spec", bound=Spec)
_TRACES = (".csv", ".csv.gz", ".jsonl", ".jsonl.gz", ".json", ".json.gz")


def load_scenario(reference: Reference, overrides: Sequence[str] = ()) -> Scenario:
    """A scenario with all its names resolved; `overrides` are texts like 'seed=2'."""
    entry = _of_manifest(_entry("scenarios", reference))
    mapping = copy.deepcopy(entry.mapping)
    entry = replace(entry, mapping=mapping, settings=override(mapping, overrides))
    mapping["model"] = _part("models", ModelSpec, entry, ("model",))
    mapping["topology"] = _topology_part(entry)
    mapping["workload"] = _workload_part(entry)
    mapping["experts"] = _experts_part(entry)
    engine = mapping.get("engine")
    if isinstance(engine, Mapping) and "profile" in engine:
        profile = _part("engines", EngineProfile, entry, ("engine", "profile"))
        mapping["engine"] = {**engine, "profile": profile}
    return _made(Scenario, replace(entry, mapping=_without_nothing(mapping)))


def _of_manifest(entry: Entry) -> Entry:
    """The scenario in the manifest of a run, where it stands beside versions and the seed."""
    scenario = entry.mapping.get("scenario")
    if isinstance(scenario, Mapping) and "versions" in entry.mapping:
        return inner(entry, ("scenario",), dict(scenario))
    return entry


def load_model(reference: Reference) -> ModelSpec:
    """A model."""
    return _made(ModelSpec, _entry("models", reference))


def load_device(reference: Reference) -> DeviceSpec:
    """A device, also by one of its aliases."""
    return _made(DeviceSpec, _entry("devices", reference))


def load_topology(reference: Reference) -> TopologySpec:
    """A topology with its devices."""
    return _topology(_entry("topologies", reference))


def load_profile(reference: Reference) -> EngineProfile:
    """An engine profile."""
    return _made(EngineProfile, _entry("engines", reference))


def load_workload(reference: Reference) -> Workload:
    """A workload; of one with a trace, the trace's file is found but not read."""
    return _workload(_entry("workloads", reference))


def _entry(kind: Kind, reference: Reference) -> Entry:
    if isinstance(reference, Mapping):
        mapping = dict(reference)
        origin = Origin(mapping, kind.removesuffix("s"), Path.cwd(), {})
        return with_base(kind, Entry(mapping, (origin,), None))
    if kind == "workloads" and str(reference).endswith(_TRACES):
        return _entry(kind, {"trace": str(reference)})
    return entry_of(kind, str(reference), Path.cwd())


def _part(kind: Kind, spec: type[_Spec], outer: Entry, location: Location) -> _Spec | Any:
    """What stands at this place, made into its spec; what cannot be one is left for the check."""
    found = _referred(kind, outer, location)
    return _made(spec, found) if isinstance(found, Entry) else found


def _topology_part(outer: Entry) -> TopologySpec | Any:
    found = _referred("topologies", outer, ("topology",))
    return _topology(found) if isinstance(found, Entry) else found


def _workload_part(outer: Entry) -> Workload | Any:
    given = outer.mapping.get("workload")
    name, keys = (given.get("base"), given) if isinstance(given, Mapping) else (given, {})
    if isinstance(name, str) and name.endswith(_TRACES):
        own = {key: value for key, value in keys.items() if key != "base"}
        return _workload(inner(outer, ("workload",), {"trace": name, **own}))
    found = _referred("workloads", outer, ("workload",))
    return _workload(found) if isinstance(found, Entry) else found


def _referred(kind: Kind, outer: Entry, location: Location) -> Entry | Any:
    """The entry behind a name, a path or a mapping."""
    value: Any = outer.mapping
    for key in location:
        value = value.get(key) if isinstance(value, Mapping) else None
    if isinstance(value, Mapping):
        return with_base(kind, inner(outer, location, dict(value)))
    if value is None or isinstance(value, Spec):
        return value
    value = str(value) if isinstance(value, Path) else value
    where = f"{outer.where(location)}: {'.'.join(shown_path(location, outer))}"
    if not isinstance(value, str):
        raise ScenarioError(
            f"{where}: {short(value)} is not a name, a path or a mapping; write one"
        )
    try:
        return entry_of(kind, value, outer.origin(location).folder)
    except ScenarioError as problem:
        raise ScenarioError(f"{where}: {problem}") from None


def _topology(entry: Entry) -> TopologySpec:
    mapping = _with_graph(entry)
    entry = replace(entry, mapping=mapping)
    groups = mapping.get("groups")
    if isinstance(groups, Mapping):
        mapping["groups"] = {
            name: _group(entry, str(name), group) for name, group in groups.items()
        }
    return _made(TopologySpec, replace(entry, mapping=mapping))


def _with_graph(entry: Entry) -> dict[str, Any]:
    """A topology's keys, with the graph that it is, has or names; its devices are found."""
    mapping = dict(entry.mapping)
    if is_graph(mapping):
        mapping = topology_keys(mapping, entry.origin(("nodes",)).file)
    elif isinstance(mapping.get("graph"), str):
        where = f"{entry.where(('graph',))}: graph"
        try:
            document = read_document(entry.origin(("graph",)).folder / expanded(mapping["graph"]))
        except ScenarioError as problem:
            raise ScenarioError(f"{where}: {problem}") from problem
        if not is_graph(document.mapping):
            raise ScenarioError(f"{where}: {document.name} holds no graph of NetworkX; name one")
        read = topology_keys(document.mapping, document.name)
        mapping = {**read, **mapping, "graph": read["graph"]}
    if isinstance(mapping.get("graph"), Mapping):
        mapping["graph"] = _with_devices(replace(entry, mapping=mapping))
    return mapping


def _with_devices(entry: Entry) -> dict[str, Any]:
    """A graph whose nodes' devices are found: in its own `devices`, else in the catalog."""
    graph = dict(entry.mapping["graph"])
    nodes, own = graph.get("nodes"), graph.get("devices") or {}
    if not isinstance(nodes, list) or not isinstance(own, Mapping):
        return graph
    named = (one.get("device") for one in nodes if isinstance(one, Mapping))
    graph["devices"] = {**{one: one for one in named if isinstance(one, str)}, **own}
    full = replace(entry, mapping={**entry.mapping, "graph": graph})
    graph["devices"] = {
        name: _part("devices", DeviceSpec, full, ("graph", "devices", name))
        for name in graph["devices"]
    }
    return graph


def _group(entry: Entry, name: str, group: Any) -> Any:
    if not isinstance(group, Mapping) or group.get("device") is None:
        return group
    return {**group, "device": _part("devices", DeviceSpec, entry, ("groups", name, "device"))}


def _workload(entry: Entry) -> Workload:
    mapping = dict(entry.mapping)
    for key, is_there in (("trace", is_file), ("servegen", is_folder)):
        if isinstance(mapping.get(key), str):
            path = _near(entry, key, mapping[key], is_there)
            mapping[key] = str(path)
            entry = replace(entry, stem=entry.stem or path.name.partition(".")[0])
    return _made(Workload, replace(entry, mapping=mapping))


def _experts_part(outer: Entry) -> Any:
    """The experts with the path of a recorded routing, if there is one."""
    experts: Any = outer.mapping.get("experts")
    popularity: Any = experts.get("popularity") if isinstance(experts, Mapping) else None
    given = popularity.get("file") if isinstance(popularity, Mapping) else None
    if not isinstance(given, str):
        return experts
    location = ("experts", "popularity", "file")
    near = outer.origin(location).folder
    for folder in (near, Path.cwd()):
        path = folder / expanded(given)
        if is_file(path):
            return {**experts, "popularity": {**popularity, "file": str(path.resolve())}}
    raise ScenarioError(
        f"{outer.where(location)}: {'.'.join(shown_path(location, outer))}: {short(given)} is no "
        f"file in {one_line(str(near))} or the working folder; give the path of a recorded routing"
    )


def _near(entry: Entry, key: str, given: str, is_there: Callable[[Path], bool]) -> Path:
    near = entry.origin((key,)).folder
    for folder in (near, Path.cwd(), *folders("workloads")):
        path = folder / expanded(given)
        if is_there(path):
            return path.resolve()
    what = "a trace's file" if key == "trace" else "a folder with chunk-0-trace.csv"
    raise ScenarioError(
        f"{entry.where((key,))}: {'.'.join(shown_path((key,), entry))}: {short(given)} is no "
        f"{'file' if key == 'trace' else 'folder'} in {one_line(str(near))}, the working folder or "
        f"the workloads folders; give the path of {what}"
    )


def _made(spec: type[_Spec], entry: Entry) -> _Spec:
    mapping = dict(entry.mapping)
    mapping.setdefault("name", entry.stem or "inline")
    try:
        return spec.model_validate(mapping, context=FROM_FILE)
    except ValidationError as error:
        raise refuse(error, spec, entry) from None
    except UnicodeEncodeError as error:
        # From Python or the command line; files are checked when they are read.
        raise ScenarioError(
            f"{entry.where(())}: {error.object!a} is not text in UTF-8; write it anew"
        ) from None


def _without_nothing(mapping: Mapping[str, Any]) -> dict[str, Any]:
    """Without the parts that were not given, so that they are reported as missing."""
    parts = ("model", "topology", "workload", "experts")
    return {key: value for key, value in mapping.items() if key not in parts or value is not None}
