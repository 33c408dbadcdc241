import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import sim

CHECKOUT = Path(__file__).parents[1]


@pytest.mark.parametrize("name", sim.__all__)
def test_every_public_name_is_there(name: str) -> None:
    assert getattr(sim, name)
    assert name in dir(sim)


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'simulat'"):
        sim.simulat  # noqa: B018


def test_the_version_is_that_of_the_distribution() -> None:
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text(encoding="utf-8"))

    assert sim.__version__ == project["project"]["version"]


def test_importing_the_package_imports_no_library() -> None:
    program = "import sys; before = set(sys.modules); import sim; print(set(sys.modules) - before)"

    finished = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=CHECKOUT
    )

    for library in ("numpy", "pandas", "networkx", "simpy", "pydantic", "rich", "typer"):
        assert f"'{library}'" not in finished.stdout


def test_the_reading_guide_names_files_that_exist() -> None:
    words = (sim.__doc__ or "").split("`")[1::2]
    files = [word for word in words if word.endswith((".py", "/"))]

    assert len(files) > 10
    for file in files:
        assert (CHECKOUT / "sim" / file).exists(), file
