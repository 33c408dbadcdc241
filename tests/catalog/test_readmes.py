"""What the folders' READMEs say: their examples load, and their tables have every key."""

import re
from pathlib import Path
from typing import Any

import pytest

import sim
from sim.catalog.load import load_scenario, load_topology, load_workload
from sim.spec.base import Spec
from sim.spec.device import DeviceSpec
from sim.spec.engine_profile import EngineProfile
from sim.spec.experts import Experts, Rebalance
from sim.spec.model import (
    GroupedAttention,
    LatentAttention,
    LinearAttention,
    ModelSpec,
    RoutedExperts,
)
from sim.spec.network_events import DegradedLink, FailedLink, Movement
from sim.spec.popularity import Drift
from sim.spec.scenario import (
    AttentionParallel,
    Deployment,
    Engine,
    ExpertParallel,
    Pool,
    Precision,
    Record,
    Scenario,
    Slo,
)
from sim.spec.topology import Group, Join, TopologySpec
from sim.spec.workload import ClientGroup, Workload
from sim.workload.requests import requests
from tests.catalog.scenario_files import written
from tests.catalog.test_shipped import LOADERS

TREE = Path(sim.__file__).parent.parent
CATALOG = (TREE / "sim" / "catalog" / "README.md").read_text()
TOPOLOGIES = (TREE / "topologies" / "README.md").read_text()
WORKLOADS = (TREE / "workloads" / "README.md").read_text()

SPECS: list[tuple[str, str, type[Spec]]] = [
    (CATALOG, "", DeviceSpec),
    (CATALOG, "", ModelSpec),
    (CATALOG, "", GroupedAttention),
    (CATALOG, "", LatentAttention),
    (CATALOG, "", LinearAttention),
    (CATALOG, "", RoutedExperts),
    (CATALOG, "", EngineProfile),
    (CATALOG, "", Scenario),
    (CATALOG, "engine.", Engine),
    (CATALOG, "experts.", Experts),
    (CATALOG, "experts.drift.", Drift),
    (CATALOG, "experts.rebalance.", Rebalance),
    (CATALOG, "deployment.", Deployment),
    (CATALOG, "", Precision),
    (CATALOG, "slo.", Slo),
    (CATALOG, "record.", Record),
    (CATALOG, "", Pool),
    (CATALOG, "", FailedLink),
    (CATALOG, "", DegradedLink),
    (CATALOG, "", Movement),
    (CATALOG, "attention.", AttentionParallel),
    (CATALOG, "experts.", ExpertParallel),
    (TOPOLOGIES, "", TopologySpec),
    (TOPOLOGIES, "", Group),
    (TOPOLOGIES, "", Join),
    (WORKLOADS, "", Workload),
    (WORKLOADS, "", ClientGroup),
]


def blocks(readme: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", readme, re.MULTILINE | re.DOTALL)


@pytest.fixture(autouse=True)
def _empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("text", blocks(CATALOG, "yaml"))
def test_an_example_of_the_catalog_loads(tmp_path: Path, text: str) -> None:
    kind = text.partition("\n")[0].removeprefix("# kind: ")
    written(tmp_path / kind / "mine.yaml", text)

    assert LOADERS[kind]("mine").name == "mine"


@pytest.mark.parametrize("text", blocks(TOPOLOGIES, "yaml"))
def test_an_example_of_a_topology_loads_and_serves(tmp_path: Path, text: str) -> None:
    written(tmp_path / "topologies" / "mine.yaml", text)

    assert len(load_topology("mine").devices) in (8, 32)


@pytest.mark.parametrize("text", blocks(WORKLOADS, "yaml"))
def test_an_example_of_a_workload_loads_and_has_requests(tmp_path: Path, text: str) -> None:
    (trace,) = blocks(WORKLOADS, "csv")
    written(tmp_path / "workloads" / "my-trace.csv", trace)
    written(tmp_path / "workloads" / "mine.yaml", text)

    assert len(requests(load_workload("mine"), 1)) in (3, 100)


def test_every_form_of_arrivals_and_lengths_in_the_tables_is_taken() -> None:
    forms = re.findall(r"^\| `(.*?)` (?:or `(.*?)` )?\|", WORKLOADS, re.MULTILINE)
    given = [form for pair in forms for form in pair if form.startswith(("{", "1"))]
    datasets = [form for form in given if "_len" in form]
    drawn = ["workload=fixed-1k-128", "workload.prompt_tokens=", "workload.output_tokens="]

    for form in datasets:
        load_scenario("chat-llama-70b", [*drawn, f"workload.dataset={form}"])
    for form in (form for form in given if form not in datasets):
        is_arrival = "rate" in form or "at-once" in form or "loop" in form
        key = "arrivals" if is_arrival else "prompt_tokens"
        load_scenario("chat-llama-70b", ["workload=chat", f"workload.{key}={form}"])
    assert (len(given), len(datasets)) == (14, 2)


def test_every_form_of_popularity_in_the_table_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "routes.csv").touch()
    forms = re.findall(r"^\| `(\{kind.*?)` \|", CATALOG, re.MULTILINE)

    kinds = {
        load_scenario("chat-deepseek-r1", [f"experts.popularity={form}"]).experts.popularity.kind
        for form in forms
    }

    assert kinds == {"uniform", "zipf", "lognormal", "dirichlet", "table", "trace"}


def test_the_settings_in_the_text_are_taken() -> None:
    texts = re.findall(r'--set "?([^\s"`]+=(?:"[^"]+"|[^\s"`]+))', CATALOG)
    settings = [text.replace('"', "") for text in texts if "my-card" not in text]

    loaded = load_scenario("chat-llama-70b", [one for one in settings if one != "KEY=VALUE"])

    assert (loaded.model.layers, loaded.topology.links[0].count) == (60, 12)


@pytest.mark.parametrize(
    ("readme", "prefix", "spec"), SPECS, ids=[spec.__name__ for *_, spec in SPECS]
)
def test_every_key_is_in_a_table(readme: str, prefix: str, spec: type[Spec]) -> None:
    rows = [line for line in readme.splitlines() if line.startswith("|")]
    shown = set(re.findall(r"`([a-z_0-9.]+)`", "\n".join(row for row in rows)))
    nested = {name.partition(".")[0] for name in shown}

    missing = [name for name in spec.model_fields if prefix + name not in shown | nested]

    assert missing == []


DEFAULTS: list[tuple[str, str, Any]] = [
    ("engine.", CATALOG, Engine),
    ("", TOPOLOGIES, Group),
    ("", TOPOLOGIES, Join),
    ("experts.", CATALOG, Experts),
]


@pytest.mark.parametrize(("prefix", "readme", "spec"), DEFAULTS)
def test_defaults_are_those_of_the_specs(prefix: str, readme: str, spec: type[Spec]) -> None:
    for name, field in spec.model_fields.items():
        row = next(line for line in readme.splitlines() if line.startswith(f"| `{prefix}{name}`"))
        shown = row.rstrip(" |").rpartition("|")[2].strip().strip("`")
        if isinstance(field.default, bool):
            assert shown == str(field.default).lower()
        elif isinstance(field.default, int | float | str):
            assert shown.removesuffix(" B") in (
                str(field.default),
                f"{field.default:g}" if not isinstance(field.default, str) else "",
            )
