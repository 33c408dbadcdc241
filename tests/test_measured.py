"""The README's table of errors against measured kernels is what the simulator computes today."""

import csv
import json
import re
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest

from sim.catalog.load import load_device, load_profile
from sim.study.kernels import kernel_s

ROOT = Path(__file__).parent.parent
POINTS = ROOT.parent / "shared" / "measured" / "kernels.csv"
ROW = re.compile(r"\| (\w+) \| ([\d,]+) \| (\d+) % \| (\d+) % \| (\d+) % \| ([+-]\d+) % \|")


@pytest.mark.slow
@pytest.mark.skipif(not POINTS.exists(), reason=f"{POINTS} is not here")
def test_the_readme_shows_todays_errors() -> None:
    errors: defaultdict[str, list[float]] = defaultdict(list)
    with POINTS.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    devices = {name: load_device(name) for name in {row["device"] for row in rows}}
    plain = load_profile("plain")
    for row in rows:
        measured_s = float(row["measured_s"])
        params = json.loads(row["params"])
        predicted_s = kernel_s(devices[row["device"]], row["kind"], plain, **params)
        errors[row["kind"]].append(predicted_s / measured_s - 1)

    shown = {row[0]: row[1:] for row in ROW.findall((ROOT / "README.md").read_text())}

    assert set(shown) == set(errors)
    for kind, of_kind in errors.items():
        size = np.abs(of_kind)
        figures = [np.median(size), np.percentile(size, 90), size.max(), np.median(of_kind)]
        assert int(shown[kind][0].replace(",", "")) == len(of_kind)
        assert [float(text) for text in shown[kind][1:]] == pytest.approx(
            [100 * figure for figure in figures], abs=1.0
        )
