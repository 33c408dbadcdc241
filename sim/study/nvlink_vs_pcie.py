"""The study in results/nvlink_vs_pcie: what links cost two models where all else is equal.

Every case is one scenario of the catalog with settings over it, as `moesim run --set` takes them.
"""

import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from sim.report.limits import communication_share, link_rows, step_rows
from sim.report.link_study_figure import draw_link_study, needed, parts_of
from sim.serving.step_plan import KINDS
from sim.simulation import Run, simulate
from sim.study.network_bound import enough_row
from sim.study.ready import ready_scenario

Row = dict[str, Any]
SUMMARY = "summary.csv"

_COMMON = ("engine.profile=measured", "engine.max_sequences=512", "workload=closed-loop")


class Model(NamedTuple):
    """A model, and how it is served."""

    name: str
    title: str
    scenario: str
    settings: tuple[str, ...]
    width: str
    """The key with the number of devices of its one replica."""


class Place(NamedTuple):
    """So many devices of a topology."""

    name: str
    devices: int
    topology: Mapping[str, Any]


class Load(NamedTuple):
    """Clients that each wait for their answer before they ask again."""

    name: str
    clients: int
    """Of each device."""
    requests: int
    """Of each client."""
    draws: str
    """Of experts; by device only where tokens are so many that it makes no difference."""
    is_sped_up: bool
    """Whether the speed of links that would be enough is looked for."""


class Case(NamedTuple):
    """One row of the study."""

    model: Model
    place: Place
    load: Load

    @property
    def settings(self) -> list[str]:
        """Over the model's scenario."""
        clients = self.load.clients * self.place.devices
        return [
            *_COMMON,
            *self.model.settings,
            f"{self.model.width}={self.place.devices}",
            f"topology={json.dumps(self.place.topology)}",
            f"workload.arrivals.concurrency={clients}",
            f"workload.requests={self.load.requests * clients}",
            f"experts.draws={self.load.draws}",
        ]


def _with_h200(base: str) -> Mapping[str, Any]:
    """The links of a topology between devices that are the same everywhere."""
    return {"base": base, "groups": {"gpu": {"device": "h200-sxm"}}}


MODELS = (
    Model(
        "llama-3.1-70b",
        "Llama-3.1-70B, BF16, one replica by tensor parallelism",
        "chat-llama-70b",
        (),
        "deployment.pools.0.attention.tp",
    ),
    Model(
        "deepseek-r1",
        "DeepSeek-R1, FP8, one replica, attention by data and experts by expert parallelism",
        "chat-deepseek-r1",
        # In one box the same as per device.
        ("experts.dispatch=per-node", "deployment.pools.0.experts={}"),
        "deployment.pools.0.attention.dp",
    ),
)
PLACES = (
    Place("NVLink 4 (DGX H200)", 8, {"base": "dgx-h200"}),
    Place("NVLink 5 (NVL72)", 8, _with_h200("gb200-nvl72")),
    Place("PCIe 5, one switch", 8, _with_h200("pcie-gen5-8-one-switch")),
    Place("PCIe 5, on one CPU", 8, _with_h200("pcie-gen5-8-direct")),
    Place("PCIe 5, two switches", 8, _with_h200("pcie-gen5-8-two-switches")),
    Place("PCIe 5, two sockets", 8, _with_h200("pcie-gen5-8-two-sockets")),
    Place("NVLink 4, two boxes", 16, {"base": "dgx-h200-x2"}),
    Place("NVLink 5 (NVL72)", 16, _with_h200("gb200-nvl72")),
    Place("PCIe 5, two boxes", 16, _with_h200("pcie-gen5-8-nics-x2")),
    Place("GB200 NVL72 itself", 8, {"base": "gb200-nvl72"}),
)
"""H200 everywhere, but for the last."""
LOADS = (
    Load("saturated", 32, 4, "device", is_sped_up=True),
    Load("light", 1, 8, "expert", is_sped_up=False),
)


def cases() -> list[Case]:
    """All of the study."""
    return [Case(*parts) for parts in product(MODELS, PLACES, LOADS)]


