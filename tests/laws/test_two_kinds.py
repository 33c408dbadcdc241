"""Laws of replicas whose attention, cores and experts lie on different devices."""

import numpy as np
import pytest

from sim.errors import ScenarioError
from sim.network.exchange import combine, dispatch
from sim.network.routes import Network
from sim.simulation import check, simulate
from sim.spec.experts import Experts
from sim.spec.model import ModelSpec
from sim.spec.scenario import AttentionParallel, ExpertParallel, Pool
from tests.laws.scenarios import (
    DENSE,
    DEVICE,
    IDEAL,
    LATENT,
    MIXTURE,
    ROUGH,
    WINDOWED,
    engine,
    pool,
    scenario,
    switched,
    work,
)
from tests.laws.test_fidelity import check as check_fidelity
from tests.laws.two_kinds import PIM, cores_apart, experts_apart, machine

BOTH = Pool(
    attention=AttentionParallel(dp=2, core_on="pims"), experts=ExpertParallel(on="pims", ep=2)
)


@pytest.mark.parametrize(
    ("model", "shape"),
    [
        (MIXTURE, experts_apart(tp=2, dp=2, ep=2)),
        (LATENT, experts_apart(dp=3, ep=2, expert_tp=2)),
        (LATENT, cores_apart(tp=2, dp=2)),
        (DENSE, cores_apart(tp=2)),
        (WINDOWED, cores_apart()),
        (LATENT, BOTH),
    ],
)
def test_auto_equals_layer_on_two_kinds_of_devices(model: ModelSpec, shape: Pool) -> None:
    poisson = {"kind": "poisson", "rate_per_s": 3000.0}
    check_fidelity(
        scenario(
            model,
            shape,
            on=machine(4, 4),
            engine=engine(profile=ROUGH),
            workload=work(10, poisson, prompt=(1, 70), output=(1, 9)),
        )
    )


def test_two_replicas_of_two_kinds_share_links_and_agree_in_both_fidelities() -> None:
    shape = experts_apart(dp=2, ep=2).model_copy(update={"replicas": 2})
    asked = scenario(MIXTURE, shape, on=machine(2, 2, boxes=2), workload=work(12, output=(1, 9)))

    auto = simulate(asked)
    layer = simulate(asked.model_copy(update={"fidelity": "layer"}))

    names = auto.devices.set_index("name")["replica"].dropna()
    assert names.to_dict() == {
        f"box{replica}/{kind}{number}": replica
        for replica in range(2)
        for kind in ("gpus", "pims")
        for number in range(2)
    }
    finish_s = layer.requests["finish_s"].to_numpy()
    np.testing.assert_allclose(auto.requests["finish_s"].to_numpy(), finish_s, rtol=1e-9)


@pytest.mark.parametrize("protocol", ["per-expert", "per-device", "per-node"])
def test_only_links_on_the_way_to_experts_and_back_are_used(protocol: str) -> None:
    asked = scenario(
        MIXTURE,
        experts_apart(dp=3, ep=2),
        on=machine(4, 4),
        experts=Experts.model_validate({"dispatch": protocol}),
    )

    ran = simulate(asked)

    used = set(ran.links.loc[ran.links["bytes"] > 0, "link"])
    ends = [f"box0/gpus{number}" for number in range(3)] + ["box0/pims0", "box0/pims1"]
    ways = {way for end in ends for way in (f"{end}>box0/switch0", f"box0/switch0>{end}")}
    assert used == ways
    (one,) = ran.deployed.replicas
    names = ran.deployed.network.link_names
    assert {names[link] for link in one.pricer.used_links} == ways


def test_a_link_has_a_stream_for_each_device_on_the_other_side() -> None:
    network = Network.of(machine(4, 4))

    there = dispatch(network, [4, 5], "per-expert", [0, 1, 2])

    names = [network.link_names[link] for link in there.links]
    streams = dict(zip(names, there.streams.tolist(), strict=True))
    assert streams == {f"box0/gpus{n}>box0/switch0": 2.0 for n in range(3)} | {
        f"box0/switch0>box0/pims{n}": 3.0 for n in range(2)
    }


