"""What the paper says of links, on networks that are not one switch; as a frame, and its ratios."""

from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd

from sim.study.paper.runs import Runs
from sim.study.paper.set_up import Point, scenario, set_up

_THROUGHPUT = "tokens_per_s_per_device"
_US = 1e6
_KEY = ["network", "dispatch"]
_LATENT, _GROUPED, _DENSE = "deepseek-r1", "llama-4-maverick", "gpt-3-175b"

_Row = tuple[str, str, int, Point]
"""Network, dispatch, devices, point."""


def networks(runs: Runs) -> pd.DataFrame:
    """The same 32 devices under other links, and 256 of them; `dispatch` is how tokens travel.

    `exchange_us`: one dispatch of a layer of experts. The others are throughputs over those of:
    other systems on the same network (`over_...`), the same without skew (`kept_share`), as many
    devices in groups of 32 (`over_groups`), the first network (`over_first`).
    """
    rows = [*_narrow(), *_wide()]
    frame = runs.frame(point for *_, point in rows)
    experts = len(scenario(Point(_LATENT, 1, _asked()["length"])).model.expert_layers)
    frame = frame.assign(
        network=[row[0] for row in rows],
        dispatch=[row[1] for row in rows],
        devices=[row[2] for row in rows],
        exchange_us=_US * frame["dispatch_s"].where(frame["system"] == _LATENT) / experts,
    )
    return with_ratios(frame)


def with_ratios(frame: pd.DataFrame) -> pd.DataFrame:
    """Each where it says something, else none."""
    latent = frame["system"] == _LATENT
    narrow, even = frame["devices"] == 32, frame["skew"] == 0
    compared = frame["length"] == set_up()["claims"]["C11"]["length"]
    of_run = [*_KEY, "batch", "length"]
    grouped = _over(frame, frame[frame["system"] == _GROUPED], _KEY)
    dense = _over(frame, frame[frame["system"] == _DENSE], ["network"])
    same = _over(frame, frame[latent & narrow & even], of_run)
    small = _over(frame, frame[latent & narrow], [*of_run, "skew"])
    first = frame[latent & narrow & compared]
    return frame.assign(
        over_llama_4_maverick=grouped.where(latent & compared),
        over_gpt_3_175b=dense.where(latent & compared),
        kept_share=same.where(latent & narrow & ~even),
        over_groups=small.where(latent & ~narrow),
        over_first=(frame[_THROUGHPUT] / first[_THROUGHPUT].iloc[0]).where(latent & compared),
    )


def network_findings(frame: pd.DataFrame) -> dict[str, dict[str, float]]:
    """What survives: by unit, by subject."""
    claims = set_up()["claims"]
    shares = _of_claim(frame, claims["C13"])
    return {
        "us": _named("one dispatch", _of_claim(frame, claims["C12"]), "exchange_us"),
        "%": _named(
            "communication",
            shares.assign(communication=100 * shares["communication_share"]),
            "communication",
        ),
        "x": _named("deepseek-r1 over gpt-3-175b", frame, "over_gpt_3_175b")
        | _named("deepseek-r1 over llama-4-maverick", frame, "over_llama_4_maverick")
        | _named("deepseek-r1 over itself on the first network", frame, "over_first")
        | _named(f"throughput kept at skew {_asked()['skew']:g}", frame, "kept_share")
        | _over_groups(frame),
    }


def _narrow() -> Iterator[_Row]:
    """Every claim's points and the figure's own, on 32 devices."""
    asked, claims = _asked(), set_up()["claims"]
    batches = dict.fromkeys([claims["C12"]["batch"], claims["C13"]["batch"], *asked["batches"]])
    compared, most = claims["C11"], max(asked["batches"])
    for network, dispatches in asked["networks"].items():
        # A dense model dispatches nothing.
        dense = Point(_DENSE, compared["batches"][_DENSE], compared["length"], (network,))
        yield network, "", 32, dense
        for dispatch in dispatches:
            place, variants = (network, dispatch, 32), (network, dispatch)
            for batch in batches:
                yield *place, Point(_LATENT, batch, asked["length"], variants)
            yield *place, Point(_LATENT, most, asked["length"], variants, asked["skew"])
            for name in (_LATENT, _GROUPED):
                yield *place, Point(name, compared["batches"][name], compared["length"], variants)


def _wide() -> Iterator[_Row]:
    asked = _asked()
    most = max(asked["batches"])
    for network, (dispatch, variant) in asked["wide"].items():
        for batch, skew in [*((one, 0.0) for one in asked["batches"]), (most, asked["skew"])]:
            point = Point(_LATENT, batch, asked["length"], (variant, dispatch), skew)
            yield network, dispatch, 256, point


def _over(frame: pd.DataFrame, others: pd.DataFrame, key: list[str]) -> pd.Series:
    """Throughput over that of the one among the others that has the same key."""
    base = others.set_index(key)[_THROUGHPUT]
    places = pd.MultiIndex.from_frame(frame[key]) if len(key) > 1 else pd.Index(frame[key[0]])
    ratio: pd.Series = frame[_THROUGHPUT] / base.reindex(places).to_numpy()
    return ratio


def _of_claim(frame: pd.DataFrame, asked: Mapping[str, Any]) -> pd.DataFrame:
    """32 devices without skew, at a claim's batch and length."""
    at = (frame["batch"] == asked["batch"]) & (frame["length"] == asked["length"])
    chosen: pd.DataFrame = frame[at & (frame["devices"] == 32) & (frame["skew"] == 0)]
    return chosen


def _named(subject: str, frame: pd.DataFrame, column: str) -> dict[str, float]:
    known = frame[frame[column].notna()]
    columns = zip(known["network"], known["dispatch"], known[column], strict=True)
    return {
        f"{subject}: {network}, {dispatch}": float(value) for network, dispatch, value in columns
    }


def _over_groups(frame: pd.DataFrame) -> dict[str, float]:
    return {
        f"256 over 8 x 32, {row['batch']} a GPU, skew {row['skew']:g}: "
        f"{row['network']}, {row['dispatch']}": float(row["over_groups"])
        for row in frame[frame["over_groups"].notna()].to_dict("records")
    }


def _asked() -> Mapping[str, Any]:
    found: Mapping[str, Any] = set_up()["figures"]["networks"]
    return found
