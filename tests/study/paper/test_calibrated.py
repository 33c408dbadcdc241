"""The paper's claims by measured kernels: ratios by hand, and what counts as measured."""

from typing import Any

import pandas as pd

from sim.study.paper.calibrated import with_ratios
from sim.study.paper.runs import measured
from sim.study.paper.set_up import Point, fits, set_up


def row(question: str, **more: Any) -> dict[str, Any]:
    usual = {"system": "deepseek-r1", "length": 8192, "batch": 32, "way": None, "split": None}
    return usual | {"question": question, "layer_s": 1.0, "tokens_per_s_per_device": 1.0} | more


def test_each_ratio_is_what_its_claim_compares() -> None:
    frame = pd.DataFrame(
        [
            row("C4", way="reordered", layer_s=2.0),
            row("C4", way="not reordered", layer_s=180.0),
            row("C4", way="reordered", layer_s=1.0, batch=8),
            row("C4", way="not reordered", layer_s=70.0, batch=8),
            row("C7", way="reordered", split="tp 1", layer_s=3.0),
            row("C7", way="reordered", split="tp 8", layer_s=2.0),
            row("C7", way="not reordered", split="tp 1", layer_s=16.0),
            row("C7", way="not reordered", split="tp 8", layer_s=2.0),
            row("C11", tokens_per_s_per_device=60.0),
            row("C11", tokens_per_s_per_device=2.0, system="gpt-3-175b"),
        ],
        index=range(5, 15),
    )

    found = with_ratios(frame)

    of = found[found["ratio"].notna()]
    assert dict(zip(of.index, zip(of["ratio_of"], of["ratio"], strict=True), strict=True)) == {
        6: ("reordering", 90.0),
        8: ("reordering", 70.0),
        9: ("reordered, TP1 over TP8", 1.5),
        11: ("not reordered, TP1 over TP8", 8.0),
        14: ("deepseek-r1 over gpt-3-175b", 30.0),
    }


def test_the_h200_is_measured_and_the_b200_takes_over() -> None:
    shares = {}
    for cluster in set_up()["figures"]["calibrated"]["clusters"]:
        point = Point("deepseek-r1", 16, 2048, (cluster, "measured"))
        shares[cluster] = measured(point)["measured_share"]

    assert shares["32 B200 on a switch"] == 0
    assert 0.9 < shares["four DGX H200"] < 1


def test_an_ideal_engine_says_nothing_of_measurements() -> None:
    assert "measured_share" not in measured(Point("gpt-3-175b", 1, 1000))


def test_what_is_compared_fits_every_cluster() -> None:
    asked = set_up()["figures"]["calibrated"]
    compared = asked["compared"]

    for cluster in asked["clusters"]:
        for name, batch in compared["batches"].items():
            assert fits(Point(name, batch, compared["length"], (cluster,)))
