"""A reference (name, path or mapping) with its bases merged in, and where each key came from."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sim.catalog import hugging_face_quantisation
from sim.catalog.files import Document, Key, Location, read_document
from sim.catalog.hugging_face import is_config, model_keys
from sim.catalog.keys import is_same_key, spelling
from sim.catalog.names import Kind, expanded, find, is_file, is_path
from sim.errors import ScenarioError, one_line

_REFERENCES = ("model", "topology", "workload", "profile", "device")
"""Keys of which a text is a name or a path."""


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

    def has(self, location: Location) -> bool:
        """Whether the file has this key, not one that was set later."""
        return (*self.at, *_written(self.mapping, location)) in self.lines

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
    """What the command line has set, as messages give it."""

    def where(self, location: Location, said: str = "") -> str:
        """`file:line` of this key, or of the nearest one above it; or the setting that says it.

        Where keys do not fit together, `said` names the others: one that was set is to blame.
        """
        written = _written(self.mapping, location)
        origin = self.origin(location)
        words = set(re.findall(r"[\w-]+", said))
        was_set_below = bool(written) and not origin.has(location)
        settings = list(self.settings.items())[::-1]
        to_blame = (
            *(setting for place, setting in settings if _leads_to(place, written)),
            *(setting for place, setting in settings if not words.isdisjoint(place)),
            *(
                setting
                for place, setting in settings
                if was_set_below and _leads_to(written, place)
            ),
        )
        return to_blame[0] if to_blame else origin.name(location)

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
        place[size:]: text for place, text in entry.settings.items() if _leads_to(location, place)
    }
    return Entry(mapping, (origin,), None, settings)


class _CircleError(Exception):
    """A chain of bases that comes back to where it was."""


class _NoEntryError(Exception):
    """A number as a key, past the end of the base's list."""

    def __init__(self, at: Location, entries: int) -> None:
        self.at = at
        self.entries = entries
        super().__init__(at)


def entry_of(kind: Kind, reference: str, folder: Path, seen: tuple[Path, ...] = ()) -> Entry:
    """What a name or a path stands for, with its bases."""
    path = _path_of(kind, reference, folder)
    document = read_document(path)
    place = path.resolve()
    if place in seen:
        raise _CircleError(" -> ".join(other.stem for other in (*seen, path)))
    if kind == "models" and is_config(document.mapping):
        return _from_config(document, place)
    return with_base(kind, from_document(document, path), (*seen, place))


def _from_config(document: Document, place: Path) -> Entry:
    """A model of Hugging Face: called config.json, it is named for its folder."""
    beside = place.with_name(hugging_face_quantisation.FILE)
    quantised = None
    if place.name == "config.json" and is_file(beside):
        extra = read_document(beside)
        quantised = hugging_face_quantisation.quantised(extra.mapping, extra.name)
    mapping = model_keys(document.mapping, document.name, quantised)
    origin = Origin(mapping, document.name, document.folder, {})
    stem = place.parent.name if place.stem == "config" else place.stem
    return Entry(mapping, (origin,), stem or None)


def with_base(kind: Kind, entry: Entry, seen: tuple[Path, ...] = ()) -> Entry:
    """The same with the keys of its `base` under its own; a file keeps its own name."""
    own = dict(entry.mapping)
    if "base" not in own:
        return entry
    base = own.pop("base")
    origin = entry.origin(("base",))
    where = f"{entry.where(('base',))}: {one_line('.'.join(map(str, (*origin.at, 'base'))))}"
    if not isinstance(base, str):
        raise ScenarioError(f"{where}: {base!r:.60} is not a name or a path; write one")
    try:
        below = entry_of(kind, base, origin.folder, seen)
    except _CircleError as circle:
        raise ScenarioError(f"{where}: {circle} refers to itself; name another base") from None
    except ScenarioError as problem:
        raise ScenarioError(f"{where}: {problem}") from None
    try:
        taken = dict(below.mapping)
        if entry.stem is not None:
            taken.pop("name", None)
        mapping = merged(taken, own)
    except _NoEntryError as missing:
        path = one_line(".".join(map(str, (*origin.at, *missing.at))))
        raise ScenarioError(
            f"{entry.where(missing.at)}: {path}: no such entry, the base's list has "
            f"{missing.entries}; write a number from 0 to {missing.entries - 1}"
        ) from None
    return Entry(
        mapping,
        (*entry.origins, *below.origins),
        entry.stem or below.stem,
        entry.settings,
    )


def merged(below: Mapping[str, Any], own: Mapping[str, Any], at: Location = ()) -> dict[str, Any]:
    """Own keys over those below, mapping by mapping; lists are replaced whole.

    A mapping that says its own `kind` replaces one of another kind. Keys over a name change what
    the name stands for, and numbers as keys change the entries of a list.
    """
    result = dict(below)
    owner: dict[str, str] = {}
    for key, value in own.items():
        name = spelling(below, key) or key
        if name in owner:
            # Given twice, in two spellings: both stay, and the spec refuses them.
            result[owner[name]], name = result[name], key
        owner.setdefault(name, key)
        result[name] = _over(below.get(name), value, (*at, name))
    return result


def _over(old: Any, value: Any, at: Location) -> Any:
    if not isinstance(value, Mapping):
        return value
    if isinstance(old, Mapping) and value.get("kind", old.get("kind")) == old.get("kind"):
        return merged(old, value, at)
    if isinstance(old, str) and at[-1] in _REFERENCES and "base" not in value:
        return {"base": old, **value}
    if isinstance(old, list) and value and all(str(key).isdecimal() for key in value):
        return _changed(old, value, at)
    return value


def _changed(old: list[Any], changes: Mapping[str, Any], at: Location) -> list[Any]:
    """A list with some of its entries, by number, changed."""
    entries = {str(number): entry for number, entry in enumerate(old)}
    for key, change in changes.items():
        if key not in entries:
            raise _NoEntryError((*at, key), len(old))
        entries[key] = _over(entries[key], change, (*at, ""))
    return list(entries.values())


def _path_of(kind: Kind, reference: str, folder: Path) -> Path:
    if not is_path(reference):
        return find(kind, reference)
    given = expanded(reference)
    near = folder / given
    return given if is_file(given) and not is_file(near) else near


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
    """Whether a place is this one or one above it."""
    pairs = zip(place, location, strict=False)
    return len(place) <= len(location) and all(
        is_same_key(str(key), str(part)) for key, part in pairs
    )
