"""Which devices each replica runs on, and what of it lies where.

It gets the next free ones, those listed, or some of the groups that are named.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from sim.physics.activations import Holding
from sim.physics.attention_parts import Mla
from sim.physics.attention_stages import ATTENTION, stage
from sim.physics.work import Operator
from sim.serving.claims import Claim, check_devices, check_group, check_number
from sim.serving.parallelism import check_parallelism, expert_groups
from sim.spec.device import DeviceSpec
from sim.spec.scenario import Pool, Scenario
from sim.spec.topology import TopologySpec


@dataclass(frozen=True, slots=True)
class Place:
    """Devices of one kind that do the same part of a replica's work."""

    devices: tuple[int, ...]
    device: DeviceSpec
    holds: tuple[Holding, ...]


@dataclass(frozen=True, slots=True)
class ReplicaLayout:
    """The devices of one replica: of attention, of cores, of experts; tp fastest, then dp."""

    pool: Pool
    number: int
    """Within its pool."""
    places: tuple[Place, ...]
    """Attention's first."""
    ep: int
    expert_tp: int
    moe_entry: str

    @property
    def devices(self) -> tuple[int, ...]:
        """All of them, place after place."""
        return tuple(device for place in self.places for device in place.devices)

    @property
    def device(self) -> DeviceSpec:
        """Attention's kind."""
        return self.places[0].device

    @property
    def attention(self) -> Place:
        """The ranks: all of them but what lies elsewhere."""
        return self.places[0]

    @property
    def cores(self) -> Place:
        """Where the cache is, and with it the cores of attention."""
        return self._holding("cache")

    @property
    def experts(self) -> Place:
        """Where the routed experts are, or would be."""
        return self._holding("experts")

    @property
    def has_own_cores(self) -> bool:
        """Whether the cache lies on devices of its own."""
        return self.cores is not self.attention

    @property
    def has_own_experts(self) -> bool:
        """Whether the routed experts lie on devices of their own."""
        return self.experts is not self.attention

    @property
    def tp(self) -> int:
        """Devices of one rank."""
        return self.pool.attention.tp

    @property
    def dp(self) -> int:
        """Ranks."""
        return self.pool.attention.dp

    @property
    def shared_tp(self) -> int:
        """Devices that share the weights of shared experts: those that have the same tokens."""
        return 1 if self.moe_entry == "scatter" else self.tp

    @property
    def ranks(self) -> list[tuple[int, ...]]:
        """The devices of attention of each rank."""
        return _parts(self.attention.devices, self.tp)

    @property
    def core_ranks(self) -> list[tuple[int, ...]]:
        """The devices of each rank's cache."""
        return _parts(self.cores.devices, self.tp)

    @property
    def expert_groups(self) -> list[tuple[int, ...]]:
        """The devices of each group of experts."""
        return _parts(self.experts.devices, self.expert_tp)

    def mla(self, asked: Mla) -> Mla:
        """How latent attention is computed: absorbed where the cache is without the weights."""
        return "absorbed" if self.has_own_cores else asked

    def slice_of(self, place: Place) -> slice:
        """Where a place's devices stand among all."""
        number = [one is place for one in self.places].index(True)
        first = sum(len(one.devices) for one in self.places[:number])
        return slice(first, first + len(place.devices))

    def place_of(self, operator: Operator) -> Place:
        """Where a kernel other than the routed experts runs."""
        is_core = operator.phase in ATTENTION and stage(operator.name) == "core"
        return self.cores if is_core else self.attention

    def _holding(self, what: Holding) -> Place:
        return next(place for place in self.places if what in place.holds)


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


def _claims(pool: Pool, scenario: Scenario, where: str) -> list[Claim]:
    attention, experts = pool.attention, pool.experts
    of_ranks = f"tp {attention.tp} x dp {attention.dp}"
    held: list[Holding] = ["ranks"]
    others: list[Claim] = []
    if attention.core_on is None:
        held.append("cache")
    else:
        key, size = "attention.core_on", pool.attention_devices
        others.append(Claim(("cache",), key, attention.core_on, size, of_ranks))
    if experts.on is None:
        held.append("experts")
    else:
        ep, expert_tp = expert_groups(pool), experts.expert_tp
        made_of = f"ep {ep} x expert_tp {expert_tp}"
        others.append(Claim(("experts",), "experts.on", experts.on, ep * expert_tp, made_of))
    group = attention.on
    if group is None and others:
        group = _first_group(scenario.topology, [claim.group for claim in others])
    claim = Claim(tuple(held), "attention.on", group, pool.attention_devices, of_ranks)
    for one in (claim, *others):
        check_group(one, pool, scenario.topology, where)
    return [claim, *others]


def _first_group(topology: TopologySpec, named: Sequence[str | None]) -> str:
    """The first group of devices that is not named; if all are, the first."""
    groups = list(dict.fromkeys(topology.device_groups))
    return next((group for group in groups if group not in named), groups[0])


def _devices(
    pool: Pool, claim: Claim, topology: TopologySpec, taken: set[int], where: str
) -> list[tuple[int, ...]]:
    """Those of each replica, which are taken from now on."""
    kinds, groups = topology.devices, topology.device_groups
    able = [number for number, name in enumerate(groups) if claim.group in (None, name)]
    numbers = [number for number in able if number not in taken]
    if pool.devices is not None:
        numbers = list(pool.devices)
    check_number(pool, claim, numbers, len(able), where)
    found = _parts(tuple(numbers[: claim.size * pool.replicas]), claim.size)
    for devices in found:
        check_devices(devices, taken, kinds, where)
        taken.update(devices)
    return found


def _place(claim: Claim, devices: tuple[int, ...], topology: TopologySpec) -> Place:
    return Place(devices, topology.devices[devices[0]], claim.holds)


def _layout(pool: Pool, number: int, places: tuple[Place, ...], *, is_dense: bool) -> ReplicaLayout:
    experts = pool.experts
    expert_tp = 1 if is_dense else experts.expert_tp
    ep = 1 if is_dense else expert_groups(pool)
    is_whole = ep == 1 and pool.attention.dp == 1 and experts.on is None
    entry = experts.moe_entry or ("replicate" if is_whole else "scatter")
    return ReplicaLayout(pool, number, places, ep, expert_tp, entry)


def _parts(devices: tuple[int, ...], size: int) -> list[tuple[int, ...]]:
    """These devices in groups of so many."""
    return [devices[start : start + size] for start in range(0, len(devices), size)]
