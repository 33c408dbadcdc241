from pathlib import Path

import pytest

from sim.catalog.load import load_device
from sim.catalog.names import KINDS, find, folders, names
from sim.errors import ScenarioError

from .scenario_files import DEVICE, written


@pytest.fixture(autouse=True)
def _empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SIM_PATH", raising=False)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_has_files_from_any_folder(kind: str) -> None:
    assert names(kind)  # type: ignore[arg-type]


def test_own_folders_come_first_then_the_working_folder_then_what_is_shipped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shipped = find("devices", "h100-sxm")
    here = written(tmp_path / "devices" / "h100-sxm.yaml", DEVICE)
    second = written(tmp_path / "two" / "devices" / "h100-sxm.yaml", DEVICE)
    first = written(tmp_path / "one" / "devices" / "h100-sxm.yaml", DEVICE)

    found = [find("devices", "h100-sxm")]
    monkeypatch.setenv("SIM_PATH", f"{tmp_path}/two:")
    found.append(find("devices", "h100-sxm"))
    monkeypatch.setenv("SIM_PATH", f"{tmp_path}/one:{tmp_path}/two")
    found.append(find("devices", "h100-sxm"))

    assert found == [here, second, first]
    assert shipped not in found


def test_a_folder_of_sim_path_that_does_not_exist_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SIM_PATH", "/nowhere/at/all")

    with pytest.raises(ScenarioError, match=r"^\$SIM_PATH: '/nowhere/at/all' is no folder; mend"):
        folders("models")


def test_folders_that_are_looked_at_are_of_the_kind(tmp_path: Path) -> None:
    (tmp_path / "models").mkdir()

    assert folders("models")[0] == tmp_path / "models"
    assert tmp_path / "devices" not in folders("devices")


@pytest.mark.parametrize("name", ["deepseek-r1", "deepseek_r1", "DeepSeek-R1"])
def test_dash_underscore_and_capitals_make_no_difference(name: str) -> None:
    assert find("models", name) == find("models", "deepseek-r1")


@pytest.mark.parametrize("suffix", [".yaml", ".yml", ".json"])
def test_yaml_and_json_files_have_names(tmp_path: Path, suffix: str) -> None:
    path = written(tmp_path / "devices" / f"mine{suffix}", "{}")

    assert find("devices", "mine") == path


@pytest.mark.parametrize("other", ["my-card.json", "my_card.yaml", "My-Card.yaml"])
def test_two_files_of_one_name_in_a_folder_are_refused(tmp_path: Path, other: str) -> None:
    written(tmp_path / "devices" / "my-card.yaml", DEVICE)
    written(tmp_path / "devices" / other, DEVICE)

    with pytest.raises(ScenarioError, match=r"has the same name as .*; rename one"):
        names("devices")


def test_other_files_and_folders_have_no_names(tmp_path: Path) -> None:
    written(tmp_path / "devices" / "notes.txt", "")
    (tmp_path / "devices" / "folder.yaml").mkdir()

    assert not {"notes", "folder"} & set(names("devices"))


def test_a_name_that_is_nearly_one_is_suggested() -> None:
    with pytest.raises(ScenarioError) as refusal:
        find("devices", "h100-smx")

    assert "'h100-smx' is none of the devices; did you mean 'h100-sxm'? known: " in str(
        refusal.value
    )


def test_of_many_names_the_first_are_listed_and_the_others_counted() -> None:
    with pytest.raises(ScenarioError) as refusal:
        find("topologies", "nothing-like-it")

    listed = str(refusal.value).partition("known: ")[2]
    assert listed.count(",") == 19
    assert listed.endswith(f" and {len(names('topologies')) - 20} more")


@pytest.mark.parametrize("name", ["", "x" * 100_000, "a\nb", "\0", "ü"])
def test_any_text_is_no_name_in_one_short_line(name: str) -> None:
    with pytest.raises(ScenarioError) as refusal:
        find("models", name)

    assert len(str(refusal.value).splitlines()) == 1
    assert len(str(refusal.value)) < 1000


@pytest.mark.parametrize("alias", ["h100", "H100", "h100_sxm_80gb"])
def test_a_device_is_found_by_its_aliases(alias: str) -> None:
    assert load_device(alias).name == "h100-sxm"


def test_a_name_comes_before_an_alias(tmp_path: Path) -> None:
    written(tmp_path / "devices" / "h100.yaml", DEVICE)

    assert load_device("h100").name == "h100"


def test_no_alias_is_shared_or_a_name() -> None:
    devices = [load_device(name) for name in names("devices")]
    called = [name for device in devices for name in (device.name, *device.aliases)]

    assert len(set(called)) == len(called)
