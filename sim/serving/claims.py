"""Which devices each replica gets: the next free ones, those listed, or some of named groups."""

from collections.abc import Sequence
from dataclasses import dataclass

from sim.errors import ScenarioError
from sim.physics.activations import Holding
from sim.serving.layout import Place, ReplicaLayout, parts
from sim.serving.parallelism import check_parallelism, expert_groups
from sim.spec.device import DeviceSpec
from sim.spec.scenario import Pool, Scenario
from sim.spec.topology import TopologySpec


@dataclass(frozen=True, slots=True)
class _Claim:
    """What a replica asks for: so many devices, for a part of its work."""

    holds: tuple[Holding, ...]
    key: str
    group: str | None
    """None for any devices."""
    size: int
    made_of: str


def replica_layouts(scenario: Scenario) -> list[ReplicaLayout]:
    """Every replica of every pool on its devices; ScenarioError where that cannot be."""
    layouts: list[ReplicaLayout] = []
    taken: set[int] = set()
    for index, pool in enumerate(scenario.deployment.pools):
        where = f"deployment.pools.{index}"
        check_parallelism(pool, scenario.model, where)
        claims = _claims(pool, scenario, where)
        by_claim = [_devices(pool, claim, scenario.topology, taken, where) for claim in claims]
        for number in range(pool.replicas):
            places = tuple(
                _place(claim, devices[number], scenario.topology)
                for claim, devices in zip(claims, by_claim, strict=True)
            )
            layouts.append(_layout(pool, number, places, is_dense=scenario.model.experts is None))
    return layouts


def _claims(pool: Pool, scenario: Scenario, where: str) -> list[_Claim]:
    attention, experts = pool.attention, pool.experts
    of_ranks = f"tp {attention.tp} x dp {attention.dp}"
    held: list[Holding] = ["ranks"]
    others: list[_Claim] = []
    if attention.core_on is None:
        held.append("cache")
    else:
        key, size = "attention.core_on", pool.attention_devices
        others.append(_Claim(("cache",), key, attention.core_on, size, of_ranks))
    if experts.on is None:
        held.append("experts")
    else:
        ep, expert_tp = expert_groups(pool), experts.expert_tp
        made_of = f"ep {ep} x expert_tp {expert_tp}"
        others.append(_Claim(("experts",), "experts.on", experts.on, ep * expert_tp, made_of))
    group = attention.on
    if group is None and others:
        group = _first_group(scenario.topology, [claim.group for claim in others])
    claim = _Claim(tuple(held), "attention.on", group, pool.attention_devices, of_ranks)
    for one in (claim, *others):
        _check_group(one, pool, scenario.topology, where)
    return [claim, *others]


def _first_group(topology: TopologySpec, named: Sequence[str | None]) -> str:
    """The first group of devices that is not named; if all are, the first."""
    groups = list(dict.fromkeys(topology.device_groups))
    return next((group for group in groups if group not in named), groups[0])


def _check_group(claim: _Claim, pool: Pool, topology: TopologySpec, where: str) -> None:
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


def _devices(
    pool: Pool, claim: _Claim, topology: TopologySpec, taken: set[int], where: str
) -> list[tuple[int, ...]]:
    """Those of each replica, which are taken from now on."""
    kinds, groups = topology.devices, topology.device_groups
    able = [number for number, name in enumerate(groups) if claim.group in (None, name)]
    numbers = [number for number in able if number not in taken]
    if pool.devices is not None:
        numbers = list(pool.devices)
    _check_number(pool, claim, numbers, len(able), where)
    found = parts(tuple(numbers[: claim.size * pool.replicas]), claim.size)
    for devices in found:
        _check_devices(devices, taken, kinds, where)
        taken.update(devices)
    return found


def _check_number(pool: Pool, claim: _Claim, numbers: list[int], in_all: int, where: str) -> None:
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


def _check_devices(
    devices: tuple[int, ...], taken: set[int], kinds: tuple[DeviceSpec, ...], where: str
) -> None:
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


def _place(claim: _Claim, devices: tuple[int, ...], topology: TopologySpec) -> Place:
    return Place(devices, topology.devices[devices[0]], claim.holds)


def _layout(pool: Pool, number: int, places: tuple[Place, ...], *, is_dense: bool) -> ReplicaLayout:
    experts = pool.experts
    expert_tp = 1 if is_dense else experts.expert_tp
    ep = 1 if is_dense else expert_groups(pool)
    is_whole = ep == 1 and pool.attention.dp == 1 and experts.on is None
    entry = experts.moe_entry or ("replicate" if is_whole else "scatter")
    return ReplicaLayout(pool, number, places, ep, expert_tp, entry)
