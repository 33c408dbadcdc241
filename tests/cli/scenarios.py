"""A scenario small enough to be run in many tests, as a file that can be spoiled."""

from pathlib import Path

SMALL = """\
model: llama-3.1-8b
topology: dgx-h200
deployment:
  pools:
    - {attention: {tp: 2}}
engine: {profile: ideal, max_sequences: 8}
workload:
  requests: 5
  arrivals: {kind: fixed, rate: 10 /s}
  prompt_tokens: 64
  output_tokens: 4
slo: {ttft: 1 s}
"""


def written(folder: Path, text: str = SMALL, name: str = "small.yaml") -> str:
    """The path of a file with this text."""
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return str(path)
