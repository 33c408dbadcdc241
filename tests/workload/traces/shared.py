"""Published traces, which lie beside the checkout or where SIM_SHARED says."""

import os
from pathlib import Path

import pytest

_BESIDE = Path(__file__).parents[4] / "shared"


def shared_trace(name: str) -> Path:
    """The path of a published trace; the test is skipped where it is not."""
    path = Path(os.environ.get("SIM_SHARED", _BESIDE)) / "traces" / name
    if not path.is_file():
        pytest.skip(f"{path.name} is not beside this checkout")
    return path
