"""Every kind of fault in a scenario's file is one line: where, what was found, what would do."""

from pathlib import Path

import pytest

from .scenario_files import SCENARIO, refusal, spoiled, written

ZIPF = "{kind: zipf, exponent: 0.5}"
POOLS = "pools:\n    - {replicas: 1, attention: {tp: 8}}"
LINK = "{between: [gpu, leaf], kind: x, bytes_per_s: 1 GB/s, latency: 1 us}"
TORUS = LINK.replace("gpu, leaf", "gpu, gpu").replace("kind: x", "kind: x, pattern: torus")

FAULTS = {
    "unknown key": ("seed: 1", "sed: 1", "15: sed: unknown key; did you mean 'seed'? known: name"),
    "unknown key inside": (
        "max_sequences",
        "max_sequence",
        "7: engine.max_sequence: unknown key; did you mean 'max_sequences'? known: profile",
    ),
    "unknown key in a union": (
        "low: 1",
        "lo: 2, low: 1",
        "12: workload.prompt-tokens.lo: unknown key; did you mean 'low'? known: kind, low, high",
    ),
    "missing key": ("engine: {profile: plain, max_sequences: 8}", "", ": 'engine' missing; the"),
    "missing key inside": ("profile: plain, ", "", "7: engine: 'profile' missing; the keys are"),
    "missing keys of one place": (
        "mixtral-8x7b",
        "{layers: 2}",
        "1: model: 'hidden_size', 'vocabulary', 'attention', 'source' missing; the keys are",
    ),
    "wrong unit": ("10 /s", "10 GB", "11: workload.arrivals.rate: unit 'GB' is not one of /s, /m"),
    "no unit": ("10 /s", "10", "11: workload.arrivals.rate: 10 is not a number and a unit; write"),
    "unit alone": ("10 /s", "/s", "11: workload.arrivals.rate: '/s' is not a number and a unit"),
    "negative": ("10 /s", "-1 /s", "11: workload.arrivals.rate: '-1 /s' must be above 0; change"),
    "zero": ("10 /s", "0 /s", "11: workload.arrivals.rate: '0 /s' must be above 0; change it"),
    "nan": ("10 /s", ".nan", "11: workload.arrivals.rate: nan is not a number and a unit; write"),
    "nan with unit": ("10 /s", "nan /s", "11: workload.arrivals.rate: 'nan /s' is not a number"),
    "infinity": ("10 /s", "1e999 /s", "11: workload.arrivals.rate: inf is not a finite number"),
    "too near zero": ("10 /s", "1e-320 /s", "11: workload.arrivals.rate: 9.99989e-321 is out of r"),
    "too far": ("{ttft: 1 s}", "{ttft: 1e300 s}", "14: slo.ttft: 1e+300 is out of reach; write a"),
    "share too near zero": (
        "max_sequences: 8",
        "memory_share: 1e-300",
        "7: engine.memory_share: 1e-300 is out of reach; write a number from 1e-15 to 1e+30",
    ),
    "plain nan": ("0.5", ".nan", "8: experts.popularity.exponent: nan is not a finite number"),
    "plain infinity": ("0.5", ".inf", "8: experts.popularity.exponent: inf is not a finite number"),
    "plain negative": ("0.5", "-1", "8: experts.popularity.exponent: -1 must be at least 0; chan"),
    "text for a number": ("0.5", "half", "8: experts.popularity.exponent: 'half' is not a number"),
    "text for a whole": (
        "max_sequences: 8",
        "max_sequences: '8'",
        "7: engine.max_sequences: '8' i",
    ),
    "true for a whole": ("max_sequences: 8", "max_sequences: true", "max_sequences: True is not a"),
    "nothing": (
        "max_sequences: 8",
        "max_sequences: ~",
        "7: engine.max_sequences: None is not a who",
    ),
    "half": ("max_sequences: 8", "max_sequences: 8.5", "max_sequences: 8.5 is not a whole number"),
    "huge": ("seed: 1", "seed: 1" + "0" * 300, "15: seed: 1000000000000000000000"),
    "text for true": ("seed: 1", "record: {transfers: yes}", "15: record.transfers: 'yes' is not"),
    "number for text": ("seed: 1", "name: 5", "15: name: 5 is not a text; write one"),
    "unknown literal": ("replicas: 1", "role: all", "6: deployment.pools.0.role: 'all' is not 'bo"),
    "unknown kind": (
        "kind: zipf",
        "kind: zipff",
        "8: experts.popularity: kind: 'zipff' is not one of 'uniform', 'zipf', 'lognormal'",
    ),
    "no kind": ("kind: zipf, ", "", "8: experts.popularity: 'kind' is missing; say which kind it"),
    "name for a mapping": (ZIPF, "zipf", "8: experts.popularity: 'zipf' is not a mapping of keys"),
    "list for a mapping": ("{ttft: 1 s}", "[1 s]", "14: slo: ['1 s'] is not a mapping of keys and"),
    "mapping for a list": (POOLS, "pools: {}", "5: deployment.pools: {} is not a list; write one"),
    "number for a list": (POOLS, "pools: 5", "5: deployment.pools: 5 is not a list; write one"),
    "empty pools": (POOLS, "pools: []", "5: deployment.pools: [] holds 0; give at least 1"),
    "wrong entry": ("- {replicas: 1, attention: {tp: 8}}", "- 7", "6: deployment.pools.0: 7 is no"),
    "pools of one name": (POOLS, "pools: [{}, {}]", "5: deployment.pools.1: name: 'main' is pool"),
    "empty table": (ZIPF, "{kind: table, weights: []}", "8: experts.popularity.weights: [] holds"),
    "empty row": (ZIPF, "{kind: table, weights: [[]]}", "8: experts.popularity.weights.0: [] hold"),
    "ragged rows": (
        ZIPF,
        "{kind: table, weights: [[1, 2], [1]]}",
        "weights.1: has 1 weights where",
    ),
    "weight of zero": (ZIPF, "{kind: table, weights: [[1, 0]]}", "weights.0.1: 0 must be above 0"),
    "flat table": (ZIPF, "{kind: table, weights: [1, 2]}", "weights.0: 1 is not a list; write one"),
    "no weights": (ZIPF, "{kind: table}", "8: experts.popularity: 'weights' missing; the keys are"),
    "base of itself": ("seed: 1", "base: ./s.yaml", "15: base: s -> s refers to itself; name"),
    "unknown name": ("mixtral-8x7b", "mixtral-8x7", "1: model: 'mixtral-8x7' is none of the mode"),
    "unknown base": (
        "dgx-h100",
        "dgx-h10",
        "3: topology.base: 'dgx-h10' is none of the topologies",
    ),
    "missing file": ("mixtral-8x7b", "./none.yaml", "1: model: none.yaml: no such file; give the"),
    "folder for a file": ("mixtral-8x7b", "./", "1: model: .: a folder, not a file; give the path"),
    "empty file": ("mixtral-8x7b", "./empty.yaml", "1: model: empty.yaml: holds nothing; write a"),
    "number for a name": ("mixtral-8x7b", "5", "1: model: 5 is not a name, a path or a mapping"),
    "no boxes": ("dgx-h100", "dgx-h100\n  boxes: 0", "4: topology.boxes: 0 must be above 0"),
    "unknown device": (
        "dgx-h100",
        "dgx-h100\n  groups: {gpu: {device: h10}}",
        "4: topology.groups.gpu.device: 'h10' is none of the devices; did you mean 'a10'?",
    ),
    "wrong unit in a device": (
        "dgx-h100",
        "dgx-h100\n  groups:\n    gpu: {device: {base: h100, memory: 1 TB/s}}",
        "5: topology.groups.gpu.device.memory_bytes: unit 'TB/s' is not one of B, kB",
    ),
    "unknown type of numbers": (
        "dgx-h100",
        "dgx-h100\n  groups: {gpu: {device: {peak_flop_per_s: {fp16: 1 TFLOP/s}}}}",
        "4: topology.groups.gpu.device.peak_flop_per_s.fp16: 'fp16' is not 'fp32', 'bf16'",
    ),
    "link to nowhere": (
        "dgx-h100",
        f"dgx-h100\n  links:\n    - {LINK.replace('leaf', 'hub')}",
        "5: topology.links.0.between: 'hub' is no group; the groups are gpu, nvswitch, nic, leaf",
    ),
    "link to one": (
        "dgx-h100",
        f"dgx-h100\n  links:\n    - {LINK.replace('gpu, ', '')}",
        "5: topology.links.0.between: only 1 given; give 1 more",
    ),
    "link to three": (
        "dgx-h100",
        f"dgx-h100\n  links:\n    - {LINK.replace('gpu, ', 'gpu, nic, ')}",
        "5: topology.links.0.between: ['gpu', 'nic', 'leaf'] holds 3; give at most 2",
    ),
    "unknown pattern": (
        "dgx-h100",
        f"dgx-h100\n  links:\n    - {LINK.replace('kind: x', 'kind: x, pattern: ring')}",
        "5: topology.links.0.pattern: 'ring' is not 'all', 'index', 'blocks', 'stripes', 'mesh', ",
    ),
    "torus without a shape": (
        "dgx-h100",
        f"dgx-h100\n  links:\n    - {TORUS}",
        "5: topology.links.0.shape: not given with pattern 'torus'; a 'torus', and only that, has",
    ),
    "shape without a torus": (
        "dgx-h100",
        f"dgx-h100\n  links:\n    - {TORUS.replace('torus', 'mesh, shape: [2, 4]')}",
        "5: topology.links.0.shape: given with pattern 'mesh'; a 'torus', and only that, has one",
    ),
    "shape of another size": (
        "dgx-h100",
        f"dgx-h100\n  links:\n    - {TORUS.replace('torus', 'torus, shape: [3, 3]')}",
        "5: topology.links.0.shape: [3, 3] holds 9 parts, but gpu has 8; change one",
    ),
    "torus of two groups": (
        "dgx-h100",
        f"dgx-h100\n  links:\n    - {LINK.replace('kind: x', 'kind: x, pattern: torus')}",
        "5: topology.links.0.pattern: 'torus' between gpu and leaf; 'mesh', 'chain', 'torus' ",
    ),
    "numbered group": (
        "dgx-h100",
        "dgx-h100\n  groups:\n    gpu1: {kind: switch}",
        "5: topology.groups.gpu1: no name for a group; begin and end with a letter",
    ),
    "heads do not divide": (
        "mixtral-8x7b",
        "{base: mixtral-8x7b, attention: {heads: 7}}",
        "1: model.attention.heads: 7 is no multiple of kv_heads = 8; change one",
    ),
    "lengths in disorder": ("low: 1", "low: 11", "12: workload.prompt-tokens.high: 9 is below low"),
    "length of zero": ("low: 1", "low: 0", "12: workload.prompt-tokens.low: 0 must be above 0"),
    "plain length of zero": (
        "tokens: 4",
        "tokens: 0",
        "13: workload.output_tokens: 0 must be abov",
    ),
    "list for a length": ("tokens: 4", "tokens: [4]", "13: workload.output_tokens: [4] is not a m"),
    "workload without requests": ("requests: 5", "", "9: workload.requests: is missing; give requ"),
    "limit without trace": ("requests: 5", "requests: 5\n  limit: 3", "11: workload.limit: is giv"),
    "missing trace": (
        "requests: 5",
        "trace: none.csv",
        "10: workload.trace: 'none.csv' is no file in",
    ),
    "key twice": ("seed: 1", "seed: 1\nslo: {}", "16: slo is given twice (first in line 14); keep"),
    "key in two spellings": (
        "{ttft: 1 s}",
        "{ttft: 1 s, ttft_s: 2 s}",
        "14: slo.ttft_s: is ttft_s",
    ),
    "key that is no text": ("seed: 1", "5: 3", "15: the key '5' is not a text; write it in quotes"),
    "key of two lines": ("seed: 1", '"a\\nb": 1', "15: a\\nb: unknown key; known: name"),
    "name of two lines": ("mixtral-8x7b", '"a\\nb.yaml"', "1: model: a\\nb.yaml: no such file"),
    "long value": ("seed: 1", f"seed: {'x' * 999}", "15: seed: 'xxxxxxxxxxxxxxxx"),
    "no YAML": ("{ttft: 1 s}", "{ttft: 1 s", "15: did not find expected ',' or '}'; mend the YAML"),
}


