"""What figures say for which the paper's numbers are not known: ratios that a text can cite."""

from typing import Any

import pandas as pd

_THROUGHPUT = "tokens_per_s_per_device"


def finding_rows(figure: str, frame: pd.DataFrame) -> list[dict[str, Any]]:
    """In the form of claims that expect nothing."""
    if figure == "fig11":
        found = _over_eight(frame)
    elif figure == "fig13":
        found = _under_skew(frame)
    elif figure == "balance":
        found = _elasticities(frame)
    elif figure == "parallelism":
        found = _over_data(frame)
    else:
        return []
    nothing = {"expected": "", "tolerance": ""}
    return [
        {"claim": figure, "subject": subject}
        | nothing
        | {"unit": "x", "simulated": value, "pass": ""}
        for subject, value in found.items()
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
