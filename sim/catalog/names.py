"""Where the file of a name is: what the user has comes before what is shipped.

Looked up in order: the folders of $SIM_PATH, the working folder, what the package carries, and the
checkout that it runs from; in each, the folder of the kind. '-' and '_' are the same in names, and
so are capital and small letters. A device is also found by its aliases.
"""

import difflib
import os
from collections.abc import Iterable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Literal

from sim.catalog.files import read_document
from sim.errors import ScenarioError, one_line

Kind = Literal["models", "devices", "topologies", "workloads", "engines", "scenarios"]
KINDS: tuple[Kind, ...] = (
    "models",
    "devices",
    "topologies",
    "workloads",
    "engines",
    "scenarios",
)
SINGULAR: Mapping[Kind, str] = {
    "models": "model",
    "devices": "device",
    "topologies": "topology",
    "workloads": "workload",
    "engines": "engine",
    "scenarios": "scenario",
}
"""What one file of a kind is called."""

_PACKAGE = Path(__file__).parent.parent
_MOST_SHOWN = 60
_MOST_LISTED = 20
_SUFFIXES = (".yaml", ".yml", ".json", ".graphml")


def folders(kind: Kind) -> list[Path]:
    """The folders in which files of this kind are looked for, first come first taken."""
    roots = [*_own(), Path.cwd(), _PACKAGE / "catalog", _PACKAGE / "_data", _PACKAGE.parent]
    return [folder for root in dict.fromkeys(roots) if (folder := root / kind).is_dir()]


def _own() -> list[Path]:
    own = [Path(entry) for entry in os.environ.get("SIM_PATH", "").split(os.pathsep) if entry]
    for root in own:
        if not root.is_dir():
            raise ScenarioError(f"$SIM_PATH: {str(root)!r} is no folder; mend or unset SIM_PATH")
    return own


def names(kind: Kind) -> dict[str, Path]:
    """Every name of this kind with its file, by name."""
    found: dict[str, Path] = {}
    for folder in reversed(folders(kind)):
        found |= _names_in(folder, folder.stat().st_mtime_ns)
    return dict(sorted(found.items()))


@lru_cache(maxsize=64)
def _names_in(folder: Path, _changed_ns: int) -> dict[str, Path]:
    """Kept until a file comes or goes, which a folder notes as its time of change."""
    found: dict[str, Path] = {}
    for path in sorted(folder.iterdir()):
        if path.suffix in _SUFFIXES and path.is_file():
            other = found.setdefault(plain(path.stem), path)
            if other != path:
                raise ScenarioError(f"{path}: has the same name as {other.name}; rename one")
    return found


def plain(name: str) -> str:
    """The one spelling of a name."""
    return name.replace("_", "-").lower()


def is_path(reference: str) -> bool:
    """Whether a reference is a path rather than a name."""
    return reference.endswith(_SUFFIXES) or "/" in reference or os.sep in reference


def expanded(reference: str) -> Path:
    """The path, with '~' for the home folder where there is one."""
    try:
        return Path(reference).expanduser()
    except RuntimeError:
        return Path(reference)


def is_file(path: Path) -> bool:
    """Whether there is such a file; no text is too odd to be asked."""
    try:
        return path.is_file()
    except OSError:
        return False


def is_folder(path: Path) -> bool:
    """Whether there is such a folder; no text is too odd to be asked."""
    try:
        return path.is_dir()
    except OSError:
        return False


def find(kind: Kind, name: str) -> Path:
    """The file of a name; ScenarioError names what comes near."""
    known = names(kind)
    if plain(name) in known:
        return known[plain(name)]
    if kind == "devices":
        for path in known.values():
            if plain(name) in _aliases(path):
                return path
    raise ScenarioError(f"{_short(name)} is none of the {kind}; {suggestion(plain(name), known)}")


def _aliases(path: Path) -> list[str]:
    aliases = read_document(path).mapping.get("aliases")
    return [plain(str(alias)) for alias in aliases] if isinstance(aliases, list) else []


def _short(name: str) -> str:
    text = repr(name)
    return text if len(text) <= _MOST_SHOWN else f"{text[: _MOST_SHOWN - 3]}..."


def suggestion(wrong: str, known: Iterable[str]) -> str:
    """What may have been meant, and what there is: of a long list the beginning."""
    listed = list(known)
    near = difflib.get_close_matches(wrong[:_MOST_SHOWN], listed, n=1)
    meant = f"did you mean {near[0]!r}? " if near else ""
    more = f" and {len(listed) - _MOST_LISTED} more" if len(listed) > _MOST_LISTED else ""
    return f"{meant}known: {one_line(', '.join(listed[:_MOST_LISTED]))}{more}"
