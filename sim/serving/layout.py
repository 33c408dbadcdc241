"""Which devices each replica runs on, and whether a deployment is possible at all."""

from collections.abc import Iterator
from dataclasses import dataclass

from sim.errors import ScenarioError
from sim.spec.device import DeviceSpec
from sim.spec.model import GroupedAttention, ModelSpec
from sim.spec.scenario import Pool, Scenario


@dataclass(frozen=True, slots=True)
class ReplicaLayout:
    """The devices of one replica: tp fastest, then dp."""

    pool: Pool
    number: int
    """Within its pool."""
    devices: tuple[int, ...]
    device: DeviceSpec
    """All of a replica's devices are of one kind."""
    ep: int
    expert_tp: int
    moe_entry: str

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
        """The devices of each rank."""
        starts = range(0, len(self.devices), self.tp)
        return [self.devices[start : start + self.tp] for start in starts]

    @property
    def expert_groups(self) -> list[tuple[int, ...]]:
        """The devices of each group of experts."""
        starts = range(0, len(self.devices), self.expert_tp)
        return [self.devices[start : start + self.expert_tp] for start in starts]


def replica_layouts(scenario: Scenario) -> list[ReplicaLayout]:
    """Every replica of every pool on its devices; ScenarioError where that cannot be."""
    kinds = scenario.topology.devices
    layouts: list[ReplicaLayout] = []
    taken: set[int] = set()
    for index, pool in enumerate(scenario.deployment.pools):
        where = f"deployment.pools.{index}"
        _check_parallelism(pool, scenario.model, where)
        free = (number for number in range(len(kinds)) if number not in taken)
        for number, devices in enumerate(_devices(pool, free, len(kinds), where)):
            _check_devices(devices, taken, kinds, where)
            taken.update(devices)
            layouts.append(_layout(pool, number, devices, kinds[devices[0]], scenario.model))
    return layouts


def _layout(
    pool: Pool, number: int, devices: tuple[int, ...], device: DeviceSpec, model: ModelSpec
) -> ReplicaLayout:
    experts = pool.experts
    is_dense = model.experts is None
    expert_tp = 1 if is_dense else experts.expert_tp
    ep = 1 if is_dense else len(devices) // expert_tp
    entry = experts.moe_entry or ("replicate" if ep == 1 and pool.attention.dp == 1 else "scatter")
    return ReplicaLayout(pool, number, devices, device, ep, expert_tp, entry)


def _devices(
    pool: Pool, free: Iterator[int], in_cluster: int, where: str
) -> Iterator[tuple[int, ...]]:
    size = pool.devices_per_replica
    needed = size * pool.replicas
    numbers = list(free) if pool.devices is None else list(pool.devices)
    if len(numbers) < needed or (pool.devices is not None and len(numbers) != needed):
        raise ScenarioError(
            f"{where}: {pool.replicas} replicas of {size} devices (tp {pool.attention.tp} x dp "
            f"{pool.attention.dp}) need {needed} devices, not the {len(numbers)} "
            f"{'listed' if pool.devices else f'free of {in_cluster}'}; change replicas, tp, dp or "
            "the topology"
        )
    for start in range(0, needed, size):
        yield tuple(numbers[start : start + size])


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
            "list 'devices' of one kind"
        )


def _check_parallelism(pool: Pool, model: ModelSpec, where: str) -> None:
    tp, dp = pool.attention.tp, pool.attention.dp
    if model.attention.heads % tp:
        raise ScenarioError(
            f"{where}.attention.tp: {tp} does not divide the {model.attention.heads} heads of "
            f"{model.name}; choose a divisor"
        )
    _check_kv_heads(model, tp, where)
    _check_linear_heads(model, tp, where)
    if model.experts is None:
        _check_dense(pool, model, where)
        return
    experts = pool.experts
    ep = experts.ep if experts.ep is not None else tp * dp // experts.expert_tp
    if ep * experts.expert_tp != tp * dp:
        raise ScenarioError(
            f"{where}.experts: ep {ep} x expert_tp {experts.expert_tp} must equal tp {tp} x dp {dp}"
            f" = {tp * dp}"
        )
    if model.experts.experts % ep:
        raise ScenarioError(
            f"{where}.experts.ep: {ep} does not divide the {model.experts.experts} experts of "
            f"{model.name}; choose a divisor"
        )
    if model.experts.intermediate_size % experts.expert_tp:
        raise ScenarioError(
            f"{where}.experts.expert_tp: {experts.expert_tp} does not divide the experts' "
            f"intermediate_size {model.experts.intermediate_size}; choose a divisor"
        )
    if experts.moe_entry == "replicate" and dp > 1:
        raise ScenarioError(
            f"{where}.experts.moe_entry: 'replicate' needs one rank, not dp {dp}; write 'scatter'"
        )


def _check_kv_heads(model: ModelSpec, tp: int, where: str) -> None:
    if isinstance(model.attention, GroupedAttention):
        small, large = sorted((model.attention.kv_heads, tp))
        if large % small:
            raise ScenarioError(
                f"{where}.attention.tp: {tp} and the {model.attention.kv_heads} kv_heads of "
                f"{model.name} do not divide one another; choose another tp"
            )


def _check_linear_heads(model: ModelSpec, tp: int, where: str) -> None:
    if model.linear is not None and model.linear.key_heads % tp:
        raise ScenarioError(
            f"{where}.attention.tp: {tp} does not divide the {model.linear.key_heads} key heads of "
            f"the linear layers of {model.name}; choose a divisor"
        )


def _check_dense(pool: Pool, model: ModelSpec, where: str) -> None:
    if pool.attention.dp > 1:
        raise ScenarioError(
            f"{where}.attention.dp: {pool.attention.dp} ranks of {model.name}, which has no "
            "experts to share, are no replica; write dp: 1 and more 'replicas'"
        )
    given = pool.experts
    if (given.ep or 1) > 1 or given.expert_tp > 1 or given.moe_entry is not None:
        raise ScenarioError(f"{where}.experts: {model.name} has no experts; leave 'experts' out")
