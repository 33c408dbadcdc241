"""Equal scenarios and seeds give equal bytes, in this process and in any other."""

import hashlib
import os
import subprocess
import sys
from functools import cache
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given

from sim.physics.sums import StepSums
from sim.simulation import Run, check, simulate
from sim.spec.experts import Experts
from sim.spec.scenario import Scenario
from tests.laws.random_scenarios import FAST, scenarios
from tests.laws.scenarios import (
    LATENT,
    MIXTURE,
    ROUGH,
    engine,
    pool,
    scenario,
    switched,
    two_sockets,
    with_cache,
    work,
)

assert LATENT.experts is not None
GROUPED = LATENT.model_copy(
    update={
        "experts": LATENT.experts.model_copy(update={"expert_groups": 4, "groups_per_token": 2}),
    }
)
"""Its routing law is sampled, not exact."""

FRAMES = ("requests", "steps", "transfers", "experts", "links", "link_users", "devices")


def as_csv(run: Run) -> bytes:
    return b"".join(getattr(run, name).to_csv().encode() for name in FRAMES)


def as_parquet(run: Run) -> bytes:
    written = []
    for name in FRAMES:
        file = BytesIO()
        getattr(run, name).to_parquet(file)
        written.append(file.getvalue())
    return b"".join(written)


def varied() -> Scenario:
    """Something of everything: skew, contention, preemption, random arrivals."""
    return with_cache(
        scenario(
            GROUPED,
            pool(2, 2, replicas=2, devices=(0, 8, 1, 9, 2, 10, 3, 11)),
            on=two_sockets(2),
            engine=engine(profile=ROUGH),
            experts=Experts.model_validate(
                {"popularity": {"kind": "lognormal", "sigma": 1.0}, "placement": "random"}
            ),
            workload=work(20, {"kind": "poisson", "rate_per_s": 3000.0}, (1, 40), (1, 20)),
        ),
        blocks=14,
    )


@cache
def varied_run() -> Run:
    return simulate(varied())


def digest() -> str:
    run = varied_run()
    return hashlib.sha256(as_csv(run)).hexdigest()


@given(scenarios())
@FAST
def test_the_same_scenario_gives_the_same_bytes(asked: Scenario) -> None:
    once, again = simulate(asked), simulate(asked.model_copy(deep=True))

    assert as_csv(once) == as_csv(again)


def test_the_same_scenario_gives_the_same_parquet_files() -> None:
    pytest.importorskip("pyarrow")

    assert as_parquet(varied_run()) == as_parquet(simulate(varied()))


def test_nothing_depends_on_the_order_of_hashes() -> None:
    code = "from tests.laws.test_determinism import digest; print(digest())"
    root = Path(__file__).parents[2]

    elsewhere = subprocess.run(
        [sys.executable, "-c", code],
        cwd=root,
        env={**os.environ, "PYTHONHASHSEED": "4711"},
        capture_output=True,
        text=True,
        check=True,
    )

    assert elsewhere.stdout.strip() == digest()


def test_another_seed_gives_other_arrivals_lengths_and_experts() -> None:
    one, other = varied_run(), simulate(varied().model_copy(update={"seed": varied().seed + 1}))

    for name in ("arrival_s", "prompt_tokens", "output_tokens"):
        assert not one.requests[name].equals(other.requests[name])
    assert not one.experts["tokens"].equals(other.experts["tokens"])


def test_a_step_is_drawn_from_its_own_numbers_whatever_was_drawn_before() -> None:
    sums = StepSums(*np.ones((9, 2)))
    fresh, used = (check(scenario(MIXTURE, pool(1, 2))).replicas[0].pricer for _ in range(2))
    for step in range(1, 7):
        used.plan(step, sums)

    one, other = fresh.plan(7, sums), used.plan(7, sums)

    assert one.expert_tokens is not None
    assert other.expert_tokens is not None
    assert (one.expert_tokens == other.expert_tokens).all()
    assert (one.seconds == other.seconds).all()


def test_a_second_pool_leaves_the_draws_of_the_first_alone() -> None:
    # Every other request goes to the second pool, which comes behind the first one and has
    # devices of its own.
    first = pool(1, 2, name="first")
    alone = scenario(
        MIXTURE, first, workload=work(8, {"kind": "fixed", "rate_per_s": 500.0}), on=switched(1, 4)
    )
    both = scenario(
        MIXTURE,
        first,
        pool(1, 2, name="second"),
        router="round-robin",
        workload=work(16, {"kind": "fixed", "rate_per_s": 1000.0}),
        on=switched(1, 4),
    )

    one, two = simulate(alone), simulate(both)

    steps = two.steps[two.steps["pool"] == "first"].reset_index(drop=True)
    experts = two.experts[two.experts["pool"] == "first"].reset_index(drop=True)
    assert steps.equals(one.steps)
    assert experts.equals(one.experts)
    second = two.experts[two.experts["pool"] == "second"]
    assert second["tokens"].tolist() != experts["tokens"].tolist()
