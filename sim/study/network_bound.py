"""How fast links would have to be for communication to be a small part of a run's steps.

All links of the topology are made faster by one factor; latencies, launches and what protocols make
of a link stay, so there may be no speed that is enough. A faster network is another run: batches
change with it, and every trial is simulated.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeVar

from sim.report.limits import communication_share, link_rows
from sim.simulation import Run, check, simulate
from sim.spec.base import Spec
from sim.spec.scenario import Scenario
from sim.spec.topology import TopologySpec
from sim.study import compare
from sim.study.compare import Row

_Part = TypeVar("_Part", bound=Spec)

BOUND_SHARE = 0.1
"""A run is bound by its network while communication is more than this part of its steps."""

_TOLERANCE = 0.002
"""How near to the bound a speed is that just meets it."""
_FASTEST = 1e6
"""What this factor does not end, no speed ends."""
_MOST_TRIALS = 12


ENOUGH_COLUMNS = (
    "sim_fullest_link_bytes_per_s",
    "sim_enough_speed_ratio",
    "sim_enough_bytes_per_s",
    "sim_enough_communication_share",
)
TITLE = f"Links so many times as fast that communication is {100 * BOUND_SHARE:.0f} % of the steps"


class Enough(NamedTuple):
    """By how much links must be faster."""

    factor: float | None
    """1 where they are fast enough; None where no speed is."""
    communication_share: float
    """At that speed; or, where none is enough, at any."""


def enough(share_at: Callable[[float], float], found_share: float) -> Enough:
    """The least factor at which the share is no more than the bound; `found_share` is that at 1.

    What communication takes, relative to all else, is nearly a constant plus a part that goes by
    1 / factor: a straight line through what is known leads to the next trial.
    """
    if found_share <= BOUND_SHARE:
        return Enough(1.0, found_share)
    least_share = share_at(_FASTEST)
    if least_share > BOUND_SHARE:
        return Enough(None, least_share)
    slow, fast = _Trial.of(1.0, found_share), _Trial.of(_FASTEST, least_share)
    for _ in range(_MOST_TRIALS):
        factor = 1 / _between(slow, fast)
        share = share_at(factor)
        if abs(share - BOUND_SHARE) <= _TOLERANCE:
            return Enough(factor, share)
        tried = _Trial.of(factor, share)
        # The end that stays counts for less, or it would stay for ever.
        if share > BOUND_SHARE:
            slow, fast = tried, fast._replace(excess=fast.excess / 2)
        else:
            slow, fast = slow._replace(excess=slow.excess / 2), tried
    return Enough(1 / fast.slowness, share_at(1 / fast.slowness))


class _Trial(NamedTuple):
    slowness: float
    """1 / factor."""
    excess: float
    """Communication relative to all else, above what the bound allows."""

    @classmethod
    def of(cls, factor: float, share: float) -> "_Trial":
        return cls(1 / factor, share / (1 - share) - BOUND_SHARE / (1 - BOUND_SHARE))


def _between(slow: _Trial, fast: _Trial) -> float:
    """Where the line through both has no excess."""
    part = slow.excess / (slow.excess - fast.excess)
    return slow.slowness + part * (fast.slowness - slow.slowness)


def enough_row(run: Run) -> Row:
    """The columns of a comparison about the speed that this run's links would have to have.

    Where nothing is sent, any speed is enough.
    """
    share = communication_share(run) or 0.0
    found = enough(lambda factor: _share_at(run.scenario, factor), share)
    fullest = link_rows(run, most=1)
    now_bytes_per_s = fullest[0]["capacity_bytes_per_s"] if fullest else None
    return {
        "sim_fullest_link_bytes_per_s": now_bytes_per_s,
        "sim_enough_speed_ratio": found.factor,
        "sim_enough_bytes_per_s": _times(now_bytes_per_s, found.factor),
        "sim_enough_communication_share": found.communication_share,
    }


def enough_tables(rows: Sequence[Row]) -> dict[str, list[Row]]:
    """A comparison with these columns as two tables: what was compared, and what would be enough.

    What is varied stands before the first figure.
    """
    varied = list(rows[0])[: list(rows[0]).index("output_throughput")]
    about = [*varied, "sim_communication_share", "sim_fullest_link", *ENOUGH_COLUMNS]
    return {
        compare.TITLE: [
            {key: value for key, value in row.items() if key not in ENOUGH_COLUMNS} for row in rows
        ],
        TITLE: [_in_words({key: row[key] for key in about}) for row in rows],
    }


def _in_words(row: Row) -> Row:
    is_ended = row["sim_enough_speed_ratio"] is not None
    return row if is_ended else row | {"sim_enough_speed_ratio": "no speed is enough"}


def _times(one: float | None, other: float | None) -> float | None:
    return None if one is None or other is None else one * other


def _share_at(scenario: Scenario, factor: float) -> float:
    faster = scenario.model_copy(update={"topology": with_speed(scenario.topology, factor)})
    share = communication_share(simulate(check(faster)))
    assert share is not None, "the same requests take steps at any speed"
    return share


def with_speed(topology: TopologySpec, factor: float) -> TopologySpec:
    """The same with all links, and all that parts can pass through, faster by a factor."""
    update: dict[str, Any] = {
        "links": tuple(_faster(link, "bytes_per_s", factor) for link in topology.links),
        "groups": {
            name: _faster(group, "through_bytes_per_s", factor)
            for name, group in topology.groups.items()
        },
    }
    if (drawn := topology.graph) is not None:
        nodes = tuple(_faster(node, "through_bytes_per_s", factor) for node in drawn.nodes)
        edges = tuple(_faster(edge, "bytes_per_s", factor) for edge in drawn.edges)
        update["graph"] = drawn.model_copy(update={"nodes": nodes, "edges": edges})
    return topology.model_copy(update=update)


def _faster(part: _Part, key: str, factor: float) -> _Part:
    """A link or part with this speed so many times as large, where it has one."""
    speed_bytes_per_s: float | None = getattr(part, key)
    if speed_bytes_per_s is None:
        return part
    return part.model_copy(update={key: speed_bytes_per_s * factor})
