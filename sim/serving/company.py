"""Who shares links with whom: a replica may take its steps in one go while the others sleep."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field


@dataclass(slots=True, eq=False)
class Company:
    """One replica among those whose transfers may use the same links."""

    others: list["Company"] = field(default_factory=list)
    is_busy: bool = False
    disturb: Callable[[], None] | None = None
    """How to tell it that somebody has come, while it counts on being alone."""

    @property
    def is_alone(self) -> bool:
        """Whether nobody else uses its links."""
        return not any(other.is_busy for other in self.others)

    def begin(self) -> None:
        """Use the links from now on; who was alone on them is told."""
        if self.is_busy:
            return
        self.is_busy = True
        for other in self.others:
            if other.disturb is not None:
                other.disturb()

    def end(self) -> None:
        """Leave the links alone, for want of work."""
        self.is_busy = False


def companies(used_links: Sequence[frozenset[int]]) -> list[Company]:
    """One for each replica, from the links that each may use."""
    found = [Company() for _ in used_links]
    introduce(found, used_links)
    return found


def introduce(
    all_: Sequence[Company], used_links: Sequence[frozenset[int]], to_all: Company | None = None
) -> None:
    """Let each know those that may use the same links, and one that may disturb everybody."""
    for number, one in enumerate(all_):
        one.others = [
            all_[place]
            for place, links in enumerate(used_links)
            if place != number and links & used_links[number]
        ]
        if to_all is not None:
            one.others.append(to_all)
    if to_all is not None:
        to_all.others = [*all_]
