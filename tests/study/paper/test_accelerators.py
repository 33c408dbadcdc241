"""Where accelerators tie with GPUs, against closed forms; and what is drawn of it."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from sim.report.paper_pim import draw_attention_accelerator, draw_fig14
from sim.study.paper import attention_accelerator, pim_experts
from sim.study.paper.runs import Runs
from sim.study.paper.set_up import Point
from sim.study.paper.two_kinds import WAYS, has_room, settings


def experts(monkeypatch: pytest.MonkeyPatch, *batches: int) -> pd.DataFrame:
    monkeypatch.setattr(pim_experts, "LENGTHS", (1024,))
    monkeypatch.setattr(pim_experts, "BATCHES", batches)
    return pim_experts.fig14(Runs())


def cores(monkeypatch: pytest.MonkeyPatch, system: str, length: int, *batches: int) -> pd.DataFrame:
    for name, value in (("SYSTEMS", (system,)), ("LENGTHS", (length,)), ("BATCHES", batches)):
        monkeypatch.setattr(attention_accelerator, name, value)
    return attention_accelerator.attention_accelerator(Runs())


def row(frame: pd.DataFrame, way: str, batch: int) -> Any:
    (found,) = frame[(frame["way"] == way) & (frame["batch"] == batch)].itertuples()
    return found


def test_experts_tie_where_the_ridges_say(monkeypatch: pytest.MonkeyPatch) -> None:
    frame = experts(monkeypatch, 24, 32)

    imbalance = frame.groupby("way")["imbalance"].mean()["accelerators"]
    # 256 TFLOP/s over 8 TB/s are 32 FLOP/B; an expert has imbalance x B x 8 / 256.
    expected = 32 * 256 / 8 / imbalance / 32
    assert pim_experts.closed_crossover(imbalance) == pytest.approx(expected)
    assert pim_experts.crossover(frame, 1024) == pytest.approx(expected, rel=0.02)


def test_experts_apart_free_memory_for_the_cache() -> None:
    held = {
        way: has_room(Point("deepseek-r1", 128, 16384, extra=settings(way, "experts.on")))
        for way in WAYS
    }

    # 75 of 206 GB are weights, and 147 GB keys and values; without experts, 34.
    assert held == {"GPUs": False, "more GPUs": True, "accelerators": True}


def test_a_latent_core_is_bound_by_the_arithmetic_of_the_accelerator(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    frame = cores(monkeypatch, "deepseek-r1", 4096, 16, 32)

    tokens = 32 * 4096
    on_accelerator_s = tokens * 2 * 128 * (576 + 512) / 256e12
    on_gpu_s = tokens * 576 * 2 / 8e12
    longer_s = row(frame, "accelerators", 32).attention_s - row(frame, "GPUs", 32).attention_s
    assert longer_s == pytest.approx(60 * (on_accelerator_s - on_gpu_s), rel=0.01)
    # 32 a GPU with accelerators are the users of 16 a GPU on GPUs alone.
    gain = row(frame, "GPUs", 16).step_s / row(frame, "accelerators", 32).step_s
    assert row(frame, "accelerators", 32).device_gain == pytest.approx(gain)
    assert row(frame, "GPUs", 32).device_gain == row(frame, "GPUs", 16).step_gain == 1


def test_a_multi_head_core_is_four_times_as_fast(monkeypatch: pytest.MonkeyPatch) -> None:
    frame = cores(monkeypatch, "gpt-3-175b", 4096, 4, 8)

    # Of 64 sequences a rank, twelve heads of keys and values a device, read once.
    core_s = 96 * 64 * 4096 * 2 * 12 * 128 * 2 / 8e12
    shorter_s = row(frame, "GPUs", 8).attention_s - row(frame, "accelerators", 8).attention_s
    assert shorter_s == pytest.approx(0.75 * core_s, rel=0.01)
    assert row(frame, "accelerators", 8).device_gain > 1.3
    # What separates them is the hardware: as many GPUs in its place pay nothing.
    assert row(frame, "more GPUs", 8).device_gain < 1


@pytest.mark.slow
def test_both_pictures_are_drawn_and_equal_frames_give_equal_bytes(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    of_experts = experts(monkeypatch, 24, 32)
    of_cores = cores(monkeypatch, "gpt-3-175b", 1024, 2)

    for name in ("one", "other"):
        (tmp_path / name).mkdir()
        draw_fig14(tmp_path / name / "fig14", of_experts, {})
        draw_attention_accelerator(tmp_path / name / "attention_accelerator", of_cores, {})

    drawn = {path.name: path.read_bytes() for path in (tmp_path / "one").iterdir()}
    assert set(drawn) == {
        f"{name}.{suffix}"
        for name in ("fig14", "attention_accelerator")
        for suffix in ("png", "svg")
    }
    assert drawn == {path.name: path.read_bytes() for path in (tmp_path / "other").iterdir()}
    assert b"equal at 29" in drawn["fig14.svg"]


def test_a_picture_says_where_both_are_equal(tmp_path: Path) -> None:
    columns = ["length", "batch", "way", "step_s", "moe_s", "equal_at_batch"]
    rows = [(1024, b, way, b * 1e-3, b * 5e-4, 28.7) for way in WAYS for b in (8, 16)]

    draw_fig14(tmp_path / "fig14", pd.DataFrame(rows, columns=columns), {})

    assert "equal at 29" in (tmp_path / "fig14.svg").read_text()
