"""What of a replica lies on which devices."""

from dataclasses import dataclass

from sim.physics.activations import Holding
from sim.physics.attention_parts import Mla
from sim.physics.attention_stages import ATTENTION, stage
from sim.physics.work import Operator
from sim.spec.device import DeviceSpec
from sim.spec.scenario import Pool


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
        return parts(self.attention.devices, self.tp)

    @property
    def core_ranks(self) -> list[tuple[int, ...]]:
        """The devices of each rank's cache."""
        return parts(self.cores.devices, self.tp)

    @property
    def expert_groups(self) -> list[tuple[int, ...]]:
        """The devices of each group of experts."""
        return parts(self.experts.devices, self.expert_tp)

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


def parts(devices: tuple[int, ...], size: int) -> list[tuple[int, ...]]:
    """These devices in groups of so many."""
    return [devices[start : start + size] for start in range(0, len(devices), size)]
