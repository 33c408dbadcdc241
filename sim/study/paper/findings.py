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
    by_variant = frame.assign(variant=frame["variants"].str[0]).pivot_table(
        _THROUGHPUT, ["length", "batch"], "variant", sort=False
    )
    *wide, small = by_variant.columns
    return {
        f"{name} over 8 x {small}: {length} tokens, {batch} a GPU": float(ratio)
        for name in wide
        for (length, batch), ratio in (by_variant[name] / by_variant[small]).items()
    }


def _under_skew(frame: pd.DataFrame) -> dict[str, float]:
    by_variant = frame.assign(variant=frame["variants"].str[0]).pivot_table(
        _THROUGHPUT, "skew", "variant", sort=False
    )
    wide, small = by_variant.columns
    ratios = by_variant[wide] / by_variant[small]
    return {
        f"{wide} over 8 x {small}: skew {skew:g}": float(ratio) for skew, ratio in ratios.items()
    }
