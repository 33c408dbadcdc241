"""What the simulator says to each claim about single kernels and memory, out of priced steps."""

from typing import Any

from sim.catalog.load import load_device, load_model, load_profile
from sim.physics.memory import kv_bytes_per_token
from sim.physics.operators import Mla, operators
from sim.physics.roofline import seconds
from sim.physics.sums import prefill
from sim.spec.scenario import Precision
from sim.study.paper.operators_of_a_step import NOT_REORDERED, REORDERED, kernels
from sim.study.paper.set_up import Point, set_up, system
from sim.study.roofline import Step, roofline

_KIB = 2**10
_SYSTEM = "deepseek-r1"


def ridges(asked: dict[str, Any]) -> dict[str, float]:
    """By device: operations a byte at which the times of kernels turn over."""
    return {name: ridge(name) for name in asked["devices"]}


def ridge(device: str) -> float:
    """The fastest arithmetic over the fastest traffic of any kernel of a prefill and a decode."""
    asked = set_up()["claims"]["C1"]
    steps = (Step(1, asked["long"], is_prefill=True), Step(1, 1))
    prices = [
        price
        for step in steps
        for price in roofline(
            load_model(asked["model"]),
            load_device(device),
            load_profile("ideal"),
            step,
            Precision(),
        )
    ]
    flop_per_s = max(price.work_flop / price.time_s for price in prices)
    return flop_per_s / max(price.moved_bytes / price.time_s for price in prices)


def intensities(asked: dict[str, Any]) -> dict[str, float]:
    """By system and kernel, of simulated decode steps and of one long prompt."""
    length, found = asked["length"], {}
    ways: list[tuple[str, ...]] = [(), REORDERED, NOT_REORDERED]
    for name, batch in asked["batches"].items():
        for way in ways[1:] if name == _SYSTEM else ways[:1]:
            label = " ".join([name, *way])
            for kernel in kernels(Point(name, batch, length, way)).values():
                if kernel.intensity_flop_per_byte is not None:
                    found[f"{label}: {kernel.operator}"] = kernel.intensity_flop_per_byte
    return found | _of_a_prompt(asked["long_prompt"])


def _of_a_prompt(tokens: int) -> dict[str, float]:
    of = system(Point(_SYSTEM, 1, tokens))
    device, profile = of.topology.devices[0], of.engine.profile
    ways: dict[str, Mla] = {REORDERED[0]: "absorbed", NOT_REORDERED[0]: "expanded"}
    return {
        f"{_SYSTEM} {way}: {price.operator}": price.intensity_flop_per_byte
        for way, mla in ways.items()
        for price in roofline(
            of.model, device, profile, Step(1, tokens, is_prefill=True), Precision(), mla=mla
        )
        if price.intensity_flop_per_byte is not None
    }


def cache_sizes(models: list[str]) -> dict[str, float]:
    """Bytes of a token on one device, were it alone, in KiB."""
    return {name: kv_bytes_per_token(load_model(name), Precision()) / _KIB for name in models}


def prefills(asked: dict[str, Any]) -> dict[str, float]:
    """Attention of one prompt reordered over not, where each token attends to all.

    The paper counts every pair of tokens; our engine, the half that comes before.
    """
    ratios = {length: _prefill_ratio(length) for length in asked["lengths"]}
    return {
        "prefill reordered over not": ratios[asked["compared"]],
        "the least of all lengths": min(ratios.values()),
    }


def _prefill_ratio(tokens: int) -> float:
    of = system(Point(_SYSTEM, 1, tokens))
    sums = prefill(float(tokens))._replace(prefill_pairs=float(tokens) ** 2)
    device, profile = of.topology.devices[0], of.engine.profile

    def attention_s(mla: Mla) -> float:
        return sum(
            float(seconds(one.work, device, profile))
            for one in operators(of.model, Precision(), 1, sums, mla)
            if one.phase == "attention"
        )

    return attention_s("absorbed") / attention_s("expanded")
