from collections.abc import Callable
from typing import Any

import pytest
import yaml

from sim.catalog import load
from sim.catalog.names import KINDS, Kind, names
from sim.errors import ScenarioError
from sim.report.entries import entries, entry
from sim.spec.base import Spec

LOADERS: dict[Kind, Callable[[Any], Spec]] = {
    "models": load.load_model,
    "devices": load.load_device,
    "topologies": load.load_topology,
    "workloads": load.load_workload,
    "engines": load.load_profile,
    "scenarios": load.load_scenario,
}
EVERYTHING = [(kind, name) for kind in KINDS for name in names(kind)]


def close(one: Any, other: Any) -> bool:
    """Equal but for the rounding of numbers that are written with a prefix."""
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(close(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(close, one, other))
    return bool(one == (pytest.approx(other, rel=1e-9) if isinstance(one, float) else other))


@pytest.mark.parametrize(("kind", "name"), EVERYTHING)
def test_what_is_shown_loads_again(kind: Kind, name: str) -> None:
    shown = yaml.safe_load(entry(f"{kind}/{name}"))

    again = LOADERS[kind](shown)

    assert close(again.model_dump(), LOADERS[kind](name).model_dump())


def test_a_model_with_linear_layers_shows_what_they_keep() -> None:
    # 36 layers of 32 x 128 x 128 elements of 4 bytes and 3 x 8192 of 2.
    assert "# states of a sequence: 77.27 MB" in entry("qwen3-next-80b-a3b")
    assert "states" not in entry("qwen3-32b")


@pytest.mark.parametrize("kind", KINDS)
def test_everything_that_comes_along_has_a_description(kind: Kind) -> None:
    for one in entries(kind):
        assert one["description"], one["name"]
        assert not one["description"].startswith("cannot be loaded"), one["name"]


def test_a_file_that_cannot_be_loaded_is_listed_with_the_reason(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = tmp_path_factory.mktemp("own")
    (own / "devices").mkdir()
    (own / "devices" / "mine.yaml").write_text("memory: 1 GB\n", encoding="utf-8")
    monkeypatch.setenv("SIM_PATH", str(own))

    (mine,) = (one for one in entries("devices") if one["name"] == "mine")

    assert mine["description"].startswith("cannot be loaded: ")
    assert "mine.yaml" in mine["description"]


def test_a_name_of_two_kinds_needs_its_kind(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = tmp_path_factory.mktemp("own")
    (own / "engines").mkdir()
    (own / "engines" / "chat.yaml").write_text("base: plain\n", encoding="utf-8")
    monkeypatch.setenv("SIM_PATH", str(own))

    with pytest.raises(ScenarioError, match="workloads/chat or engines/chat"):
        entry("chat")
    assert entry("engines/chat").startswith("# engines/")
