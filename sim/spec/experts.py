"""What a scenario says of experts: who is chosen, where they lie and move, how tokens get there."""

from typing import Literal

from pydantic import model_validator

from sim.spec.base import AtLeastZero, Count, MisfitError, Spec
from sim.spec.popularity import Drift, Popularity, UniformPopularity


class Rebalance(Spec):
    """Experts move every so often to where the tokens counted since would have been balanced."""

    every_steps: Count | None = None
    """Steps of a replica from one rebalancing to the next; by default experts stay."""
    window_steps: Count | None = None
    """Only the tokens of so many steps before each count; by default of all since the last one."""

    @model_validator(mode="after")
    def _the_window_lies_between_two(self) -> "Rebalance":
        if self.every_steps is not None and (self.window_steps or 0) > self.every_steps:
            raise MisfitError(
                ("window_steps",),
                f"{self.window_steps} is above every_steps = {self.every_steps}; counts start anew "
                "with each rebalancing",
            )
        return self


class Experts(Spec):
    """Which experts tokens choose, where these lie, and how tokens get there."""

    popularity: Popularity = UniformPopularity(kind="uniform")
    """Which experts tokens choose."""
    drift: Drift = Drift()
    """How popularity changes."""
    placement: Literal["contiguous", "strided", "random", "balanced"] = "contiguous"
    """Which experts a device has, at first where they are rebalanced; balanced: so that devices
    expect equal loads, by the popularity at the start."""
    redundant_experts: AtLeastZero = 0
    """Experts of each layer beyond one of each: further copies of those with the highest loads."""
    rebalance: Rebalance = Rebalance()
    """How experts move."""
    dispatch: Literal["per-expert", "per-device", "per-node"] = "per-expert"
    """One copy of a token for each of its experts, for each device, or for each box."""
    draws: Literal["expert", "device"] = "expert"
    """What is drawn in each step. device: faster; which experts of a device are active is then an
    expectation, which shortens the slowest device's time where tokens are few."""

    @model_validator(mode="after")
    def _somebody_knows_the_loads(self) -> "Experts":
        moves = self.rebalance.every_steps is not None
        if self.redundant_experts and self.placement != "balanced" and not moves:
            raise MisfitError(
                ("redundant_experts",),
                f"nobody knows of which experts to make {self.redundant_experts} more copies; "
                "write 'placement: balanced', or 'rebalance' to learn it from the run",
            )
        if moves and self.draws == "device":
            raise MisfitError(
                ("rebalance",), "needs the tokens of each expert; write 'draws: expert'"
            )
        return self
