"""A reference (name, path or mapping) with its bases merged in, and where each key came from."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeGuard

from sim.catalog.files import Document, Key, Location, read_document
from sim.catalog.keys import is_same_key, spelling
from sim.catalog.names import Kind, find, is_path
from sim.errors import ScenarioError


@dataclass(frozen=True, slots=True)
class Origin:
    """One mapping as it was written, and where it stands."""

    mapping: Mapping[str, Any]
    file: str
    folder: Path
    """Where relative paths in it start."""
    lines: Mapping[Location, int]
    at: Location = ()
    """Its place in the file."""

    def depth(self, location: Location) -> int:
        """How many keys of this location it has."""
        return len(_written(self.mapping, location))

    def name(self, location: Location) -> str:
        """`file:line` of the nearest key that it has."""
        line = self.lines.get((*self.at, *_written(self.mapping, location)))
        return self.file if line is None else f"{self.file}:{line}"


@dataclass(frozen=True, slots=True)
class Entry:
    """Merged keys; the first origin wins over those after it."""

    mapping: dict[str, Any]
    origins: tuple[Origin, ...]
    stem: str | None
    """Of the file it is named for."""
    settings: Mapping[Location, str] = field(default_factory=dict)
    """What the command line has set."""

    def where(self, location: Location) -> str:
        """`file:line` of this key, or of the nearest one above it; or the setting that says it."""
        for place, setting in self.settings.items():
            if _leads_to(place, location):
                return f"--set {setting}"
        return self.origin(location).name(location)

    def origin(self, location: Location) -> Origin:
        """The file that says this key."""
        return max(self.origins, key=lambda origin: origin.depth(location))


def from_document(document: Document, path: Path) -> Entry:
    """What a file says, before its base is looked up."""
    origin = Origin(document.mapping, document.name, document.folder, document.lines)
    return Entry(document.mapping, (origin,), path.stem)


def inner(entry: Entry, location: Location, mapping: dict[str, Any]) -> Entry:
    """A mapping that stands inside another."""
    outer = entry.origin(location)
    origin = Origin(mapping, outer.file, outer.folder, outer.lines, (*outer.at, *location))
    size = len(location)
    settings = {
        place[size:]: text for place, text in entry.settings.items() if place[:size] == location
    }
    return Entry(mapping, (origin,), None, settings)


def entry_of(kind: Kind, reference: str, folder: Path, seen: tuple[Path, ...] = ()) -> Entry:
    """What a name or a path stands for, with its bases."""
    path = _path_of(kind, reference, folder)
    if path.resolve() in seen:
        chain = " -> ".join(other.stem for other in (*seen, path))
        raise ScenarioError(f"{path}: base: {chain}: refers to itself; name another base")
    entry = from_document(read_document(path), path)
    return with_base(kind, entry, (*seen, path.resolve()))


def with_base(kind: Kind, entry: Entry, seen: tuple[Path, ...] = ()) -> Entry:
    """The same with the keys of its `base` under its own."""
    own = dict(entry.mapping)
    base = own.pop("base", None)
    if base is None:
        return entry
    if not isinstance(base, str):
        raise ScenarioError(f"{entry.where(('base',))}: base: {base!r} is not a name or a path")
    try:
        below = entry_of(kind, base, entry.origin(("base",)).folder, seen)
    except ScenarioError as problem:
        if seen and "refers to itself" in str(problem):
            raise
        raise ScenarioError(f"{entry.where(('base',))}: base: {problem}") from None
    return Entry(
        merged(below.mapping, own),
        (*entry.origins, *below.origins),
        entry.stem or below.stem,
        entry.settings,
    )


def merged(below: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """Own keys over those below, mapping by mapping; lists are replaced whole.

    A mapping that says its own `kind` replaces one of another kind.
    """
    result = dict(below)
    for key, value in own.items():
        name = spelling(result, key) or key
        old = result.get(name)
        result[name] = merged(old, value) if _goes_on(old, value) else value
    return result


def _goes_on(old: Any, value: Any) -> TypeGuard[Mapping[str, Any]]:
    if not (isinstance(old, Mapping) and isinstance(value, Mapping)):
        return False
    return bool(value.get("kind", old.get("kind")) == old.get("kind"))


def _path_of(kind: Kind, reference: str, folder: Path) -> Path:
    if not is_path(reference):
        return find(kind, reference)
    given = Path(reference).expanduser()
    near = folder / given
    return near if near.exists() else given


def _written(mapping: Any, location: Location) -> Location:
    """The part of a location that the mapping has, in its own spelling; without union tags."""
    found: list[Key] = []
    for part in location:
        if isinstance(mapping, list) and isinstance(part, int) and part < len(mapping):
            found.append(part)
            mapping = mapping[part]
        elif isinstance(mapping, Mapping):
            name = spelling(mapping, str(part))
            if name is None:
                continue
            found.append(name)
            mapping = mapping[name]
    return tuple(found)


def _leads_to(place: Location, location: Location) -> bool:
    """Whether a setting says this key or one above it; union tags are passed over."""
    parts = iter(location)
    return all(any(is_same_key(str(key), str(part)) for part in parts) for key in place)
