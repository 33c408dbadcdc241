"""What happens to links during a run, and bytes that move beside serving."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from sim.spec.base import (
    AtLeastZero,
    BytesPerSecond,
    MisfitError,
    PositiveBytes,
    PositiveSeconds,
    Seconds,
    Share,
    Spec,
)


class FailedLink(Spec):
    """Nothing crosses these links any more, in either direction."""

    kind: Literal["fail"]
    link: str
    """`box0/gpu0-box0/nvswitch0`; all links of a part, `box0/nic3`; or all of a kind, `nvlink4`."""
    at_s: Seconds
    """From when on."""
    until_s: PositiveSeconds | None = None
    """Until when; by default to the end of the run."""

    @model_validator(mode="after")
    def _ends_later(self) -> "FailedLink":
        _check_end(self.at_s, self.until_s)
        return self


class DegradedLink(Spec):
    """These links, and `through PART` too, carry less; where several overlap the least holds."""

    kind: Literal["degrade"]
    link: str
    """As for fail; or one direction, `box0/cpu0>box0/cpu1`."""
    to_share: Share
    """Of what they were built to carry."""
    at_s: Seconds
    """From when on."""
    until_s: PositiveSeconds | None = None
    """Until when; by default to the end of the run."""

    @model_validator(mode="after")
    def _ends_later(self) -> "DegradedLink":
        _check_end(self.at_s, self.until_s)
        return self


LinkEvent = Annotated[FailedLink | DegradedLink, Field(discriminator="kind")]
LinkEvents = Annotated[tuple[LinkEvent, ...], Field(strict=False)]

Devices = Annotated[tuple[AtLeastZero | str, ...], Field(strict=False, min_length=1)]
"""Each a number, a name as in `box0/gpu3`, or a box with all of its devices, `box0`."""


class Movement(Spec):
    """Bytes that move between devices beside serving: one transfer, or one every so often."""

    name: str
    """The name in results."""
    from_devices: Devices
    """Who sends: numbers, names as in `box0/gpu3`, or boxes, `box0`."""
    to_devices: Devices
    """Who receives: as many, one each; one, all; or several from one."""
    bytes: PositiveBytes
    """What each pair of them moves."""
    at_s: Seconds = 0.0
    """When it begins."""
    every_s: PositiveSeconds | None = None
    """It begins anew after so long, or when it has ended if that is later; by default never."""
    until_s: PositiveSeconds | None = None
    """None begins at this instant or later."""
    at_most_bytes_per_s: BytesPerSecond | None = None
    """Each pair goes no faster."""

    @model_validator(mode="after")
    def _begins_before_its_end(self) -> "Movement":
        _check_end(self.at_s, self.until_s)
        return self


Movements = Annotated[tuple[Movement, ...], Field(strict=False)]


def _check_end(at_s: float, until_s: float | None) -> None:
    if until_s is not None and until_s <= at_s:
        raise MisfitError(("until_s",), f"{until_s:g} s is not after at = {at_s:g} s; change one")
