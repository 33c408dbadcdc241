"""One run, completely described: equal scenarios and seeds give equal results."""

from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from sim.spec.base import (
    AtLeastZero,
    Bytes,
    Count,
    MisfitError,
    PositiveSeconds,
    Share,
    Spec,
)
from sim.spec.calibration import no_curves
from sim.spec.device import ElementType
from sim.spec.engine_profile import EngineProfile
from sim.spec.experts import Experts
from sim.spec.model import ModelSpec
from sim.spec.network_events import LinkEvents, Movements
from sim.spec.topology import TopologySpec
from sim.spec.workload import Workload


class AttentionParallel(Spec):
    """Ranks that each serve their own sequences (dp), of `tp` devices each."""

    tp: Count = 1
    """Devices that share a rank (tensor parallelism)."""
    dp: Count = 1
    """Ranks of a replica, each with its own sequences; more than 1 only with experts."""
    on: str | None = None
    """The group of devices of the topology; by default the next free devices, and where experts or
    cores name a group, the first group that they do not name."""
    core_on: str | None = None
    """A group of accelerators for the cache and the core of attention over it, one for each of
    attention's devices; by default these themselves."""


class ExpertParallel(Spec):
    """How the experts lie over the replica's devices: `ep` groups of `expert_tp` devices."""

    on: str | None = None
    """A group of devices of the topology, of which the routed experts get some of their own; by
    default they lie on attention's devices. Shared experts stay with attention."""
    ep: Count | None = None
    """By default, as many groups as fit: tp * dp / expert_tp."""
    expert_tp: Count = 1
    """Devices that share each expert, a slice of its intermediate size each."""
    moe_entry: Literal["scatter", "replicate"] | None = None
    """How a rank's tokens reach the experts when tp > 1. scatter: split over its devices, which
    dispatch their share. replicate: every device has them all and runs its own experts on them
    (one rank only). By default replicate where one group holds all experts, else scatter."""


class Pool(Spec):
    """Equal replicas."""

    name: str = "main"
    """The name in results; each pool its own."""
    role: Literal["both"] = "both"
    """Prefill and decode on the same replica."""
    replicas: Count = 1
    """How many there are."""
    attention: AttentionParallel = AttentionParallel()
    """How attention lies over the devices of a replica."""
    experts: ExpertParallel = ExpertParallel()
    """How the experts lie over the same devices, or over others."""
    pipeline: Literal[1] = 1
    """Stages; pipelines are not modelled."""
    devices: Annotated[tuple[AtLeastZero, ...] | None, Field(strict=False, min_length=1)] = None
    """Numbers of the devices to use, replica after replica; by default the next free ones."""

    @property
    def attention_devices(self) -> int:
        """Of a replica; without `on` and `core_on`, all that it has."""
        return self.attention.tp * self.attention.dp


class Precision(Spec):
    """Element types. Embedding, head, router and norms stay at the activations' type."""

    weights: ElementType = "bf16"
    """Of the matrices of attention, feed-forward and experts."""
    kv: ElementType = "bf16"
    """Of keys and values in the cache."""
    activations: ElementType = "bf16"
    """Of what flows between the operators."""
    dispatch: ElementType | None = None
    """Of tokens on their way to experts; by default the activations' type."""
    combine: ElementType | None = None
    """Of tokens on their way back; by default the activations' type."""


class Deployment(Spec):
    """Which replicas run where, and who is sent to which."""

    router: Literal["round-robin", "least-loaded"] = "least-loaded"
    """Who is sent to which replica."""
    pools: Annotated[tuple[Pool, ...], Field(strict=False, min_length=1)] = (Pool(),)
    """The pools of equal replicas."""
    precision: Precision = Precision()
    """The types of numbers."""

    @field_validator("pools", mode="before")
    @classmethod
    def _listed(cls, given: Any) -> Any:
        """`--set deployment.pools.0.replicas=2` where no pools are listed changes the default."""
        is_the_first = isinstance(given, dict) and list(given) == ["0"]
        return [given["0"]] if is_the_first else given

    @model_validator(mode="after")
    def _pools_have_names_of_their_own(self) -> "Deployment":
        names = [pool.name for pool in self.pools]
        for number, name in enumerate(names):
            if name in names[:number]:
                raise MisfitError(
                    ("pools", number),
                    f"name: {name!r:.60} is pool {names.index(name)}'s too; give each its own",
                )
        return self


