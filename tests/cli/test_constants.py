"""Links that no fabric stands for, as the command line tells it."""

from pathlib import Path

import pytest

from tests.cli.commands import moesim
from tests.cli.scenarios import written

OWN = (
    '{base: dgx-h200, links: {"0": {between: [gpu, nvswitch], kind: own, bytes_per_s: 450 GB/s, '
    "latency_s: 0.4 us}}}"
)


@pytest.mark.parametrize(
    ("topology", "profile", "said"),
    [
        (OWN, "measured", ["moesim: transfers whose slowest links are own go by constants"]),
        (OWN, "plain", []),
        ("dgx-h200", "measured", []),
    ],
)
def test_a_run_says_once_which_links_it_prices_by_constants(
    tmp_path: Path, topology: str, profile: str, said: list[str]
) -> None:
    settings = [f"topology={topology}", f"engine.profile={profile}"]

    outcome = moesim("run", written(tmp_path), *(w for one in settings for w in ("--set", one)))

    assert outcome.status == 0, outcome.err
    assert [line.split(": measured has")[0] for line in outcome.err.splitlines()] == said