def case_row(case: Case) -> Row:
    """Run a case: its row of the summary."""
    run = simulate(ready_scenario(case.model.scenario, case.settings))
    summary = run.summary()
    figures = ("output_throughput", "p50_ttft_ms", "p99_ttft_ms", "p50_tpot_ms", "p99_tpot_ms")
    return (
        {
            "model": case.model.name,
            "topology": case.place.name,
            "devices": case.place.devices,
            "load": case.load.name,
        }
        | {name: summary[name] for name in figures}
        | {"measured_share": summary["sim_measured_share"]}
        | _step_shares(run)
        | _fullest_link(run)
        | (_enough(run) if case.load.is_sped_up else {})
    )


def _step_shares(run: Run) -> Row:
    """Of the time of all steps; waiting is inside attention, dense and experts."""
    found = {row["step_time"]: row["time_share"] for row in step_rows(run)}
    return {f"{kind}_share": found.get(kind, 0.0) for kind in KINDS} | {
        "waiting_share": found.get("of these, waiting", 0.0),
        "communication_share": communication_share(run),
    }


def _fullest_link(run: Run) -> Row:
    fullest = link_rows(run, most=1)[0]
    return {
        "fullest_link": fullest["link"],
        "fullest_link_kind": fullest["kind"],
        "fullest_link_utilization_share": fullest["utilization_share"],
        "fullest_link_busy_share": fullest["busy_share"],
        "fullest_link_full_share": fullest["full_share"],
        "fullest_link_contended_s": fullest["contended_s"],
    }


def _enough(run: Run) -> Row:
    return {name.removeprefix("sim_"): value for name, value in enough_row(run).items()}


def study_rows(chosen: Sequence[Case], before_each: Callable[[str], None]) -> Iterator[Row]:
    """A row each, in this order; a process for each core."""
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        for case, row in zip(chosen, pool.map(case_row, chosen), strict=True):
            before_each(f"{case.model.name}, {case.place.name}, {case.load.name}")
            yield row


def save_study(folder: Path, before_each: Callable[[str], None] = lambda name: None) -> None:
    """Write the summary and the figure; what is there of them is written anew."""
    rows = pd.DataFrame(study_rows(cases(), before_each))
    rows.to_csv(folder / SUMMARY, index=False, lineterminator="\n", float_format="%.6g")
    save_figure(folder)


def save_figure(folder: Path) -> None:
    """Draw the summary that is there."""
    draw_link_study(folder, read_summary(folder), {model.name: model.title for model in MODELS})


def read_summary(folder: Path) -> list[dict[Any, Any]]:
    """The rows of a saved study."""
    return pd.read_csv(folder / SUMMARY).to_dict("records")


def readme_table(rows: Sequence[Mapping[str, Any]], load: str) -> str:
    """What came out under one load, as a table in Markdown."""
    lines = [f"| {' | '.join(_HEADS)} |", "|" + "---|" * len(_HEADS)]
    lines += [f"| {' | '.join(_cells(row))} |" for row in rows if row["load"] == load]
    return "\n".join(lines) + "\n"


_HEADS = (
    *("model", "links", "devices", "output tokens/s", "TTFT p50, p99 (ms)", "TPOT p50, p99 (ms)"),
    *("computing", "waiting", "communicating", "fullest link", "used", "full", "needed"),
    "measured",
)


def _cells(row: Mapping[str, Any]) -> list[str]:
    parts = parts_of(row)
    shares = (parts["computing"], row["waiting_share"], row["communication_share"])
    link = (row["fullest_link_utilization_share"], row["fullest_link_full_share"])
    return [
        *(row["model"], row["topology"], str(row["devices"]), f"{row['output_throughput']:,.0f}"),
        f"{row['p50_ttft_ms']:,.0f}, {row['p99_ttft_ms']:,.0f}",
        f"{row['p50_tpot_ms']:.1f}, {row['p99_tpot_ms']:.1f}",
        *map(_percent, shares),
        f"{row['fullest_link_kind']} `{row['fullest_link']}`",
        *map(_percent, link),
        needed(row),
        _percent(row["measured_share"]),
    ]


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"


if __name__ == "__main__":
    save_study(Path(sys.argv[1]), lambda done: print(done, file=sys.stderr))  # noqa: T201
