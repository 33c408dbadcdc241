"""A wheel carries all that a user needs: it is built, installed where nothing else is, and run."""

import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

CHECKOUT = Path(__file__).parents[1]


def run(*words: str | Path, cwd: Path) -> str:
    finished = subprocess.run(
        [str(word) for word in words], capture_output=True, text=True, cwd=cwd, check=False
    )
    assert finished.returncode == 0, finished.stdout + finished.stderr
    return finished.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    run(sys.executable, "-m", "build", "--wheel", "--outdir", folder, cwd=CHECKOUT)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def programs(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The programs of an environment into which only the wheel was installed."""
    environment = tmp_path_factory.mktemp("environment")
    venv.create(environment, with_pip=True)
    folder = environment / ("Scripts" if sys.platform == "win32" else "bin")
    run(folder / "python", "-m", "pip", "install", "--quiet", wheel, cwd=environment)
    return folder


def test_a_wheel_carries_every_file_of_the_catalog(wheel: Path) -> None:
    carried = set(zipfile.ZipFile(wheel).namelist())

    for folder in ("topologies", "workloads"):
        for path in (CHECKOUT / folder).rglob("*"):
            if path.is_file():
                assert f"sim/_data/{path.relative_to(CHECKOUT).as_posix()}" in carried
    for folder in ("catalog", "study/paper"):
        for path in (CHECKOUT / "sim" / folder).rglob("*"):
            if path.suffix in (".yaml", ".csv"):
                assert path.relative_to(CHECKOUT).as_posix() in carried
    assert "sim/py.typed" in carried


def test_a_wheel_carries_nothing_beside_the_package(wheel: Path) -> None:
    tops = {name.split("/")[0] for name in zipfile.ZipFile(wheel).namelist()}

    assert {top for top in tops if not top.endswith(".dist-info")} == {"sim"}


@pytest.mark.parametrize("kind", ["topologies", "workloads"])
def test_an_installed_command_lists_what_the_checkout_has(
    kind: str, programs: Path, tmp_path: Path
) -> None:
    listed = run(programs / "moesim", "list", kind, cwd=tmp_path)

    for path in (CHECKOUT / kind).glob("*.yaml"):
        assert path.stem in listed


def test_an_installed_package_loads_its_scenarios_from_anywhere(
    programs: Path, tmp_path: Path
) -> None:
    program = """
import sim
from pathlib import Path
scenario = sim.load_scenario("chat-deepseek-r1")
print(Path(sim.__file__).parent)
print(scenario.model.name, len(scenario.topology.devices), scenario.workload.trace)
"""

    place, found = run(programs / "python", "-c", program, cwd=tmp_path).splitlines()

    assert not place.startswith(str(CHECKOUT))
    assert found == f"deepseek-r1 8 {place}/_data/workloads/chat-small.csv"


def test_an_editable_install_has_no_copies_that_go_stale() -> None:
    assert not (CHECKOUT / "sim" / "_data").exists()
