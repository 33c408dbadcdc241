"""The paper's claims with kernels and links as measured, beside the ideal ones: a frame, ratios."""

from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd

from sim.study.paper.operators_of_a_step import NOT_REORDERED, REORDERED, shares
from sim.study.paper.runs import Runs
from sim.study.paper.set_up import Point, fits, scenario, set_up

_THROUGHPUT = "tokens_per_s_per_device"
_US = 1e6
_PARTS = ("attention_s", "dense_s", "experts_s", "communication_s")
_WAYS = (REORDERED, NOT_REORDERED)
_LATENT = "deepseek-r1"

_Row = tuple[str, str, str, Point]
"""Cluster, engine, question, point."""


def calibrated(runs: Runs) -> pd.DataFrame:
    """Every point by both engines, on the paper's cluster and on one that was measured.

    `question`: the claim that a point is for. `layer_s`: attention of a layer, which C4, C5 and C7
    are about. `ratio`: of what `ratio_of` says.
    """
    rows = list(_rows())
    frame = runs.frame(point for *_, point in rows)
    parts = pd.DataFrame(
        [shares(point) if question == "C5" else {} for *_, question, point in rows]
    )
    model = scenario(rows[0][-1]).model
    frame = frame.assign(
        cluster=[row[0] for row in rows],
        engine=[row[1] for row in rows],
        question=[row[2] for row in rows],
        way=frame["variants"].str[2],
        split=frame["variants"].str[3],
        layer_s=frame["attention_s"] / model.layers,
        communication_s=frame["dispatch_s"] + frame["combine_s"] + frame["collective_s"],
        exchange_us=_US * frame["dispatch_s"] / len(model.expert_layers),
    )
    by_machine = frame.groupby(["cluster", "engine"], sort=False)
    frame = pd.concat([with_ratios(of) for _, of in by_machine])
    return pd.concat([frame, parts], axis=1)


def with_ratios(of: pd.DataFrame) -> pd.DataFrame:
    """What the claims compare, of one engine on one cluster: in the row of the upper term's name.

    Not reordered over reordered (C4), one device over eight (C7), DeepSeek-R1 over another (C11).
    """
    of = of.assign(ratio=float("nan"), ratio_of="")
    of_4, of_7 = of["question"] == "C4", of["question"] == "C7"
    place = ["length", "batch"]
    fast = of[of_4 & (of["way"] == REORDERED[0])].set_index(place)["layer_s"]
    slow = of[of_4 & (of["way"] == NOT_REORDERED[0])]
    _put(of, slow["layer_s"] / fast.reindex(slow.set_index(place).index).to_numpy(), "reordering")
    for way, of_way in of[of_7].groupby("way"):
        by_split = of_way.set_index("split")["layer_s"]
        one = of_way[of_way["split"] == "tp 1"]
        _put(of, one["layer_s"] / by_split["tp 8"], f"{way}, TP1 over TP8")
    compared = of[of["question"] == "C11"]
    [first] = compared.loc[compared["system"] == _LATENT, _THROUGHPUT]
    for name, other in compared[compared["system"] != _LATENT].groupby("system", sort=False):
        _put(of, first / other[_THROUGHPUT], f"{_LATENT} over {name}")
    return of


def calibrated_findings(frame: pd.DataFrame) -> dict[str, dict[str, float]]:
    """Each claim by each engine: by unit, by subject."""
    found: dict[str, dict[str, float]] = {"x": {}, "%": {}, "us": {}}
    for (cluster, engine), of in frame.groupby(["cluster", "engine"], sort=False):
        machine = f"{cluster}, {engine}"
        ratios = of[of["ratio"].notna()].groupby("ratio_of", sort=False)["ratio"].max()
        found["x"] |= {f"{name}: {machine}": float(ratio) for name, ratio in ratios.items()}
        row = {one["question"]: one for one in of.to_dict("records")}
        per_cent = {
            "decompression of attention": row["C5"]["decompression_share"],
            "core of attention": row["C5"]["core_share"],
            "communication": row["C13"]["communication_share"],
        }
        if engine == "measured":
            per_cent["time priced by measurements"] = row["C13"]["measured_share"]
        found["%"] |= {f"{name}: {machine}": 100 * float(one) for name, one in per_cent.items()}
        found["us"][f"one dispatch: {machine}"] = float(row["C12"]["exchange_us"])
    for cluster in frame["cluster"].unique():
        of = frame[frame["cluster"] == cluster]
        found["x"] |= {f"{name}: {cluster}": ratio for name, ratio in _over_ideal(of).items()}
    return found


def _over_ideal(of: pd.DataFrame) -> dict[str, float]:
    """How much longer the parts of C13's step take as measured; throughput of both, by batch."""
    at_13 = of[of["question"] == "C13"].pivot_table(list(_PARTS), "cluster", "engine")
    found = {
        f"{part.removesuffix('_s')}, measured over ideal": float(
            (at_13[part, "measured"] / at_13[part, "ideal"]).iloc[0]
        )
        for part in _PARTS
    }
    rates = of[of["question"] == "throughput"].pivot_table(_THROUGHPUT, "batch", "engine")
    return found | {
        f"throughput, measured over ideal, {batch} a GPU": float(ratio)
        for batch, ratio in (rates["measured"] / rates["ideal"]).items()
    }


def _put(of: pd.DataFrame, ratios: pd.Series, name: str) -> None:
    of.loc[ratios.index, "ratio"] = ratios
    of.loc[ratios.index, "ratio_of"] = name


def _rows() -> Iterator[_Row]:
    asked = _asked()
    for cluster in asked["clusters"]:
        for engine in asked["engines"]:
            for question, point in _points((cluster, engine)):
                yield cluster, engine, question, point


def _points(machine: tuple[str, ...]) -> Iterator[tuple[str, Point]]:
    """Of every question, on one cluster with one engine."""
    asked, claims = _asked(), set_up()["claims"]
    yield from _attention(machine)
    for claim in ("C12", "C13"):
        yield claim, Point(_LATENT, claims[claim]["batch"], claims[claim]["length"], machine)
    compared = asked["compared"]
    for name, batch in compared["batches"].items():
        yield "C11", Point(name, batch, compared["length"], machine)
    for batch in asked["batches"]:
        yield "throughput", Point(_LATENT, batch, asked["length"], machine)


def _attention(machine: tuple[str, ...]) -> Iterator[tuple[str, Point]]:
    """Figure 6 where both ways fit the memory, and its breakdown; the ends of figure 8."""
    of_6, of_8 = set_up()["figures"]["fig6"], set_up()["figures"]["fig8"]
    for length in of_6["lengths"]:
        for batch in of_6["batches"]:
            ways = [Point(_LATENT, batch, length, (*machine, *way)) for way in _WAYS]
            if all(fits(point) for point in ways):
                yield from (("C4", point) for point in ways)
    at = of_6["breakdown"]
    yield "C5", Point(_LATENT, at["batch"], at["length"], (*machine, *NOT_REORDERED))
    for way in _WAYS:
        for split in (of_8["variants"][0], of_8["variants"][-1]):
            batch = of_8["batch"] // int(split.removeprefix("tp "))
            yield "C7", Point(_LATENT, batch, of_8["length"], (*machine, *way, split))


def _asked() -> Mapping[str, Any]:
    found: Mapping[str, Any] = set_up()["figures"]["calibrated"]
    return found
