"""Fabrics fitted to measured collectives, with the errors of the fit.

The formula is that of `network/protocols`. Held-out errors are those of second fits: one did not
see three tenths of the rows, one saw only the least and the most devices.
"""

from typing import Any, NamedTuple

import numpy as np

from sim.errors import ScenarioError
from sim.spec.communication import Fabric, FabricSizes, WireProtocol
from sim.study.calibration_samples import Array, Flags
from sim.study.fabric_samples import FabricSample
from sim.study.fit_figures import check_scipy
from sim.study.nearest_numbers import Bound, Named, held_out_errors, nearest, seconds, share, worth

FEWEST_POINTS = 60
"""Some three for each number of a fabric."""
FEWEST_OF_A_WAY = 15
"""Of chains, of all to all, and of sums in a switch: three for each of five numbers."""
_WORTH_A_PROTOCOL = 0.9
"""To so much of their mean must the errors of chains fall for a further protocol."""
_ANY_SIZE = FabricSizes(buffers=(0.0, 1e30), devices=(1.0, 1e30), link_bytes_per_s=1.0)

_CHAIN = ((0.0, 0.05), (1e-6, 0.4), (12e-6, 0.75))
_DIRECT = ((1e-6, 0.1), (8e-6, 0.65))
_IN_SWITCH = ((40e-6, 0.6),)
"""Seconds before the first byte and efficiency: where a way's protocols are looked for."""


class _Shape(NamedTuple):
    """Which numbers a fabric has."""

    chain_protocols: int
    has_switch: bool
    has_hosts: bool

    def bounds(self) -> dict[str, Bound]:
        found = {
            "launch_s": seconds(5e-6),
            "chain_ends": Bound(1e-3, 0.4, 5.0),
            "message_s": seconds(0.2e-6),
        }
        # The quickest protocol of chains starts with the launch.
        for number, (start_s, efficiency) in enumerate(_CHAIN[-self.chain_protocols :]):
            if number:
                found[f"chain {number} start_s"] = seconds(max(start_s, 1e-7))
            found[f"chain {number} step_s"] = seconds(0.5e-6)
            found[f"chain {number} efficiency"] = share(efficiency)
        for number, (start_s, efficiency) in enumerate(_DIRECT):
            found[f"direct {number} start_s"] = seconds(start_s)
            found[f"direct {number} efficiency"] = share(efficiency)
        if self.has_switch:
            found["in_switch 0 start_s"] = seconds(_IN_SWITCH[0][0])
            found["in_switch 0 efficiency"] = share(_IN_SWITCH[0][1])
        if self.has_hosts:
            found["host_stream_share"] = share(0.6)
        return found

    def numbers(self, named: Named) -> dict[str, Any]:
        """As the fields of a fabric."""
        return {
            "launch_s": named["launch_s"],
            "chain": _protocols(named, "chain", self.chain_protocols),
            "chain_ends": named["chain_ends"],
            "direct": _protocols(named, "direct", len(_DIRECT)),
            "message_s": named["message_s"],
            "in_switch": _protocols(named, "in_switch", int(self.has_switch)),
            "host_stream_share": named.get("host_stream_share", 1.0),
        }

    def fabric(self, named: Named) -> Fabric:
        """Unchecked: what the optimizer tries is within bounds, and its worth is not known yet."""
        return Fabric.model_construct(
            **self.numbers(named), fitted_to=_ANY_SIZE, errors={}, source=""
        )


def _protocols(named: Named, way: str, count: int) -> tuple[WireProtocol, ...]:
    return tuple(
        WireProtocol.model_construct(
            start_s=named.get(f"{way} {number} start_s", 0.0),
            step_s=named.get(f"{way} {number} step_s", 0.0),
            link_efficiency=named[f"{way} {number} efficiency"],
        )
        for number in range(count)
    )


def fitted_fabric(sample: FabricSample) -> Fabric:
    """The fabric nearest to these points, with its errors on them and on points held out."""
    check_scipy()
    _check_ways(sample)
    shape, named = _fit(sample)
    errors = _errors(sample, shape.fabric(named))
    held_out = {
        "held_out_rows": _held_out_errors(sample, sample.row_is_held),
        "held_out_shapes": _held_out_errors(sample, sample.shape_is_held),
    }
    sizes = {"buffers": sample.buffer_bytes, "devices": sample.devices}
    return Fabric(
        **shape.numbers(named),
        fitted_to=FabricSizes(
            **{name: (one.min(), one.max()) for name, one in sizes.items()},
            link_bytes_per_s=sample.link_bytes_per_s,
        ),
        errors={
            kind: worth(errors, held_out, sample.kinds == kind)
            for kind in sorted(set(sample.kinds.tolist()))
        },
        source="; ".join(sample.origins) or "unknown",
    )


def _check_ways(sample: FabricSample) -> None:
    """Refuses what would leave numbers where the search for them began."""
    kinds_of_ways = [("all_reduce", "all_gather", "reduce_scatter"), ("all_to_all",)]
    if "in-switch" in sample.ways:
        kinds_of_ways.append(("all_reduce",))
    for kinds in kinds_of_ways:
        points = int(np.isin(sample.kinds, kinds).sum())
        if points < FEWEST_OF_A_WAY:
            raise ScenarioError(
                f"fabric {sample.fabric}: {points} points of {', '.join(kinds)}, which take at "
                f"least {FEWEST_OF_A_WAY}; measure more, or leave out all collectives on them"
            )


def _fit(sample: FabricSample) -> tuple[_Shape, dict[str, float]]:
    """With as many protocols as are worth it."""
    has_hosts = any(bool(points.is_host_link.any()) for points in sample.ways.values())
    has_switch = "in-switch" in sample.ways
    is_chain = np.isfinite(sample.ways["chain"].latency_s)
    best: tuple[_Shape, dict[str, float], float] | None = None
    for protocols in range(1, len(_CHAIN) + 1):
        shape = _Shape(protocols, has_switch, has_hosts)

        def predicted_s(named: Named, shape: _Shape = shape) -> Array:
            return sample.predicted_s(shape.fabric(named))

        named = nearest(shape.bounds(), predicted_s, sample.measured_s)
        error = float(np.abs(_errors(sample, shape.fabric(named)))[is_chain].mean())
        if best is None or error < _WORTH_A_PROTOCOL * best[2]:
            best = shape, named, error
    assert best is not None, "there is at least one count of protocols"
    return best[:2]


def _errors(sample: FabricSample, fabric: Fabric) -> Array:
    return sample.predicted_s(fabric) / sample.measured_s - 1


def _held_out_errors(sample: FabricSample, is_held: Flags) -> Array:
    def errors_without() -> Array:
        shape, named = _fit(sample.where(~is_held))
        return _errors(sample.where(is_held), shape.fabric(named))

    return held_out_errors(is_held, FEWEST_POINTS // 2, errors_without)