def test_a_token_enters_a_box_once_at_a_device_that_has_experts() -> None:
    # GPUs are devices 0, 1, 4, 5, accelerators 2, 3, 6, 7. Of 8 tokens of the second GPU, all touch
    # each box; 6 and 4 its first and second accelerator.
    network = Network.of(machine(2, 2, boxes=2))
    targets, weights = [2, 3, 6, 7], [6.0, 4.0, 6.0, 4.0, 8.0, 8.0]

    for make in (dispatch, combine):
        loads = make(network, targets, "per-node", [0, 1]).loads([0.0, 1.0], weights, 1.0)
        names = [network.link_names[link] for link in loads.links]
        carried = zip(names, loads.bytes.tolist(), strict=True)
        found = {name: size for name, size in carried if size}

        # To the other box 8, into its second accelerator, which keeps 4 and passes 6 on.
        expected = {
            "box0/gpus1>box0/switch0": 6.0 + 4 + 8,
            "box0/switch0>box0/pims0": 6.0,
            "box0/switch0>box0/pims1": 4.0,
            "box0/switch0>leaf0": 8.0,
            "leaf0>box1/switch0": 8.0,
            "box1/switch0>box1/pims1": 8.0,
            "box1/pims1>box1/switch0": 6.0,
            "box1/switch0>box1/pims0": 6.0,
        }
        if make is combine:
            expected = {
                ">".join(reversed(name.split(">"))): size for name, size in expected.items()
            }
        assert found == pytest.approx(expected)


def test_every_copy_that_experts_get_has_crossed_a_link() -> None:
    ran = simulate(scenario(MIXTURE, experts_apart(dp=3, ep=4), on=machine(4, 4)))

    copies = ran.experts.groupby("device")["tokens"].sum()
    crossed = ran.links.set_index("link")["bytes"]
    into = [crossed[f"box0/switch0>box0/pims{number}"] for number in range(4)]
    out_of = [crossed[f"box0/gpus{number}>box0/switch0"] for number in range(3)]
    assert copies.index.tolist() == [4, 5, 6, 7]
    assert into == pytest.approx((copies * 128 * 2).tolist())
    assert sum(out_of) == pytest.approx(sum(into))


def test_imbalance_is_over_the_devices_that_have_experts() -> None:
    ran = simulate(scenario(MIXTURE, experts_apart(dp=3, ep=4), on=machine(4, 4)))

    by_device = ran.experts.groupby(["layer", "device"])["tokens"].sum().unstack()
    expected = by_device.max(axis=1) / by_device.mean(axis=1)
    assert ran.experts.groupby("layer")["imbalance"].first().tolist() == pytest.approx(
        expected.tolist()
    )


@pytest.mark.parametrize("model", [DENSE, WINDOWED, LATENT])
def test_cores_on_others_of_the_same_kind_take_what_they_took(model: ModelSpec) -> None:
    # The cut loses no kernel; latent attention is absorbed either way.
    def found(shape: Pool) -> list[float]:
        absorbed = engine(profile=IDEAL, mla="absorbed")
        asked = scenario(model, shape, on=switched(), engine=absorbed, workload=work(4))
        ran = simulate(asked)
        kinds = ran.steps[["attention_s", "dense_s", "experts_s"]].sum()
        return [*kinds.tolist(), *ran.devices[["flop", "bytes"]].sum().tolist()]

    assert found(cores_apart(on="gpus")) == pytest.approx(found(pool()))


def test_devices_of_both_kinds_account_for_all_of_their_time() -> None:
    ran = simulate(scenario(LATENT, BOTH, on=machine(2, 4), engine=engine(profile=ROUGH)))

    lanes = ["busy_s", "wait_s", "communication_s", "overhead_s", "empty_s", "cut_s"]
    assert ran.devices[lanes].sum(axis=1).to_numpy() == pytest.approx(ran.recorder.elapsed_s)
    assert (ran.devices["busy_s"] > 0).all()
    assert ran.devices["pool"].notna().all()


TINY = PIM.model_copy(update={"memory_bytes": 1e5})