@pytest.mark.parametrize("kind", FAULTS)
def test_a_fault_is_one_line_with_place_found_and_remedy(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    old, new, says = FAULTS[kind]
    written(tmp_path / "empty.yaml", "")

    lines = refusal(written(tmp_path / "s.yaml", spoiled(old, new)))

    (line,) = lines
    assert line.startswith("s.yaml:")
    assert says in line
    assert ";" in line
    assert len(line) < 500


def test_the_scenario_of_these_tests_is_good(tmp_path: Path) -> None:
    assert refusal(written(tmp_path / "s.yaml", SCENARIO)) == []


def test_several_faults_are_a_line_each(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    text = SCENARIO.replace("seed: 1", "sed: 1").replace("ttft: 1 s", "ttft: 1")

    lines = refusal(written(tmp_path / "s.yaml", text.replace("tp: 8", "tp: eight")))

    assert sorted(line.split(":")[1] for line in lines) == ["14", "15", "6"]


def test_like_faults_in_one_list_are_counted_in_one_line(tmp_path: Path) -> None:
    table = "{kind: table, weights: [[1, 2, 0, -1, 0]]}"

    (line,) = refusal(written(tmp_path / "s.yaml", spoiled(ZIPF, table)))

    assert line.endswith("weights.0.2: 0 must be above 0; change it (and 2 more like it)")
