"""Scenarios at random: whatever is small and can be deployed."""

from collections.abc import Sequence
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from sim.spec.experts import Experts
from sim.spec.scenario import Engine, Pool, Record, Scenario
from sim.spec.workload import Workload
from tests.laws.attention_models import HYBRID, SPARSE
from tests.laws.scenarios import (
    CHUNKED,
    DENSE,
    IDEAL,
    LATENT,
    MIXTURE,
    ROUGH,
    WINDOWED,
    Tokens,
    engine,
    pool,
    scenario,
    switched,
    two_sockets,
    with_cache,
    work,
)

FAST = settings(
    max_examples=8,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)
SWEEP = settings(FAST, max_examples=250)
"""For tests marked slow."""

ARRIVALS = st.one_of(
    st.just({"kind": "at-once"}),
    st.builds(
        lambda rate_per_s: {"kind": "poisson", "rate_per_s": rate_per_s},
        st.sampled_from([300.0, 3000.0]),
    ),
    st.just({"kind": "gamma", "rate_per_s": 1000.0, "burstiness": 0.5}),
    st.just({"kind": "fixed", "rate_per_s": 700.0}),
    st.builds(
        lambda concurrency, think_s: {
            "kind": "closed-loop",
            "concurrency": concurrency,
            "think_s": think_s,
        },
        st.integers(1, 6),
        st.sampled_from([0.0, 1e-3]),
    ),
)

POPULARITIES = st.sampled_from(
    [{"kind": "uniform"}, {"kind": "zipf", "exponent": 0.8}, {"kind": "lognormal", "sigma": 1.0}]
)

MACHINES = st.sampled_from(
    [
        switched(1, 4),
        switched(1, 4, reduces=True),
        switched(2, 2),
        switched(2, 2, nics=1),
        switched(2, 4, nics=2),
        two_sockets(1),
        two_sockets(2),
    ]
)


@st.composite
def dense_pools(draw: st.DrawFn, devices: int) -> Pool:
    """One or two replicas of one rank."""
    tp = draw(st.sampled_from([1, 2, 4]))
    replicas = draw(st.integers(1, min(2, devices // tp)))
    return pool(tp, replicas=replicas, devices=draw(_places(devices, tp * replicas)))


@st.composite
def expert_pools(draw: st.DrawFn, devices: int) -> Pool:
    """One or two replicas, experts spread over their devices."""
    tp, dp = draw(st.sampled_from([(1, 1), (1, 2), (2, 1), (2, 2), (1, 4), (4, 1)]))
    expert_tp = draw(st.sampled_from([one for one in (1, 2, 4) if tp * dp % one == 0]))
    entry = draw(st.sampled_from([None, "scatter"] + ["replicate"] * (dp == 1)))
    replicas = draw(st.integers(1, min(2, devices // (tp * dp))))
    places = draw(_places(devices, tp * dp * replicas))
    return pool(tp, dp, expert_tp=expert_tp, moe_entry=entry, replicas=replicas, devices=places)


def _places(devices: int, count: int) -> st.SearchStrategy[tuple[int, ...] | None]:
    """Neighbours, which share few links, or devices spread over the cluster, which share many."""
    spread = tuple(sorted(range(devices), key=lambda n: (n % (devices // 2), n))[:count])
    return st.sampled_from([None, spread])


@st.composite
def scenarios(draw: st.DrawFn, /, **fixed: Any) -> Scenario:
    """Anything small that can be deployed; half of them with a cache that is soon full."""
    machine = draw(MACHINES)
    devices = len(machine.devices)
    model = draw(st.sampled_from([DENSE, WINDOWED, CHUNKED, HYBRID, MIXTURE, LATENT, SPARSE]))
    replicas = draw(dense_pools(devices) if model.experts is None else expert_pools(devices))
    asked = scenario(
        model,
        replicas,
        on=machine,
        router=draw(st.sampled_from(["round-robin", "least-loaded"])),
        # Chosen tokens are attended to absorbed only.
        engine=draw(engines(["auto", "absorbed"] + ["expanded"] * (model is not SPARSE))),
        experts=draw(expert_choices(_protocols(replicas, devices // machine.boxes))),
        workload=draw(workloads()),
        seed=draw(st.integers(0, 1000)),
        **({"record": Record(transfers=draw(st.booleans()))} | fixed),
    )
    blocks = draw(st.sampled_from([None, 10, 16, 30]))
    return asked if blocks is None else with_cache(asked, blocks)


def _protocols(replicas: Pool, box_devices: int) -> list[str]:
    """Per-node needs every group of experts within one box."""
    used = replicas.devices or tuple(range(replicas.attention_devices * replicas.replicas))
    size = replicas.experts.expert_tp
    boxes = [device // box_devices for device in used]
    groups = [set(boxes[first : first + size]) for first in range(0, len(boxes), size)]
    is_whole = all(len(group) == 1 for group in groups)
    return ["per-expert", "per-device"] + ["per-node"] * is_whole


@st.composite
def engines(draw: st.DrawFn, ways: Sequence[str]) -> Engine:
    """Near or far from the peaks, with few or many places."""
    return engine(
        profile=draw(st.sampled_from([IDEAL, ROUGH])),
        max_sequences=draw(st.sampled_from([1, 3, 8])),
        max_step_tokens=draw(st.sampled_from([8, 33, 512])),
        all_reduce=draw(st.sampled_from(["auto", "ring", "tree"])),
        all_gather=draw(st.sampled_from(["auto", "ring"])),
        mla=draw(st.sampled_from(ways)),
    )


@st.composite
def expert_choices(draw: st.DrawFn, protocols: Sequence[str]) -> Experts:
    """Skew, placement, protocol and draws."""
    return Experts.model_validate(
        {
            "popularity": draw(POPULARITIES),
            "placement": draw(st.sampled_from(["contiguous", "strided", "random"])),
            "dispatch": draw(st.sampled_from(protocols)),
            "draws": draw(st.sampled_from(["expert", "device"])),
        }
    )


@st.composite
def workloads(draw: st.DrawFn) -> Workload:
    """A few requests, short ones and some that are long for a small cache."""
    prompts: list[Tokens] = [1, 20, (1, 50)]
    outputs: list[Tokens] = [1, 10, (1, 25)]
    return work(
        requests=draw(st.integers(1, 12)),
        arrivals=draw(ARRIVALS),
        prompt=draw(st.sampled_from(prompts)),
        output=draw(st.sampled_from(outputs)),
    ).model_copy(update={"prefilled": draw(st.booleans())})
