"""What a replica asks of the cluster's devices, and whether it can have that."""

from dataclasses import dataclass

from sim.errors import ScenarioError
from sim.physics.activations import Holding
from sim.spec.device import DeviceSpec
from sim.spec.scenario import Pool
from sim.spec.topology import TopologySpec


@dataclass(frozen=True, slots=True)
class Claim:
    """What a replica asks for: so many devices, for a part of its work."""

    holds: tuple[Holding, ...]
    key: str
    group: str | None
    """None for any devices."""
    size: int
    made_of: str


def check_group(claim: Claim, pool: Pool, topology: TopologySpec, where: str) -> None:
    """Whether the group that is named is one of devices."""
    if claim.group is None:
        return
    groups = list(dict.fromkeys(topology.device_groups))
    if claim.group not in groups:
        is_there = claim.group in topology.groups
        raise ScenarioError(
            f"{where}.{claim.key}: {claim.group!r:.60} is no group of "
            f"{'devices' if is_there else 'the topology'}; choose from {', '.join(groups):.500}"
        )
    if pool.devices is not None:
        raise ScenarioError(
            f"{where}.devices: 'on' and 'core_on' take devices by their groups; leave out one of "
            "the two"
        )


def check_number(pool: Pool, claim: Claim, numbers: list[int], in_all: int, where: str) -> None:
    """Whether there are enough devices, or as many listed as are needed."""
    needed = claim.size * pool.replicas
    if len(numbers) == needed or (pool.devices is None and len(numbers) > needed):
        return
    at = where if claim.group is None else f"{where}.{claim.key}"
    of_group = "" if claim.group is None else f" of group {claim.group}"
    there = "listed" if pool.devices else f"free of {in_all}"
    keys = claim.made_of.split()[::3]
    raise ScenarioError(
        f"{at}: {pool.replicas} replicas of {claim.size} devices ({claim.made_of}) need {needed} "
        f"devices{of_group}, not the {len(numbers)} {there}; change replicas, {', '.join(keys)} or "
        "the topology"
    )


def check_devices(
    devices: tuple[int, ...], taken: set[int], kinds: tuple[DeviceSpec, ...], where: str
) -> None:
    """Whether these are devices of one kind that nobody else has."""
    for device in devices:
        if device >= len(kinds):
            raise ScenarioError(
                f"{where}.devices: {device} is not a device; the topology has 0 to {len(kinds) - 1}"
            )
        if device in taken or devices.count(device) > 1:
            raise ScenarioError(f"{where}.devices: {device} is used twice; give each device once")
    names = sorted({kinds[device].name for device in devices})
    if len(names) > 1:
        raise ScenarioError(
            f"{where}: one replica on devices of kinds {', '.join(names)}; "
            "list 'devices' of one kind, or name groups with 'on'"
        )
