"""A small scenario as a file that tests can spoil, and a folder of one's own to put it in."""

from pathlib import Path

from sim.catalog.load import load_scenario
from sim.errors import ScenarioError

SCENARIO = """\
model: mixtral-8x7b
topology:
  base: dgx-h100
deployment:
  pools:
    - {replicas: 1, attention: {tp: 8}}
engine: {profile: plain, max_sequences: 8}
experts: {popularity: {kind: zipf, exponent: 0.5}}
workload:
  requests: 5
  arrivals: {kind: poisson, rate: 10 /s}
  prompt-tokens: {kind: uniform, low: 1, high: 9}
  output_tokens: 4
slo: {ttft: 1 s}
seed: 1
"""

DEVICE = """\
peak_flop_per_s: {bf16: 1 PFLOP/s}
memory: 96 GB
memory_bytes_per_s: 4 TB/s
idle: 50 W
peak: 500 W
source: made up
"""


def written(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def spoiled(old: str, new: str) -> str:
    assert SCENARIO.count(old) == 1
    return SCENARIO.replace(old, new)


def refusal(reference: object, *overrides: str) -> list[str]:
    """The lines of what is said against it."""
    try:
        load_scenario(reference, overrides)  # type: ignore[arg-type]
    except ScenarioError as problem:
        return str(problem).splitlines()
    return []
