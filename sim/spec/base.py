"""What all specs share: frozen, closed to unknown keys, and quantities that carry their unit.

A file writes `memory: 80 GB`; the field is `memory_bytes`. The unit's ending may be left out of a
key, and '-' and '_' are the same. Where several fields differ only in their units, the shorter
ending is meant: `memory` is `memory_bytes` and never `memory_bytes_per_s`. From Python, where the
name says the unit, a float is taken.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    ValidationInfo,
    WithJsonSchema,
    model_validator,
)

from sim import units

Key = str | int

FROM_FILE = {"from_file": True}
"""The validation context in which a quantity without a unit is refused."""


class MisfitError(ValueError):
    """What does not fit together in a spec, and the key that says it."""

    def __init__(self, at: tuple[Key, ...], text: str) -> None:
        self.at = at
        self.text = text
        super().__init__(f"{'.'.join(map(str, at))}: {text}")


class Spec(BaseModel):
    """A frozen value that is checked when it is made, and never again."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _full_names(cls, given: Any) -> Any:
        if not isinstance(given, dict):
            return given
        named: dict[str, Any] = {}
        for key, value in given.items():
            name = full_name(str(key), cls.model_fields)
            if name in named:
                raise MisfitError((str(key),), f"is {name}, which is given twice; keep one")
            named[name] = value
        return named


def full_name(key: str, fields: Mapping[str, Any]) -> str:
    """The field that a key of a file means; the key itself where there is none."""
    name = key.replace("-", "_")
    if name in fields:
        return name
    meant = (name + suffix for suffix in units.UNIT_OF_SUFFIX if name + suffix in fields)
    return min(meant, key=len, default=name)


def _quantity(unit: str) -> Any:
    def read(value: object, info: ValidationInfo) -> object:
        is_from_file = bool(info.context and info.context.get("from_file"))
        is_number = isinstance(value, float | int) and not isinstance(value, bool)
        return value if is_number and not is_from_file else units.parse(value, unit)

    def write(value: float) -> str:
        return units.write(value, unit)

    in_files = {
        "type": "string",
        "pattern": units.pattern(unit),
        "examples": [units.EXAMPLES[unit]],
    }
    return BeforeValidator(read), PlainSerializer(write, when_used="json"), WithJsonSchema(in_files)


@dataclass(frozen=True, slots=True, eq=False)
class OrWritten:
    """A further form in which files may write a value, as its JSON Schema has it."""

    form: dict[str, Any]

    def __get_pydantic_json_schema__(self, core: Any, handler: Any) -> dict[str, Any]:
        return {"anyOf": [self.form, handler(core)]}


_AT_LEAST_ZERO, _ABOVE_ZERO = Field(ge=0), Field(gt=0)
_LEAST, _MOST = 1e-15, 1e30


def _within_reach(value: float) -> float:
    # Nothing in a cluster is so small or so large, and products of such numbers would overflow.
    if value and not _LEAST <= abs(value) <= _MOST:
        raise ValueError(f"{value:g} is out of reach; write a number from {_LEAST:g} to {_MOST:g}")
    return value


_WITHIN_REACH = AfterValidator(_within_reach)

Seconds = Annotated[float, *_quantity("s"), _AT_LEAST_ZERO, _WITHIN_REACH]
PositiveSeconds = Annotated[float, *_quantity("s"), _ABOVE_ZERO, _WITHIN_REACH]
Bytes = Annotated[float, *_quantity("B"), _AT_LEAST_ZERO, _WITHIN_REACH]
PositiveBytes = Annotated[float, *_quantity("B"), _ABOVE_ZERO, _WITHIN_REACH]
BytesPerSecond = Annotated[float, *_quantity("B/s"), _ABOVE_ZERO, _WITHIN_REACH]
FlopPerSecond = Annotated[float, *_quantity("FLOP/s"), _ABOVE_ZERO, _WITHIN_REACH]
PerSecond = Annotated[float, *_quantity("/s"), _ABOVE_ZERO, _WITHIN_REACH]
Watts = Annotated[float, *_quantity("W"), _AT_LEAST_ZERO, _WITHIN_REACH]
Weight = Annotated[float, _ABOVE_ZERO, _WITHIN_REACH]
"""How likely one of several is, beside the others."""
Count = Annotated[int, _ABOVE_ZERO, Field(le=10**12)]
"""A whole number that stays exact in 64 bits when multiplied by another small one."""
AtLeastZero = Annotated[int, _AT_LEAST_ZERO, Field(le=10**12)]
Share = Annotated[float, Field(gt=0, le=1), _WITHIN_REACH]
"""A part of a whole, above 0 and at most 1: efficiencies, and the memory an engine may use."""


def _check_source(given: object) -> object:
    texts = [*given, *given.values()] if isinstance(given, dict) else [given]
    if not all(isinstance(text, str) for text in texts):
        raise ValueError(f"{given!r:.60} is not a text or a text for each key; write one")
    return given


Source = Annotated[str | dict[str, str], BeforeValidator(_check_source)]
"""Where the numbers of a file come from: one text for all, or a text for each key."""