@pytest.mark.parametrize(
    ("model", "shape", "message"),
    [
        (
            MIXTURE,
            Pool(experts=ExpertParallel(on="pim")),
            "deployment.pools.0.experts.on: 'pim' is no group of the topology; choose from",
        ),
        (
            MIXTURE,
            Pool(experts=ExpertParallel(on="switch")),
            "deployment.pools.0.experts.on: 'switch' is no group of devices; choose from",
        ),
        (
            DENSE,
            cores_apart(on="leaf"),
            "deployment.pools.0.attention.core_on: 'leaf' is no group of devices; choose from",
        ),
        (
            DENSE,
            Pool(attention=AttentionParallel(on="tpus")),
            "deployment.pools.0.attention.on: 'tpus' is no group of the topology; choose from",
        ),
        (
            MIXTURE,
            experts_apart(dp=2, ep=4, expert_tp=2),
            "deployment.pools.0.experts.on: 1 replicas of 8 devices (ep 4 x expert_tp 2) need 8 "
            "devices of group pims, not the 2 free of 2; change replicas, ep, expert_tp or",
        ),
        (
            DENSE,
            cores_apart(tp=4),
            "deployment.pools.0.attention.core_on: 1 replicas of 4 devices (tp 4 x dp 1) need 4 "
            "devices of group pims, not the 2 free of 2; change replicas, tp, dp or",
        ),
        (
            # The same two accelerators cannot hold cores and experts.
            LATENT,
            BOTH,
            "deployment.pools.0.experts.on: 1 replicas of 2 devices (ep 2 x expert_tp 1) need 2 "
            "devices of group pims, not the 0 free of 2; change replicas, ep, expert_tp or",
        ),
        (
            MIXTURE,
            experts_apart().model_copy(update={"devices": (0,)}),
            "deployment.pools.0.devices: 'on' and 'core_on' take devices by their groups;",
        ),
        (
            MIXTURE,
            Pool(experts=ExpertParallel(on="pims", moe_entry="replicate")),
            "deployment.pools.0.experts.moe_entry: 'replicate' needs experts on attention's",
        ),
        (
            MIXTURE,
            experts_apart(ep=3),
            "deployment.pools.0.experts.ep: 3 does not divide the 16 experts of small-mixture",
        ),
        (
            MIXTURE,
            Pool(experts=ExpertParallel(on="pims", expert_tp=2)),
            "deployment.pools.0.experts.expert_tp: 2 is more than tp 1 x dp 1 = 1; write 'ep'",
        ),
        (
            DENSE,
            experts_apart(),
            "deployment.pools.0.experts: small-dense has no experts; leave 'experts' out",
        ),
        (
            # Three accelerators cannot have equal parts of two heads of keys and values.
            DENSE.model_copy(
                update={"attention": DENSE.attention.model_copy(update={"heads": 12})}
            ),
            cores_apart(tp=3),
            "deployment.pools.0.attention.tp: 3 and the 2 kv_heads of small-dense do not divide",
        ),
    ],
)
def test_what_cannot_be_laid_out_is_refused(model: ModelSpec, shape: Pool, message: str) -> None:
    asked = scenario(model, shape, on=machine(4, 2))

    with pytest.raises(ScenarioError) as refused:
        check(asked)

    assert str(refused.value).startswith(message)


def test_experts_that_do_not_fit_on_their_own_devices_are_refused() -> None:
    asked = scenario(MIXTURE, experts_apart(), on=machine(1, 1, pim=TINY))

    with pytest.raises(ScenarioError, match=r"each small-pim has 90 kB .* of weights") as refused:
        check(asked)

    assert "keys and values" not in str(refused.value)


def test_expanded_attention_needs_its_weights_beside_the_cache() -> None:
    asked = scenario(LATENT, cores_apart(), on=machine(), engine=engine(mla="expanded"))

    with pytest.raises(ScenarioError, match=r"engine\.mla: 'expanded' needs the cache where the"):
        check(asked)


def test_devices_of_two_kinds_are_not_mixed_without_groups() -> None:
    asked = scenario(LATENT, pool(1, 2), on=machine(1, 1))

    with pytest.raises(ScenarioError, match="or name groups with 'on'"):
        check(asked)


def test_attention_goes_to_the_first_group_that_no_other_part_names() -> None:
    turned = machine().model_copy(
        update={"groups": dict(sorted(machine().groups.items(), reverse=True))}
    )

    (one,) = check(scenario(MIXTURE, experts_apart(), on=turned)).replicas

    assert [place.device.name for place in one.layout.places] == [DEVICE.name, PIM.name]
