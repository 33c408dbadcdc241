"""The paper's claims: what it expects, how near is near enough, and what is simulated."""

import csv
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from sim.errors import ScenarioError
from sim.study.paper.set_up import FOLDER

CLAIMS = FOLDER / "claims.csv"
_ROUNDING = 1e-9
_POINT = 1.0
"""Shares are in per cent."""


class Claim(NamedTuple):
    """One line of claims.csv."""

    claim: str
    subject: str
    expected: str
    """A number, several with `or` between them, or a range: `200 to 245`."""
    tolerance: str
    """`3 %`, `1 point`, `exact`, `within` (a range), `at least`, `at most`, `above`, `below`."""
    unit: str
    figure: str
    """The one that shows it."""

    @property
    def key(self) -> tuple[str, str]:
        """What no other line has."""
        return self.claim, self.subject

    def holds(self, simulated: float) -> bool:
        """Whether what was simulated is what was expected."""
        if self.tolerance == "within":
            low, high = map(float, self.expected.split(" to "))
            return low <= simulated <= high
        return any(self._is_met(simulated, float(one)) for one in self.expected.split(" or "))

    def _is_met(self, simulated: float, expected: float) -> bool:
        match self.tolerance.split():
            case ["at", "least"]:
                return simulated >= expected
            case ["at", "most"]:
                return simulated <= expected
            case ["above"]:
                return simulated > expected
            case ["below"]:
                return simulated < expected
            case ["exact"]:
                return abs(simulated - expected) <= _ROUNDING * abs(expected)
            case [_, "point"]:
                return abs(simulated - expected) <= _POINT
            case [number, "%"]:
                return abs(simulated - expected) <= float(number) / 100 * abs(expected)
        raise ScenarioError(
            f"{CLAIMS.name}: {self.claim}: tolerance {self.tolerance!r} is not known"
        )


def read_claims(path: Path = CLAIMS) -> list[Claim]:
    """The table of claims."""
    with path.open(encoding="utf-8", newline="") as file:
        return [Claim(**row) for row in csv.DictReader(file)]


def claim_rows(
    claims: Iterable[Claim], simulated: Mapping[tuple[str, str], float]
) -> list[dict[str, Any]]:
    """A row a claim: expected, simulated, and whether it passes."""
    return [
        {
            "claim": one.claim,
            "subject": one.subject,
            "expected": one.expected,
            "tolerance": one.tolerance,
            "unit": one.unit,
            "simulated": simulated[one.key],
            "pass": bool(one.holds(simulated[one.key])),
        }
        for one in claims
    ]
