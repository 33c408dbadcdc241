"""Kernels that bring tokens to their experts, fitted to measured calls, with the errors of the fit.

The formula is that of `network/expert_pace`. Held-out errors are those of second fits that did not
see three tenths of the rows, and three tenths of the models with all their rows.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from sim.network.expert_pace import before_s, beside, busy_processors, handled_s
from sim.network.routes import Network
from sim.spec.communication import ExchangeSizes, ExpertTraffic
from sim.spec.device import DeviceSpec
from sim.study.calibration_samples import Array, Flags, is_held
from sim.study.fit_figures import check_scipy
from sim.study.kernels import checked_point
from sim.study.measured_points import Point
from sim.study.measured_transfers import (
    EXCHANGES,
    devices_of_each_box,
    network_of,
    token_bytes,
    uniform,
)
from sim.study.nearest_numbers import Bound, Named, held_out_errors, nearest, seconds, share, worth

FEWEST_POINTS = 40
_SHAPE_KEYS = ("hidden", "top_k", "experts")
"""What makes a model."""
_ANY_SIZE = ExchangeSizes(tokens=(0.0, 1e30), devices=(1.0, 1e30), links={})


class ExchangeSample(NamedTuple):
    """Calls of one kind as arrays (points)."""

    latency_s: Array
    experts: Array
    far_experts: Array
    tokens: Array
    copied_bytes: Array
    processors: Array
    devices: Array
    needed_s: Mapping[str, Array]
    """By the kind of links, how long the fullest takes at full speed."""
    link_bytes_per_s: Mapping[str, float]
    """By the kind of links."""
    measured_s: Array
    row_is_held: Flags
    shape_is_held: Flags
    origins: tuple[str, ...]

    def where(self, chosen: Flags) -> "ExchangeSample":
        """Some of them."""
        kept = {
            name: one[chosen]
            for name, one in self._asdict().items()
            if name not in ("needed_s", "link_bytes_per_s", "origins")
        }
        needed_s = {kind: one[chosen] for kind, one in self.needed_s.items()}
        return self._replace(needed_s=needed_s, **kept)

    def predicted_s(self, traffic: ExpertTraffic) -> Array:
        """(points) Seconds."""
        drain_s = np.max(
            [one / traffic.reached_share(kind) for kind, one in self.needed_s.items()],
            axis=0,
        )
        handling_s = handled_s(traffic, self.tokens, self.copied_bytes, self.processors)
        ahead_s = before_s(traffic, self.experts, self.far_experts)
        return np.asarray(self.latency_s + ahead_s + beside(handling_s, drain_s))


def exchange_sample(
    kind: str, devices: Mapping[str, DeviceSpec], points: Sequence[Point]
) -> ExchangeSample | None:
    """The calls of this kind, devices by what the points call them; None if there are few."""
    own = [point for point in points if point.kind == kind and point.device in devices]
    own = [point for point in own if devices[point.device].processors is not None]
    if len(own) < FEWEST_POINTS:
        return None
    networks: dict[tuple[str, int], Network] = {}
    rows = []
    for point in own:
        device, nodes = devices[point.device], checked_point(point)["nodes"]
        if (point.device, nodes) not in networks:
            networks[point.device, nodes] = network_of(device, nodes)
        rows.append(_row(kind, device, networks[point.device, nodes], point))
    kinds = sorted({kind for _, needed_s in rows for kind in needed_s})
    shapes = [".".join(str(one.params[key]) for key in _SHAPE_KEYS) for one in own]
    numbers = {name: np.array([float(one[name]) for one, _ in rows]) for name in rows[0][0]}
    return ExchangeSample(
        **numbers,
        needed_s={kind: np.array([one.get(kind, 0.0) for _, one in rows]) for kind in kinds},
        link_bytes_per_s={kind: _slowest_bytes_per_s(networks.values(), kind) for kind in kinds},
        measured_s=np.array([point.measured_s for point in own]),
        row_is_held=np.array([is_held(point.id) for point in own]),
        shape_is_held=np.array([is_held(shape) for shape in shapes]),
        origins=tuple(sorted({point.origin for point in own if point.origin})),
    )


def _slowest_bytes_per_s(networks: Iterable[Network], kind: str) -> float:
    own = (
        network.capacity_bytes_per_s[link]
        for network in networks
        for link, of_link in enumerate(network.link_kinds)
        if of_link == kind
    )
    return float(min(own))


def _row(
    kind: str, device: DeviceSpec, network: Network, point: Point
) -> tuple[dict[str, float], dict[str, float]]:
    """The numbers of a sample, and what its links need."""
    given = point.params
    devices = devices_of_each_box(network, given["gpus_per_node"])
    exchange = EXCHANGES[kind](network, devices, "per-expert")
    copies, bytes_each = given["tokens_per_gpu"] * given["top_k"], token_bytes(given)
    loads = uniform(exchange, len(devices), copies, bytes_each)
    on_links = loads.bytes / network.capacity_bytes_per_s[loads.links]
    needed_s: dict[str, float] = {}
    for link, one in zip(loads.links.tolist(), on_links.tolist(), strict=True):
        of_kind = network.link_kinds[link]
        needed_s[of_kind] = max(one, needed_s.get(of_kind, 0.0))
    assert device.processors is not None, "the others are left out"
    numbers = {
        "latency_s": exchange.latency_s,
        "experts": given["experts"],
        "far_experts": given["experts"] * (1 - 1 / given["nodes"]),
        "tokens": given["tokens_per_gpu"],
        "copied_bytes": copies * bytes_each,
        "processors": busy_processors(given["experts"], device.processors),
        "devices": len(devices),
    }
    return numbers, needed_s


def fitted_traffic(sample: ExchangeSample) -> ExpertTraffic:
    """The kernels nearest to these points, with their errors on them and on points held out."""
    check_scipy()
    named = _fit(sample)
    errors = _errors(sample, named)
    held_out = {
        "held_out_rows": _held_out_errors(sample, sample.row_is_held),
        "held_out_shapes": _held_out_errors(sample, sample.shape_is_held),
    }
    sizes = {"tokens": sample.tokens, "devices": sample.devices}
    return ExpertTraffic(
        **_numbers(named),
        fitted_to=ExchangeSizes(
            **{name: (one.min(), one.max()) for name, one in sizes.items()},
            links=dict(sample.link_bytes_per_s),
        ),
        errors=worth(errors, held_out, np.ones(errors.shape, dtype=bool)),
        source="; ".join(sample.origins) or "unknown",
    )


def _bounds(sample: ExchangeSample) -> dict[str, Bound]:
    """Of kinds of links those that are slowest somewhere; the others hold up nobody."""
    slowest = np.argmax(list(sample.needed_s.values()), axis=0)
    kinds = [kind for number, kind in enumerate(sample.needed_s) if (slowest == number).any()]
    return {
        "launch_s": seconds(8e-6),
        "expert_s": seconds(2e-8),
        "far_expert_s": seconds(6e-8),
        "token_s": seconds(1e-6),
        "copied_bytes_per_s": Bound(1e9, 8e9, 1e12),
        **{f"{kind} efficiency": share(0.7) for kind in kinds},
    }


def _numbers(named: Named) -> dict[str, Any]:
    """As the fields of the kernels."""
    ending = " efficiency"
    found: dict[str, Any] = {name: one for name, one in named.items() if not name.endswith(ending)}
    efficiency = {
        name.removesuffix(ending): one for name, one in named.items() if name.endswith(ending)
    }
    return found | {"link_efficiency": efficiency}


def _fit(sample: ExchangeSample) -> dict[str, float]:
    def predicted_s(named: Named) -> Array:
        return sample.predicted_s(_tried(named))

    return nearest(_bounds(sample), predicted_s, sample.measured_s)


def _tried(named: Named) -> ExpertTraffic:
    """Unchecked: what the optimizer tries is within bounds, and its worth is not known yet."""
    return ExpertTraffic.model_construct(**_numbers(named), fitted_to=_ANY_SIZE, source="")


def _errors(sample: ExchangeSample, named: Named) -> Array:
    return sample.predicted_s(_tried(named)) / sample.measured_s - 1


def _held_out_errors(sample: ExchangeSample, is_held: Flags) -> Array:
    def errors_without() -> Array:
        return _errors(sample.where(is_held), _fit(sample.where(~is_held)))

    return held_out_errors(is_held, FEWEST_POINTS // 2, errors_without)
