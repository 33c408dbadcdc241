"""The paper's claims on other networks: ratios by hand, and networks that have to agree."""

from typing import Any

import pandas as pd
import pytest

from sim.study.paper.networks import with_ratios
from sim.study.paper.runs import measured
from sim.study.paper.set_up import Point, set_up, system

_LINK = "one switch"


def row(system: str, speed: float, **more: Any) -> dict[str, Any]:
    usual = {"network": _LINK, "dispatch": "per-expert", "devices": 32, "batch": 1, "skew": 0.0}
    return usual | {"system": system, "tokens_per_s_per_device": speed, "length": 8192} | more


def test_each_ratio_is_over_the_run_on_the_same_network() -> None:
    boxes = {"network": "NVLink boxes"}
    frame = pd.DataFrame(
        [
            row("deepseek-r1", 80.0),
            row("llama-4-maverick", 40.0),
            row("gpt-3-175b", 2.0, dispatch=""),
            row("deepseek-r1", 30.0, **boxes),
            row("llama-4-maverick", 20.0, **boxes),
            row("gpt-3-175b", 1.0, dispatch="", **boxes),
            row("deepseek-r1", 50.0, length=2048),
            row("deepseek-r1", 10.0, length=2048, skew=0.8),
            row("deepseek-r1", 25.0, length=2048, devices=256),
            row("deepseek-r1", 15.0, length=2048, devices=256, skew=0.8),
        ]
    )

    found = with_ratios(frame)

    assert found["over_llama_4_maverick"].dropna().to_dict() == {0: 2.0, 3: 1.5}
    assert found["over_gpt_3_175b"].dropna().to_dict() == {0: 40.0, 3: 30.0}
    assert found["over_first"].dropna().to_dict() == {0: 1.0, 3: 0.375}
    assert found["kept_share"].dropna().to_dict() == {7: 0.2}
    assert found["over_groups"].dropna().to_dict() == {8: 0.5, 9: 1.5}


def test_links_alone_differ() -> None:
    asked = set_up()["figures"]["networks"]
    of_first, *others = (system(Point("deepseek-r1", 1, 64, (name,))) for name in asked["networks"])

    for one in others:
        assert one.topology.devices == of_first.topology.devices
        assert one.engine == of_first.engine
    for _, variant in asked["wide"].values():
        wide = system(Point("deepseek-r1", 1, 64, (variant,))).topology
        assert wide.devices == 8 * of_first.topology.devices


def test_a_rack_is_the_paper_s_switch() -> None:
    rows = [measured(Point("deepseek-r1", 8, 2048, (name,))) for name in (_LINK, "one rack")]

    assert rows[0] == pytest.approx(rows[1], rel=1e-12)


def test_a_box_sends_a_token_once_where_it_may() -> None:
    rows = {
        dispatch: measured(Point("deepseek-r1", 64, 2048, ("NVLink boxes", dispatch)))
        for dispatch in ("per-expert", "per-node")
    }

    # Six of eight copies leave the box of eight; of three other boxes 0.9 each have an expert.
    # What arrives is spread over the cards, so time follows what is sent.
    other_boxes = 3 * (1 - (3 / 4) ** 8)
    ratio = rows["per-expert"]["combine_s"] / rows["per-node"]["combine_s"]
    assert ratio == pytest.approx(6 / other_boxes, rel=0.1)
    assert "bound_s" not in rows["per-node"]
