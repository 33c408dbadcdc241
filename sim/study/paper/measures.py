"""What the simulator says to each claim that needs runs of whole systems."""

from collections.abc import Callable, Iterable
from typing import Any

import pandas as pd

from sim.study.paper.deep_ep import deep_ep
from sim.study.paper.figures import FIGURES
from sim.study.paper.kernel_measures import cache_sizes, intensities, prefills, ridge
from sim.study.paper.kernel_measures import ridges as ridge_points
from sim.study.paper.operators_of_a_step import NOT_REORDERED, REORDERED
from sim.study.paper.runs import Runs
from sim.study.paper.set_up import Point, capacity, scenario, set_up

Values = dict[str, float]
"""By subject."""

_US = 1e6
_PER_CENT = 100.0


def simulated(claims: Iterable[str], runs: Runs) -> dict[tuple[str, str], float]:
    """By claim and subject, for these claims."""
    return {
        (claim, subject): value
        for claim in claims
        for subject, value in MEASURES[claim](runs, set_up()["claims"].get(claim)).items()
    }


def _speed_up(runs: Runs, _: Any) -> Values:
    """The largest of figure 6, where both ways fit the memory."""
    frame = FIGURES["fig6"](runs)
    by_way = frame[frame["fits"]].pivot_table("layer_s", ["length", "batch"], "way")
    ratio = by_way[NOT_REORDERED[0]] / by_way[REORDERED[0]]
    return {"largest decode speed-up by reordering": float(ratio.max())}


def _breakdown(runs: Runs, _: Any) -> Values:
    frame, at = FIGURES["fig6"](runs), set_up()["figures"]["fig6"]["breakdown"]
    chosen = (frame["length"] == at["length"]) & (frame["batch"] == at["batch"])
    [row] = frame[chosen & (frame["way"] == NOT_REORDERED[0])].to_dict("records")
    return {
        "decompression": _PER_CENT * row["decompression_share"],
        "core": _PER_CENT * row["core_share"],
    }


def _tensor_parallel(runs: Runs, _: Any) -> Values:
    frame = FIGURES["fig8"](runs)
    values = {}
    for way, of_way in frame.groupby("way"):
        layer_s = of_way.set_index("tp")["layer_s"]
        widest = layer_s.index.max()
        values[f"{way}: TP1 over TP{widest}"] = float(layer_s[1] / layer_s[widest])
    return values


def _capacities(_: Runs, asked: Any) -> Values:
    return {name: float(capacity(Point(name, 1, asked["length"]))) for name in asked["systems"]}


def _saturation(runs: Runs, _: Any) -> Values:
    """The batch that brings attention's projections and the experts to the ridge, the larger one.

    A projection has as many operations a byte as its rank has tokens; an expert, as many as it is
    sent, which is counted.
    """
    at = set_up()["claims"]["C12"]
    point = Point("deepseek-r1", at["batch"], at["length"], ("nvlink",))
    [row] = runs.frame([point]).to_dict("records")
    of_system = scenario(point)
    at_ridge = ridge(of_system.topology.devices[0].name)
    ranks = of_system.deployment.pools[0].attention.dp
    batch = max(at_ridge * ranks, at_ridge / row["tokens_an_expert_a_request"])
    return {"batch that saturates DeepSeek-R1 on 32 devices": batch}


def _fp8_capacity(_: Runs, asked: Any) -> Values:
    length = set_up()["claims"]["C8"]["length"]
    point = Point("deepseek-r1", 1, length, ("fp8 weights",))
    return {"capacity with FP8 weights": float(capacity(point))}


def _throughputs(runs: Runs, asked: Any) -> Values:
    points = [Point(name, batch, asked["length"]) for name, batch in asked["batches"].items()]
    of = runs.frame(points).set_index("system")["tokens_per_s_per_device"]
    others = [name for name in asked["batches"] if name != "deepseek-r1"]
    return {f"deepseek-r1 over {name}": float(of["deepseek-r1"] / of[name]) for name in others}


def _all_to_all(runs: Runs, asked: Any) -> Values:
    """One dispatch; a step has one in each layer of experts."""
    frame = _of_variants(runs, asked)
    layers = len(scenario(Point("deepseek-r1", 1, asked["length"])).model.expert_layers)
    return {name: _US * float(frame["dispatch_s"][name]) / layers for name in asked["variants"]}


def _communication(runs: Runs, asked: Any) -> Values:
    share = _of_variants(runs, asked)["communication_share"]
    return {name: _PER_CENT * float(share[name]) for name in asked["variants"]}


def _of_variants(runs: Runs, asked: Any) -> pd.DataFrame:
    """By variant, DeepSeek-R1 with one batch and length."""
    names = asked["variants"]
    frame = runs.frame(
        Point("deepseek-r1", asked["batch"], asked["length"], (name,)) for name in names
    )
    return frame.set_index(pd.Index(names))


def _imbalances(runs: Runs, asked: Any) -> Values:
    """Of the busiest device: what it gets over the mean, on 256 devices over 32."""
    values = {}
    for name in asked["variants"]:
        wide, narrow = runs.frame(
            Point("deepseek-r1", asked["batch"], asked["length"], (name, size), asked["skew"])
            for size in ("256 devices", "32 devices")
        )["imbalance"]
        values[name] = float(wide / narrow)
    return values


def _falls(runs: Runs, _: Any) -> Values:
    """How throughput changes from one skew to the next, over all batches; and what is kept."""
    name = "throughput kept at the largest skew: 256 devices over 32"
    of_13 = FIGURES["fig13"](runs).assign(devices=lambda frame: frame["variants"].str[0])
    frames = {"32 devices": FIGURES["fig12"](runs), "256 devices": of_13}
    values, kept = {}, {}
    for devices, of in of_13.groupby("devices"):
        rates = of.set_index("skew")["tokens_per_s_per_device"].sort_index()
        kept[devices] = rates.iloc[-1] / rates.iloc[0]
    for devices, frame in frames.items():
        rows = frame if devices == "32 devices" else frame[frame["devices"] == devices]
        by_skew = rows.pivot_table("tokens_per_s_per_device", "skew", "batch").sort_index()
        change = by_skew.pct_change().iloc[1:].to_numpy().max()
        values[f"{devices}: largest change of throughput from one skew to the next"] = (
            _PER_CENT * float(change)
        )
    return values | {name: float(kept["256 devices"] / kept["32 devices"])}


def _over_the_bound(runs: Runs, _: Any) -> Values:
    """Of every run that has a time per token, those of all figures included."""
    for name in ("fig2", "fig9", "fig10", "fig11"):
        FIGURES[name](runs)
    frame = runs.all()
    return {"least TPOT over the analytic bound": float((frame["tpot_s"] / frame["bound_s"]).min())}


MEASURES: dict[str, Callable[[Runs, Any], Values]] = {
    "C1": lambda _, asked: ridge_points(asked),
    "C2": lambda _, asked: intensities(asked),
    "C3": lambda _, asked: cache_sizes(asked),
    "C4": _speed_up,
    "C5": _breakdown,
    "C6": lambda _, asked: prefills(asked),
    "C7": _tensor_parallel,
    "C8": _capacities,
    "C9": _saturation,
    "C10": _fp8_capacity,
    "C11": _throughputs,
    "C12": _all_to_all,
    "C13": _communication,
    "C16": _imbalances,
    "C17": _falls,
    "C19": deep_ep,
    "C20": _over_the_bound,
}
"""By claim: what its line of set_up.yaml asks for."""