class Engine(Spec):
    """The serving engine that every replica runs; limits are for each rank."""

    profile: EngineProfile
    """How near the engine comes to the machine's peaks."""
    max_sequences: Count = 128
    """Sequences that a rank serves at a time."""
    max_step_tokens: Count = 8192
    """Tokens in a step of a rank; at least max_sequences."""
    kv_block_tokens: Count = 64
    """Tokens in a block of the KV cache."""
    memory_share: Share = 0.9
    """Part of a device's memory that the engine may use."""
    reserve_bytes: Bytes = 0.0
    """Kept free on each device, beside what memory_share leaves."""
    overlap: Literal["none"] = "none"
    """Whether communication hides behind arithmetic; it does not yet."""
    mla: Literal["auto", "absorbed", "expanded"] = "auto"
    """How latent attention is computed; auto: decode absorbed, prefill expanded."""
    all_reduce: Literal[
        "auto", "ring", "tree", "one-shot", "two-shot", "in-switch", "hierarchical"
    ] = "auto"
    """auto: for the bytes at hand the fastest of those that the topology allows."""
    all_gather: Literal["auto", "ring", "direct", "in-switch", "hierarchical"] = "auto"
    """Of reduce-scatters, too."""

    @model_validator(mode="after")
    def _every_sequence_can_step(self) -> "Engine":
        if self.max_step_tokens < self.max_sequences:
            raise MisfitError(
                ("max_step_tokens",),
                f"{self.max_step_tokens} is below max_sequences = {self.max_sequences}; change "
                "one, so that every sequence can decode in every step",
            )
        return self


class Slo(Spec):
    """What a request must meet to count as good."""

    ttft_s: PositiveSeconds | None = None
    """Time to the first token."""
    tpot_s: PositiveSeconds | None = None
    """Time per further token."""
    e2el_s: PositiveSeconds | None = None
    """Time from the arrival to the last token."""


KeepSteps = Literal["step", "stretch", "off"]


class Record(Spec):
    """How much is kept."""

    steps: KeepSteps = "step"
    """Rows of the steps' table: one a step; one for all that were priced at once; none."""
    transfers: bool = False
    """Whether each transfer is kept."""


class Scenario(Spec):
    """Everything that decides a run's result, with all names resolved."""

    name: str = ""
    """The name in results; by default the file's."""
    description: str = ""
    """One line for `moesim list`."""
    model: ModelSpec
    """What is served."""
    topology: TopologySpec
    """The machines and the links between them."""
    deployment: Deployment = Deployment()
    """Which replicas run where."""
    engine: Engine
    """The serving engine; limits are for each rank."""
    experts: Experts = Experts()
    """How tokens get to experts; a dense model ignores it."""
    workload: Workload
    """The requests: when they arrive, and how long they are."""
    links: LinkEvents = ()
    """What happens to links during the run."""
    movements: Movements = ()
    """Bytes that move beside serving, each
    {name: weights, from_devices: [box0], to_devices: [box1], bytes: 16 GB, at: 5 s}."""
    slo: Slo = Slo()
    """What a request must meet to count as good."""
    fidelity: Literal["auto", "layer"] = "auto"
    """layer: every phase of a step is an event. auto: a step is one event where that is exact."""
    sharing: Literal["whole", "parts"] = "whole"
    """How transfers that meet share links. whole: each as one vector of bytes, all of it in step.
    parts: split by the links that the others use; nearer to what single streams do, and slower."""
    record: Record = Record()
    """How much is kept of a run."""
    until_s: PositiveSeconds | None = None
    """The run ends here, finished or not."""
    max_requests: Count | None = None
    """The run ends when so many requests have ended."""
    seed: AtLeastZero = 1
    """Of all random draws."""

    @model_validator(mode="after")
    def _movements_have_names_of_their_own(self) -> "Scenario":
        seen: set[str] = set()
        for number, movement in enumerate(self.movements):
            if movement.name in seen:
                raise MisfitError(
                    ("movements", number, "name"),
                    f"{movement.name!r:.60} is given twice; results go by it, write another",
                )
            seen.add(movement.name)
        return self

    @model_validator(mode="after")
    def _every_device_has_curves(self) -> "Scenario":
        profile = self.engine.profile
        for device in self.topology.devices:
            problem = no_curves(device, profile.calibrations)
            if problem:
                raise MisfitError(("engine", "profile"), f"{profile.name} {problem}")
        return self
