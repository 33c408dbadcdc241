"""One run, completely described: equal scenarios and seeds give equal results."""

from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from sim.spec.base import (
    AtLeastZero,
    Bytes,
    Count,
    MisfitError,
    PositiveSeconds,
    Seconds,
    Share,
    Source,
    Spec,
)
from sim.spec.device import ElementType
from sim.spec.model import ModelSpec
from sim.spec.topology import TopologySpec
from sim.spec.workload import Workload


class AttentionParallel(Spec):
    """Ranks that each serve their own sequences (dp), of `tp` devices each."""

    tp: Count = 1
    dp: Count = 1


class ExpertParallel(Spec):
    """How the experts lie over the replica's devices: `ep` groups of `expert_tp` devices."""

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
    role: Literal["both"] = "both"
    """Prefill and decode on the same replica."""
    replicas: Count = 1
    attention: AttentionParallel = AttentionParallel()
    experts: ExpertParallel = ExpertParallel()
    pipeline: Literal[1] = 1
    """Stages; pipelines are not modelled."""
    devices: Annotated[tuple[AtLeastZero, ...] | None, Field(strict=False, min_length=1)] = None
    """Numbers of the devices to use, replica after replica; by default the next free ones."""

    @property
    def devices_per_replica(self) -> int:
        """Attention's and the experts' devices are the same ones."""
        return self.attention.tp * self.attention.dp


class Precision(Spec):
    """Element types. Embedding, head, router and norms stay at the activations' type."""

    weights: ElementType = "bf16"
    kv: ElementType = "bf16"
    activations: ElementType = "bf16"
    dispatch: ElementType | None = None
    """Of tokens on their way to experts; by default the activations' type."""
    combine: ElementType | None = None
    """Of tokens on their way back; by default the activations' type."""


class Deployment(Spec):
    """Which replicas run where, and who is sent to which."""

    router: Literal["round-robin", "least-loaded"] = "least-loaded"
    pools: Annotated[tuple[Pool, ...], Field(strict=False, min_length=1)] = (Pool(),)
    precision: Precision = Precision()

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
                    f"name: {name!r} is pool {names.index(name)}'s too; give each its own",
                )
        return self


class EngineProfile(Spec):
    """How near an engine comes to its machine's peaks, and what each launch costs."""

    name: str
    description: str = ""
    compute_efficiency: Share
    memory_efficiency: Share
    network_efficiency: Share
    kernel_launch_s: Seconds
    """Added to each kernel."""
    collective_launch_s: Seconds
    """Added to the latency of each collective."""
    step_overhead_s: Seconds
    """Scheduling and sampling on the host, once a step."""
    source: Source


class Engine(Spec):
    """The serving engine that every replica runs; limits are for each rank."""

    profile: EngineProfile
    max_sequences: Count = 128
    max_step_tokens: Count = 8192
    kv_block_tokens: Count = 64
    memory_share: Share = 0.9
    reserve_bytes: Bytes = 0.0
    """Kept free on each device, beside what memory_share leaves."""
    overlap: Literal["none"] = "none"
    mla: Literal["auto", "absorbed", "expanded"] = "auto"
    """How latent attention is computed; auto: decode absorbed, prefill expanded."""
    all_reduce: Literal["auto", "ring", "in-switch"] = "auto"

    @model_validator(mode="after")
    def _every_sequence_can_step(self) -> "Engine":
        if self.max_step_tokens < self.max_sequences:
            raise MisfitError(
                ("max_step_tokens",),
                f"{self.max_step_tokens} is below max_sequences = {self.max_sequences}; change "
                "one, so that every sequence can decode in every step",
            )
        return self


class UniformPopularity(Spec):
    """Every expert equally likely."""

    kind: Literal["uniform"]


class ZipfPopularity(Spec):
    """Expert e (from 1) has weight e ** -exponent, in every layer."""

    kind: Literal["zipf"]
    exponent: Annotated[float, Field(ge=0, le=10)]


class LognormalPopularity(Spec):
    """Weights drawn anew for each layer, exp(sigma * normal)."""

    kind: Literal["lognormal"]
    sigma: Annotated[float, Field(ge=0, le=10)]


class DirichletPopularity(Spec):
    """Weights drawn anew for each layer from a symmetric Dirichlet distribution."""

    kind: Literal["dirichlet"]
    concentration: Annotated[float, Field(ge=0.01)]


class TablePopularity(Spec):
    """Weights as given: one row for all layers, or a row for each layer of experts."""

    kind: Literal["table"]
    weights: Annotated[
        tuple[
            Annotated[tuple[Annotated[float, Field(gt=0)], ...], Field(strict=False, min_length=1)],
            ...,
        ],
        Field(strict=False, min_length=1),
    ]

    @model_validator(mode="after")
    def _rows_are_equally_long(self) -> "TablePopularity":
        first = len(self.weights[0])
        for number, row in enumerate(self.weights):
            if len(row) != first:
                raise MisfitError(
                    ("weights", number),
                    f"has {len(row)} weights where row 0 has {first}; give one for each expert",
                )
        return self


Popularity = Annotated[
    UniformPopularity
    | ZipfPopularity
    | LognormalPopularity
    | DirichletPopularity
    | TablePopularity,
    Field(discriminator="kind"),
]


class Experts(Spec):
    """Which experts tokens choose, where these lie, and how tokens get there."""

    popularity: Popularity = UniformPopularity(kind="uniform")
    placement: Literal["contiguous", "strided", "random"] = "contiguous"
    dispatch: Literal["per-expert", "per-device", "per-node"] = "per-expert"
    draws: Literal["expert", "device"] = "expert"
    """What is drawn in each step. device: faster; which experts of a device are active is then an
    expectation, which shortens the slowest device's time where tokens are few."""


class Slo(Spec):
    """What a request must meet to count as good."""

    ttft_s: PositiveSeconds | None = None
    tpot_s: PositiveSeconds | None = None
    e2el_s: PositiveSeconds | None = None


KeepSteps = Literal["step", "stretch", "off"]


class Record(Spec):
    """How much is kept."""

    steps: KeepSteps = "step"
    """Rows of the steps' table: one a step; one for all that were priced at once; none."""
    transfers: bool = False


class Scenario(Spec):
    """Everything that decides a run's result, with all names resolved."""

    name: str = ""
    description: str = ""
    model: ModelSpec
    topology: TopologySpec
    deployment: Deployment = Deployment()
    engine: Engine
    experts: Experts = Experts()
    workload: Workload
    slo: Slo = Slo()
    fidelity: Literal["auto", "layer"] = "auto"
    """layer: every phase of a step is an event. auto: a step is one event where that is exact."""
    record: Record = Record()
    until_s: PositiveSeconds | None = None
    """The run ends here, finished or not."""
    max_requests: Count | None = None
    """The run ends when so many requests have ended."""
    seed: AtLeastZero = 1
