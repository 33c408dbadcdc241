"""What is measured: the entries of workloads.yaml, checked, and the bars they must pass."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, ValidationError, model_validator

from sim.catalog.files import read_document
from sim.errors import ScenarioError
from sim.spec.base import Count, Spec

FOLDER = Path(__file__).parent
SCENARIOS = FOLDER / "scenarios"

_BAR = re.compile(r"(\w+) (<=|>=) ([0-9.e]+)")


def alternatives(bar: str) -> list[tuple[str, str, float]]:
    """(figure, <= or >=, number) of each: to pass a bar, one of them is enough."""
    found = [_BAR.fullmatch(one) for one in bar.split(" or ")]
    return [(one[1], one[2], float(one[3])) for one in found if one]


def passes(bar: str, line: Mapping[str, Any]) -> bool:
    """Whether these figures are at least as good as the bar."""
    return any(
        line[figure] <= number if sign == "<=" else line[figure] >= number
        for figure, sign, number in alternatives(bar)
    )


def _checked(bar: str) -> str:
    if len(alternatives(bar)) != len(bar.split(" or ")):
        raise ValueError(f"{bar!r} is not like 'cpu_s <= 150', or several of these with 'or'")
    return bar


_List = Field(strict=False, min_length=1)
_Settings = Annotated[tuple[str, ...], Field(strict=False)]


class Run(Spec):
    """One run from its first request to its last."""

    scenario: str
    set: _Settings = ()
    requests: Count
    replays: Literal["azure"] | None = None
    """The trace that takes the place of the scenario's requests, where it is at hand."""


class Window(Spec):
    """The steps by which one closed batch outlives another, equal one."""

    scenario: str
    set: _Settings = ()
    sequences_per_rank: Count
    steps: Count


class Linear(Spec):
    """Runs of more and more requests."""

    scenario: str
    set: _Settings = ()
    requests: Annotated[tuple[Count, ...], _List]


class Flat(Spec):
    """Windows with larger and larger batches."""

    scenario: str
    set: _Settings = ()
    sequences_per_rank: Annotated[tuple[Count, ...], _List]
    steps: Count


class Start(Spec):
    """Commands that do nothing but start, each so many times."""

    times: Count


class Workload(Spec):
    """One entry: what it is, exactly one way to measure it, and its bars."""

    about: str
    run: Run | None = None
    window: Window | None = None
    linear: Linear | None = None
    flat: Flat | None = None
    start: Start | None = None
    bars: Annotated[tuple[Annotated[str, AfterValidator(_checked)], ...], _List]

    @model_validator(mode="after")
    def _measured_in_one_way(self) -> "Workload":
        if len(self._given) != 1:
            raise ValueError("give exactly one of run, window, linear, flat, start")
        return self

    @property
    def _given(self) -> list[Run | Window | Linear | Flat | Start]:
        ways = (self.run, self.window, self.linear, self.flat, self.start)
        return [way for way in ways if way is not None]

    @property
    def measure(self) -> Run | Window | Linear | Flat | Start:
        """How it is measured."""
        return self._given[0]


def workloads(path: Path = FOLDER / "workloads.yaml") -> dict[str, Workload]:
    """All of them by name, in the order in which they run."""
    document = read_document(path)
    return {
        name: _workload(f"{document.name}: {name}", one) for name, one in document.mapping.items()
    }


def _workload(where: str, given: Any) -> Workload:
    try:
        return Workload.model_validate(given)
    except ValidationError as error:
        first = error.errors()[0]
        key = "".join(f".{part}" for part in first["loc"])
        raise ScenarioError(f"{where}{key}: {first['msg']}") from None
