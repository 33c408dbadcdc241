from pathlib import Path
from typing import Any

import pytest

from sim.catalog.load import load_scenario

from .scenario_files import SCENARIO, refusal, written


@pytest.fixture(autouse=True)
def scenario(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    written(tmp_path / "t.csv", "arrival_s,prompt_tokens,output_tokens\n0,1,1\n")
    written(tmp_path / "traced.yaml", "base: ./s.yaml\nworkload: t.csv\n")
    return written(tmp_path / "s.yaml", SCENARIO)


def dug(value: Any, path: str) -> Any:
    for key in path.split("."):
        at = value[int(key)] if key.isdigit() else None
        value = (
            (value[key] if isinstance(value, dict) else getattr(value, key)) if at is None else at
        )
    return value


@pytest.mark.parametrize(
    ("setting", "path", "value"),
    [
        ("seed=2", "seed", 2),
        ("seed = 2", "seed", 2),
        ("slo.ttft=2 s", "slo.ttft_s", 2),
        ("slo.ttft_s=2 s", "slo.ttft_s", 2),
        ("slo.tpot=50 ms", "slo.tpot_s", 0.05),
        ("max-requests=7", "max_requests", 7),
        ("description=a=b", "description", "a=b"),
        ("deployment.pools.0.replicas=3", "deployment.pools.0.replicas", 3),
        ("deployment.pools.0.attention={tp: 4}", "deployment.pools.0.attention.tp", 4),
        ("deployment.pools=[{attention: {tp: 2}}]", "deployment.pools.0.attention.tp", 2),
        ("model=llama-3.1-8b", "model.name", "llama-3.1-8b"),
        ("model.layers=16", "model.layers", 16),
        ("model.layers=16", "model.hidden_size", 4096),
        ("model={base: llama-3.1-8b, layers: 3}", "model.layers", 3),
        ("topology=pcie-gen5-8", "topology.name", "pcie-gen5-8"),
        ("topology.groups.gpu.device=b200-sxm", "topology.groups.gpu.device.name", "b200-sxm"),
        (
            "topology.groups.gpu.device.memory=90 GB",
            "topology.groups.gpu.device.memory_bytes",
            9e10,
        ),
        ("topology.links.0.bytes_per_s=300 GB/s", "topology.links.0.bytes_per_s", 300e9),
        ("topology.links.2.latency=1 us", "topology.links.2.latency_s", 1e-6),
        ("engine.profile=ideal", "engine.profile.name", "ideal"),
        ("engine.profile.memory_efficiency=0.5", "engine.profile.memory_efficiency", 0.5),
        ("experts.popularity={kind: uniform}", "experts.popularity.kind", "uniform"),
        ("workload=closed-loop", "workload.arrivals.concurrency", 64),
        ("workload.arrivals.rate=5 /s", "workload.arrivals.rate_per_s", 5),
        ("workload.prompt_tokens=3", "workload.prompt_tokens.tokens", 3),
        ("workload.prompt-tokens.high=99", "workload.prompt_tokens.high", 99),
        ("until=1e1 s", "until_s", 10),
    ],
)
def test_a_setting_changes_one_key(scenario: Path, setting: str, path: str, value: Any) -> None:
    assert dug(load_scenario(scenario, [setting]), path) == value


@pytest.mark.parametrize("setting", ["workload.limit=1", "workload={base: t.csv, limit: 1}"])
def test_keys_are_set_on_a_trace_too(scenario: Path, setting: str) -> None:
    workload = load_scenario("traced.yaml", [setting]).workload

    assert (workload.limit, Path(str(workload.trace)).name) == (1, "t.csv")


def test_a_group_with_a_dash_is_reached(scenario: Path) -> None:
    settings = ["topology=pcie-gen5-8", "topology.groups.pcie-switch.through=80 GB/s"]

    groups = load_scenario(scenario, settings).topology.groups

    assert list(groups) == ["gpu", "pcie-switch", "cpu"]
    assert groups["pcie-switch"].through_bytes_per_s == 80e9


def test_later_settings_are_applied_after_earlier_ones(scenario: Path) -> None:
    settings = ["model=deepseek-r1", "model.layers=5", "seed=2", "seed=3"]

    loaded = load_scenario(scenario, settings)

    assert (loaded.model.name, loaded.model.layers, loaded.seed) == ("deepseek-r1", 5, 3)


def test_settings_leave_the_given_mapping_alone() -> None:
    given = {"base": "chat-llama-70b", "deployment": {"pools": [{"attention": {"tp": 8}}]}}

    load_scenario(given, ["deployment.pools.0.attention.tp=4"])

    assert given["deployment"] == {"pools": [{"attention": {"tp": 8}}]}


@pytest.mark.parametrize("setting", ["", "seed", "=", "=1", "a..b=1", ".a=1", "a.=1", "seed 2"])
def test_what_is_no_setting_is_one_line(scenario: Path, setting: str) -> None:
    assert refusal(scenario, setting) == [
        f"--set {setting}: not KEY=VALUE; write for example seed=2"
    ]


@pytest.mark.parametrize(
    ("setting", "says"),
    [
        ("sed=2", "sed: unknown key; did you mean 'seed'?"),
        ("seed=two", "seed: 'two' is not a whole number; write one"),
        ("seed=", "seed: None is not a whole number; write one"),
        ("seed=[", "did not find expected node content; mend the YAML"),
        ("seed=" + "[" * 100_000, "nested deeper than 40 levels"),
        ("seed=" + "9" * 5000, "Exceeds the limit"),
        ("seed=!!bool x", "the tag 'tag:yaml.org,2002:bool' is not read"),
        ("foo.bar=1", "foo: unknown key"),
        ("seed.a=1", "seed is 1, which has no keys; set seed"),
        ("slo={ttft: 2}", "slo.ttft: 2 is not a number and a unit"),
        ("slo.ttft=2 sec", "slo.ttft: unit 'sec' is not one of"),
        ("slo.ttft=-2 s", "slo.ttft: '-2 s' must be above 0"),
        ("deployment.pools.1.replicas=1", "'1' is not one of its 1 entries; write a number from 0"),
        ("deployment.pools.first.replicas=1", "'first' is not one of its 1 entries"),
        ("deployment.pools.²=1", "'²' is not one of its 1 entries"),
        ("deployment.pools." + "9" * 5000 + "=1", "is not one of its 1 entries"),
        ("deployment.pools.0.attention.tp=0", "deployment.pools.0.attention.tp: 0 must be above 0"),
        (
            "deployment.pools.0.devices=[]",
            "deployment.pools.0.devices: [] holds 0; give at least 1",
        ),
        ("model=mixtral-8x7", "model: 'mixtral-8x7' is none of the models; did you mean"),
        ("model=./none.yaml", "model: none.yaml: no such file"),
        ("model=5", "model: 5 is not a name, a path or a mapping; write one"),
        ("model.layers=0", "model.layers: 0 must be above 0"),
        ("model.experts.experts=7.5", "model.experts.experts: 7.5 is not a whole number"),
        ("topology.boxes=1000000000000", "topology.boxes: make 17000000000008 parts in all"),
        ("topology.links.7.kind=x", "topology.links.7: no such entry, the base's list has 3"),
        ("topology.groups.gpu.device=h10", "topology.groups.gpu.device: 'h10' is none of the dev"),
        ("engine.profile.memory_efficiency=2", "engine.profile.memory_efficiency: 2 must be at mo"),
        ("workload=none.csv", "workload.trace: 'none.csv' is no file in"),
        ("workload.limit=5", "workload.limit: is given without a 'trace'"),
    ],
)
def test_a_fault_in_a_setting_is_said_of_the_setting(
    scenario: Path, setting: str, says: str
) -> None:
    (line,) = refusal(scenario, setting)

    assert says in line
    assert line.startswith(f"--set {setting[:80]}: ")
    assert len(line) < 600


def test_a_setting_is_not_blamed_for_a_fault_elsewhere(tmp_path: Path) -> None:
    text = SCENARIO.replace("tp: 8", "tp: 0")
    path = written(tmp_path / "bad.yaml", text)

    for setting in (
        "seed=2",
        "name=x",
        "experts.placement=random",
        "deployment.router=round-robin",
    ):
        assert refusal(path, setting) == [
            "bad.yaml:6: deployment.pools.0.attention.tp: 0 must be above 0; change it"
        ]


def test_the_last_setting_of_a_key_is_blamed(scenario: Path) -> None:
    lines = refusal(scenario, "slo={ttft: 1 s}", "slo.ttft=0 s", "slo.ttft=2")

    assert lines == [
        "--set slo.ttft=2: slo.ttft: 2 is not a number and a unit; write for example '50 ms'"
    ]


def test_a_pool_s_key_is_set_where_no_pools_are_listed(tmp_path: Path) -> None:
    bare = written(
        tmp_path / "bare.yaml",
        "model: llama-3.1-8b\ntopology: dgx-h100\nengine: {profile: ideal}\nworkload: chat\n",
    )

    loaded = load_scenario(bare, ["deployment.pools.0.replicas=2"])

    assert dug(loaded, "deployment.pools.0.replicas") == 2
    assert len(loaded.deployment.pools) == 1


@pytest.mark.parametrize(
    ("setting", "says"),
    [
        ("model.attention.kv_heads=3", "attention.heads: 32 is no multiple of kv_heads = 3"),
        ("model.window={tokens: 9, layers: 99}", "window.layers: 99 is above the model's 32"),
        ("topology.groups.nic.count=3", "links.1.pattern: 'index' between 8 gpu and 3 nic"),
        ("engine.max_sequences=9999", "engine.max_step_tokens: 8192 is below max_sequences"),
        ("workload.prompt_tokens.low=10", "workload.prompt-tokens.high: 9 is below low = 10"),
    ],
)
def test_what_does_not_fit_is_blamed_on_the_setting(
    scenario: Path, setting: str, says: str
) -> None:
    (line,) = refusal(scenario, "seed=2", setting)

    assert line.startswith(f"--set {setting}: ")
    assert says in line


def test_what_a_setting_has_nothing_to_do_with_is_blamed_on_the_file(scenario: Path) -> None:
    spoil = scenario.read_text().replace("low: 1", "low: 10")
    scenario.write_text(spoil)

    (line,) = refusal(scenario, "workload.requests=7", "seed=2")

    assert line.startswith("s.yaml:12: workload.prompt-tokens.high: 9 is below low = 10")


def test_a_number_past_the_end_of_a_bases_list_is_refused_with_its_length(scenario: Path) -> None:
    (line,) = refusal(scenario, "topology.links.7.latency=1 us")

    assert line == (
        "--set topology.links.7.latency=1 us: topology.links.7: no such entry, the base's list "
        "has 3; write a number from 0 to 2"
    )


def test_a_file_that_changes_an_entry_past_the_end_is_refused_at_its_line(scenario: Path) -> None:
    written = scenario.read_text()
    scenario.write_text(written.replace("  base: dgx-h100", '  base: dgx-h100\n  links: {"3": {}}'))

    (line,) = refusal(scenario)

    assert line.startswith("s.yaml:4: topology.links.3: no such entry, the base's list has 3")
