"""What figures say for which the paper's numbers are not known: ratios that a text can cite."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import pandas as pd

from sim.study.paper.calibrated import calibrated_findings
from sim.study.paper.networks import network_findings

_THROUGHPUT = "tokens_per_s_per_device"


class _Finder(NamedTuple):
    find: Callable[[pd.DataFrame], Mapping[str, float]]
    """From a figure's frame, by subject."""
    unit: str = "x"


def finding_rows(figure: str, frame: pd.DataFrame) -> list[dict[str, Any]]:
    """In the form of claims that expect nothing."""
    nothing = {"expected": "", "tolerance": ""}
    return [
        {"claim": figure, "subject": subject}
        | nothing
        | {"unit": finder.unit, "simulated": value, "pass": ""}
        for finder in _FINDERS.get(figure, ())
        for subject, value in finder.find(frame).items()
    ]


def _over_eight(frame: pd.DataFrame) -> dict[str, float]:
    """Throughput of one wide instance over that of the small ones, the last variant."""
    found = {}
    named = frame.assign(variant=frame["variants"].str[0])
    small = named["variant"].iloc[-1]
    for length, of_length in named.groupby("length"):
        by_variant = of_length.pivot_table(_THROUGHPUT, "batch", "variant", sort=False)
        for name in named["variant"].unique()[:-1]:
            for batch, ratio in (by_variant[name] / by_variant[small]).items():
                found[f"{name} over 8 x {small}: {length} tokens, {batch} a GPU"] = float(ratio)
    return found


def _under_skew(frame: pd.DataFrame) -> dict[str, float]:
    by_variant = frame.assign(variant=frame["variants"].str[0]).pivot_table(
        _THROUGHPUT, "skew", "variant", sort=False
    )
    wide, small = by_variant.columns
    ratios = by_variant[wide] / by_variant[small]
    return {
        f"{wide} over 8 x {small}: skew {skew:g}": float(ratio) for skew, ratio in ratios.items()
    }


def _elasticities(frame: pd.DataFrame) -> dict[str, float]:
    first = frame.drop_duplicates(["length", "resource"])
    columns = zip(first["resource"], first["length"], first["elasticity"], strict=True)
    return {
        f"elasticity of throughput to {resource}: {length} tokens": float(elasticity)
        for resource, length, elasticity in columns
    }


def _over_data(frame: pd.DataFrame) -> dict[str, float]:
    """The best of the splits at each batch."""
    known = frame[frame["over_data"].notna()]
    best = known.loc[known.groupby(["system", "length", "batch"])["over_data"].idxmax()]
    columns = (best[name] for name in ("system", "length", "batch", "variant", "over_data"))
    return {
        f"{system}, {length} tokens, {batch} a GPU: {variant} over tp 1": float(ratio)
        for system, length, batch, variant, ratio in zip(*columns, strict=True)
    }


def _equal_at(frame: pd.DataFrame) -> dict[str, float]:
    by_length = frame.groupby("length")["equal_at_batch"].first()
    return {
        f"experts take as long on accelerators: {length} tokens": float(batch)
        for length, batch in by_length.items()
    }


def _shorter_steps(frame: pd.DataFrame) -> dict[str, float]:
    """With experts on accelerators, of the shortest requests."""
    length = frame["length"].min()
    steps = frame[frame["length"] == length].pivot_table("step_s", "batch", "way")
    ratios = (steps["GPUs"] / steps["accelerators"]).dropna()
    return {
        f"step, GPUs over accelerators: {length} tokens, {batch} a GPU": float(ratio)
        for batch, ratio in ratios.items()
    }


def _gains(frame: pd.DataFrame) -> dict[str, float]:
    """The most and the least that accelerators bring, by system."""
    by_system = frame[frame["way"] == "accelerators"].groupby("system", sort=False)
    return {
        f"{system}: {name} {column}": float(value)
        for system, of in by_system
        for name, column, value in (
            ("largest", "step_gain", of["step_gain"].max()),
            ("largest", "device_gain", of["device_gain"].max()),
            ("least", "device_gain", of["device_gain"].min()),
        )
    }


def _recovered(frame: pd.DataFrame) -> dict[str, float]:
    """Of the throughput that skew costs where neighbouring experts lie together."""
    known = frame[frame["recovered_share"].notna() & (frame["placement"] != "contiguous")]
    columns = (known[name] for name in ("popularity", "placement", "recovered_share"))
    return {
        f"{popularity}: loss recovered by {placement}": float(share)
        for popularity, placement, share in zip(*columns, strict=True)
    }


def _over_never(frame: pd.DataFrame) -> dict[str, float]:
    """Throughput where experts follow a popularity that drifts, over where they stay."""
    of = frame[frame["study"] == "intervals"]
    never = float(of.loc[of["every_steps"].isna(), _THROUGHPUT].iloc[0])
    known = of[of["every_steps"].notna()]
    return {
        f"rebalanced every {int(steps)} steps over never": float(throughput) / never
        for steps, throughput in zip(known["every_steps"], known[_THROUGHPUT], strict=True)
    }


def _by_unit(
    find: Callable[[pd.DataFrame], Mapping[str, Mapping[str, float]]], units: Sequence[str]
) -> list[_Finder]:
    def of(unit: str) -> _Finder:
        return _Finder(lambda frame: find(frame)[unit], unit)

    return [of(unit) for unit in units]


_FINDERS: Mapping[str, Sequence[_Finder]] = {
    "fig11": [_Finder(_over_eight)],
    "fig13": [_Finder(_under_skew)],
    "fig14": [_Finder(_equal_at, "requests a GPU"), _Finder(_shorter_steps)],
    "parallelism": [_Finder(_over_data)],
    "balance": [_Finder(_elasticities)],
    "attention_accelerator": [_Finder(_gains)],
    "expert_scheduling": [_Finder(_recovered), _Finder(_over_never)],
    "networks": _by_unit(network_findings, ["us", "%", "x"]),
    "calibrated": _by_unit(calibrated_findings, ["x", "%", "us"]),
}
"""By figure."""
