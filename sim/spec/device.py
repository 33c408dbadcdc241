"""What an accelerator can do, from its data sheet."""

from typing import Literal

from pydantic import Field, model_validator

from sim.spec.base import (
    BytesPerSecond,
    Count,
    FlopPerSecond,
    MisfitError,
    PositiveBytes,
    Source,
    Spec,
    Watts,
)

ElementType = Literal["fp32", "bf16", "fp8", "fp4"]

ELEMENT_BYTES: dict[str, float] = {"fp32": 4.0, "bf16": 2.0, "fp8": 1.0, "fp4": 0.5}


class DeviceSpec(Spec):
    """One accelerator; rates are peaks without sparsity."""

    name: str
    """The name in results; by default the file's."""
    description: str = ""
    """One line for `moesim list`."""
    aliases: tuple[str, ...] = Field(default=(), strict=False)
    """Other names by which measurements call it."""
    peak_flop_per_s: dict[ElementType, FlopPerSecond]
    """Of each type of number that it multiplies; any other is done in the next larger."""
    memory_bytes: PositiveBytes
    """Size of its memory."""
    memory_bytes_per_s: BytesPerSecond
    """Bandwidth of its memory."""
    idle_w: Watts
    """Power when idle."""
    peak_w: Watts
    """Power when busy."""
    processors: Count | None = None
    """Streaming multiprocessors or compute units, among which a kernel's blocks are shared."""
    cache_bytes: PositiveBytes | None = None
    """The last cache before memory."""
    measured_as: str | None = None
    """Whose measured curves it is priced with: its own, or those of a device of its family."""
    node: str | None = None
    """The topology in which it usually stands; `moesim kernel` prices collectives on it."""
    source: Source
    """Where the numbers are from: one text, or a text for each key."""

    @model_validator(mode="after")
    def _is_a_machine(self) -> "DeviceSpec":
        if "bf16" not in self.peak_flop_per_s:
            raise MisfitError(
                ("peak_flop_per_s",), "'bf16' is missing; give its rate, which all need"
            )
        if self.measured_as is not None and (self.processors is None or self.cache_bytes is None):
            raise MisfitError(
                ("measured_as",), "needs processors and cache_bytes beside it; give both, or none"
            )
        if self.idle_w > self.peak_w:
            raise MisfitError(
                ("idle_w",), f"{self.idle_w:g} W is above peak_w = {self.peak_w:g} W; change one"
            )
        return self

    def arithmetic(self, element: ElementType) -> ElementType:
        """The type in which `element` operands are multiplied: their own, or the next larger."""
        order: tuple[ElementType, ...] = ("fp4", "fp8", "bf16", "fp32")
        for larger in order[order.index(element) :]:
            if larger in self.peak_flop_per_s:
                return larger
        raise ValueError(f"{self.name} cannot compute in {element}")

    @property
    def ridge_flop_per_byte(self) -> float:
        """The intensity at which bf16 arithmetic and memory take equally long."""
        return self.peak_flop_per_s["bf16"] / self.memory_bytes_per_s
