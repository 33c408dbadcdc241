"""Where the file of a name is: what the user has comes before what is shipped.

Looked up in order: the folders of $SIM_PATH, the working folder, what the package carries, and the
checkout that it runs from; in each, the folder of the kind. '-' and '_' are the same in names.
"""

import difflib
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Literal

from sim.errors import ScenarioError

Kind = Literal["models", "devices", "topologies", "workloads", "engines", "scenarios"]
KINDS: tuple[Kind, ...] = (
    "models",
    "devices",
    "topologies",
    "workloads",
    "engines",
    "scenarios",
)
_PACKAGE = Path(__file__).parent.parent
_SUFFIXES = (".yaml", ".yml", ".json")


def folders(kind: Kind) -> list[Path]:
    """The folders in which files of this kind are looked for, first come first taken."""
    own = [Path(entry) for entry in os.environ.get("SIM_PATH", "").split(os.pathsep) if entry]
    roots = [*own, Path.cwd(), _PACKAGE / "catalog", _PACKAGE / "_data", _PACKAGE.parent]
    return [folder for root in roots if (folder := root / kind).is_dir()]


def names(kind: Kind) -> dict[str, Path]:
    """Every name of this kind with its file, by name."""
    found: dict[str, Path] = {}
    for folder in folders(kind):
        for path in sorted(folder.iterdir()):
            if path.suffix in _SUFFIXES:
                found.setdefault(plain(path.stem), path)
    return dict(sorted(found.items()))


def plain(name: str) -> str:
    """The one spelling of a name."""
    return name.replace("_", "-").lower()


def is_path(reference: str) -> bool:
    """Whether a reference is a path rather than a name."""
    return reference.endswith(_SUFFIXES) or "/" in reference or os.sep in reference


def find(kind: Kind, name: str) -> Path:
    """The file of a name; ScenarioError names what comes near."""
    known = names(kind)
    if plain(name) in known:
        return known[plain(name)]
    raise ScenarioError(f"{name!r} is none of the {kind}; {suggestion(plain(name), known)}")


def suggestion(wrong: str, known: Iterable[str]) -> str:
    """What may have been meant, and what there is."""
    listed = list(known)
    near = difflib.get_close_matches(wrong, listed, n=1)
    meant = f"did you mean {near[0]!r}? " if near else ""
    return f"{meant}known: {', '.join(listed)}"
