from pathlib import Path

import pytest

from sim.errors import ScenarioError
from sim.study import demo as study
from sim.study.demo import demo


@pytest.fixture
def _no_scenarios(monkeypatch: pytest.MonkeyPatch) -> None:
    """The folder's fate without what takes long."""
    monkeypatch.setattr(study, "SCENARIOS", ())


@pytest.mark.usefixtures("_no_scenarios")
def test_an_earlier_demo_is_replaced(tmp_path: Path) -> None:
    out = tmp_path / "demo"
    demo(out)
    (out / "left").write_text("by the first", encoding="utf-8")

    demo(out)

    assert [path.name for path in out.iterdir()] == ["manifest.json"]


@pytest.mark.usefixtures("_no_scenarios")
@pytest.mark.parametrize("name", ["demo", "demo.partial"])
@pytest.mark.parametrize("manifest", [None, "{}", "[]", "no json"])
def test_a_folder_of_something_else_is_left_alone(
    name: str, manifest: str | None, tmp_path: Path
) -> None:
    folder = tmp_path / name
    folder.mkdir()
    if manifest is not None:
        (folder / "manifest.json").write_text(manifest, encoding="utf-8")

    with pytest.raises(ScenarioError, match="no earlier demo"):
        demo(tmp_path / "demo")

    assert folder.exists()


def test_what_a_broken_demo_left_is_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(name: str) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        demo(tmp_path / "demo", before_each=broken)
    assert (tmp_path / "demo.partial").exists()
    monkeypatch.setattr(study, "SCENARIOS", ())

    demo(tmp_path / "demo")

    assert [path.name for path in tmp_path.iterdir()] == ["demo"]


@pytest.mark.slow
def test_pcie_costs_throughput_and_time_for_both_models(tmp_path: Path) -> None:
    rows = demo(tmp_path / "demo")

    assert set(rows) == {"chat-deepseek-r1", "chat-llama-70b"}
    for nvlink, pcie in rows.values():
        assert pcie["sim_throughput_ratio"] < 1 < pcie["sim_p50_tpot_ratio"]
        assert pcie["sim_communication_share"] > 2 * nvlink["sim_communication_share"]
        assert "nvswitch" in nvlink["sim_fullest_link"]
        assert "nvswitch" not in pcie["sim_fullest_link"]
