"""DeepEP's low-latency exchange: latency and bandwidth are fitted, the trend is simulated.

An exchange takes t over perfect links; really a + t / e, with a latency a (launches, polling) and
the share e of the links that is reached. Both are fitted to all six times at once, relative to
them; then the runs are made anew with an engine that has them.
"""

from typing import Any

import numpy as np

from sim.study.paper.claims import read_claims
from sim.study.paper.runs import Runs
from sim.study.paper.set_up import Point

_KINDS = ("dispatch", "combine")
_US = 1e6


def deep_ep(runs: Runs, asked: Any) -> dict[str, float]:
    """Microseconds by kind of exchange and size."""
    perfect = _exchanges_us(runs, asked, ())
    expected = {one.subject: float(one.expected) for one in read_claims() if one.claim == "C19"}
    latency_us, efficiency = fitted(
        np.array([perfect[name] for name in expected]), np.array(list(expected.values()))
    )
    fit = (
        f"engine.profile.collective_launch_s={latency_us} us",
        f"engine.profile.network_efficiency={efficiency}",
    )
    return _exchanges_us(runs, asked, fit)


def fitted(perfect: np.ndarray, real: np.ndarray) -> tuple[float, float]:
    """Latency, and the share of the links that is reached, at most all; least squares, relative."""
    terms = np.stack([1 / real, perfect / real], axis=1)
    (latency, slowdown), *_ = np.linalg.lstsq(terms, np.ones(len(real)), rcond=None)
    if slowdown < 1:
        weights = 1 / real**2
        return float(np.sum(weights * (real - perfect)) / np.sum(weights)), 1.0
    return float(latency), float(1 / slowdown)


def _exchanges_us(runs: Runs, asked: Any, extra: tuple[str, ...]) -> dict[str, float]:
    """The scenario has one layer of experts, hence one exchange of each kind a step."""
    names = asked["variants"]
    frame = runs.frame(
        Point("deepep", asked["batch"], asked["length"], (name,), extra=extra) for name in names
    )
    return {
        f"{kind} {name}": _US * seconds
        for kind in _KINDS
        for name, seconds in zip(names, frame[f"{kind}_s"], strict=True)
    }
