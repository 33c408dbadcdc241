"""How many tokens experts were sent, as a frame."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from sim.record.frames import typed_frame
from sim.record.usage import ExpertTokens


def experts_frame(experts: Iterable[ExpertTokens]) -> pd.DataFrame:
    """One row an expert of a layer of a replica, for each device that has or had a copy of it.

    Both imbalances are the layer's, the tokens of its fullest device over the mean of its devices:
    `imbalance` of the whole run, `step_imbalance` of each step, which is what devices wait for.
    """
    parts = [typed_frame("experts", _expert_columns(tokens)) for tokens in experts]
    if not parts:
        return typed_frame("experts", {})
    found = pd.concat(parts, ignore_index=True)
    # An expert that came back, or of which a device has two copies.
    where = ["pool", "replica", "layer", "expert", "device"]
    if not found.duplicated(where).any():
        return found
    by_place = {"tokens": "sum", "imbalance": "first", "step_imbalance": "first"}
    return found.groupby(where, sort=False, as_index=False, observed=True).agg(by_place)


def _expert_columns(tokens: ExpertTokens) -> Mapping[str, Any]:
    layers, experts = tokens.counts.shape
    size = layers * experts
    return {
        "pool": [tokens.pool] * size,
        "replica": [tokens.replica] * size,
        "layer": np.repeat(tokens.layers, experts),
        "expert": tokens.experts.ravel(),
        "device": tokens.devices.ravel(),
        "tokens": tokens.counts.ravel(),
        "imbalance": np.repeat(_over_mean(tokens, _fullest_of_run(tokens)), experts),
        "step_imbalance": np.repeat(_over_mean(tokens, tokens.fullest_counts), experts),
    }


def _fullest_of_run(tokens: ExpertTokens) -> np.ndarray:
    """(layers): the tokens of the device that got the most over the whole run."""
    by_layer = zip(tokens.devices, tokens.counts, strict=True)
    return np.array([np.bincount(devices, counts).max() for devices, counts in by_layer])


def _over_mean(tokens: ExpertTokens, fullest: np.ndarray) -> np.ndarray:
    """(layers): over the mean of the layer's devices; NaN where nobody was sent a token."""
    devices = np.array([len(np.unique(of_layer)) for of_layer in tokens.devices])
    total = tokens.counts.sum(axis=1)
    return np.where(total > 0, fullest * devices / np.maximum(total, 1), np.nan)
