"""The embedded comparison: two models on eight H200 joined by NVSwitch, and by PCIe."""

import shutil
from collections.abc import Callable
from json import JSONDecodeError, loads
from pathlib import Path

from sim.errors import ScenarioError
from sim.record.run_folder import run_folder
from sim.report.run_files import versions
from sim.study.compare import Row, Variation, compare, variants

DEFAULT_FOLDER = Path("results/runs/demo")

SCENARIOS = ("chat-deepseek-r1", "chat-llama-70b")
TOPOLOGIES = Variation("topology", ("dgx-h200", "pcie-gen5-8-h200"))

_MANIFEST = {"study": "moesim demo"}


def demo(
    out: Path, *, before_each: Callable[[str], None] = lambda name: None
) -> dict[str, list[Row]]:
    """The rows of each scenario's comparison; files go to out/<scenario>/<variant>/.

    A folder of an earlier demo is replaced, any other is left alone.
    """
    for earlier in (out, out.with_name(f"{out.name}.partial")):
        _remove(earlier)
    with run_folder(out) as folder:
        # First of all, so that also a demo that is broken off is known as one.
        folder.write_json("manifest", _MANIFEST | {"versions": versions()})
        rows = {}
        for name in SCENARIOS:
            before_each(name)
            chosen = variants(name, [TOPOLOGIES])
            rows[name] = compare(chosen, folder.path / name, before_each=before_each)
    return rows


def _remove(earlier: Path) -> None:
    if not earlier.exists():
        return
    if not _is_demo(earlier):
        raise ScenarioError(f"{earlier}: exists and is no earlier demo; name another folder")
    shutil.rmtree(earlier)


def _is_demo(folder: Path) -> bool:
    try:
        manifest = loads((folder / "manifest.json").read_text(encoding="utf-8"))
    except (OSError, JSONDecodeError):
        return False
    return isinstance(manifest, dict) and manifest.get("study") == _MANIFEST["study"]
