"""A picture of a topology: devices in a row, what stands above them in rows by distance.

Of a big cluster the first box is drawn whole, the others as one mark each. A torus is a grid.
"""

from collections import Counter
from pathlib import Path
from typing import Any

import networkx as nx
import numpy as np

from sim.errors import ScenarioError, one_line
from sim.network.graph import build
from sim.spec.topology import TopologySpec
from sim.units import readable

_COLOURS = ("#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#56B4E9", "#000000", "#999933")
_MARKS = {"device": "s", "switch": "o", "nic": "D", "bridge": "h", "cpu": "p", "box": "s"}
_FILLS = {
    "device": "#CFE8CF",
    "switch": "#CFDDF2",
    "nic": "#F6E3BC",
    "bridge": "#EEEEEE",
    "cpu": "#F2CFD6",
    "box": "#DDDDDD",
}
SUFFIXES = (".svg", ".png")
_MOST_WHOLE = 16
"""Devices of clusters whose boxes are all drawn whole."""
_MOST_NAMED = 18
"""Marks of a row that have their names beside them."""
_WIDTH = 10.0

Places = dict[str, tuple[float, float]]


def draw(topology: TopologySpec, file: str) -> None:
    """Write a new picture, SVG or PNG by its ending."""
    path = Path(file)
    if path.suffix not in SUFFIXES:
        raise ScenarioError(f"{one_line(file):.200}: not .svg or .png; name such a file")
    if path.exists():
        raise ScenarioError(f"{one_line(file):.200}: is there already; name a new file")
    try:
        from matplotlib import rc_context
        from matplotlib.figure import Figure
    except ImportError:
        raise ScenarioError(
            "figures need matplotlib; install it with: pip install moesim[plot]"
        ) from None
    graph, remark = _collapsed(_with_rows(build(topology)))
    shape = next((link.shape for link in topology.links if link.shape), None)
    places = _grid(graph, shape) if shape else _rows(graph)
    remark = "; short ends go round, slanted ones to the next plane" if shape else remark
    # Ids in the SVG are made from this salt and not at random: equal topologies, equal bytes.
    with rc_context({"svg.hashsalt": "moesim", "font.size": 8}):
        figure = Figure(figsize=(12, 6.5), dpi=130, layout="constrained")
        axes = figure.add_subplot()
        axes.set_axis_off()
        title = f"{topology.name}: {len(topology.devices)} devices"
        axes.set_title(f"{title}{remark}", fontsize=11)
        _draw_links(axes, graph, places, shape)
        _draw_parts(axes, graph, places, is_grid=shape is not None)
        if graph.number_of_edges():
            axes.legend(loc="upper center", bbox_to_anchor=(0.5, 0.0), ncols=3, frameon=False)
        try:
            metadata = {"Date": None} if path.suffix == ".svg" else {"Software": None}
            figure.savefig(path, metadata=metadata)
        except OSError as problem:
            raise ScenarioError(
                f"{one_line(file):.200}: {problem.strerror}; name another"
            ) from None


def _collapsed(graph: nx.Graph) -> tuple[nx.Graph, str]:
    """Of a big cluster the boxes after the first as a mark each."""
    boxes = list(dict.fromkeys(box for _, box in graph.nodes(data="box") if box is not None))
    devices = sum(kind == "device" for _, kind in graph.nodes(data="kind"))
    if len(boxes) < 2 or devices <= _MOST_WHOLE:
        return graph, ""
    first, *others = boxes
    drawn = nx.Graph()
    name = {part: f"box{box}" if box in others else part for part, box in graph.nodes(data="box")}
    for part, keys in graph.nodes(data=True):
        as_box = {"kind": "box", "group": "other boxes", "row": 1}
        drawn.add_node(name[part], **(keys | as_box if keys["box"] in others else keys))
    for one, other, link in graph.edges(data=True):
        if name[one] != name[other]:
            drawn.add_edge(name[one], name[other], **link)
    return drawn, f"; box {first} whole, the other {len(others)} as one mark each"


def _grid(graph: nx.Graph, shape: tuple[int, ...]) -> Places:
    """Two sides of a torus as rows and columns; the planes of a third beside one another."""
    rows, columns = _sides(shape)
    found = {}
    for number, name in enumerate(graph):
        plane, place = divmod(number, rows * columns)
        row, column = divmod(place, columns)
        found[name] = (float(plane * (columns + 1) + column), float(-row))
    return found


def _sides(shape: tuple[int, ...]) -> tuple[int, int]:
    rows, columns = (1, *shape)[-2:]
    return rows, columns


def _rows(graph: nx.Graph) -> Places:
    """Rows by hops from the nearest device; what only devices hang on is below them."""
    levels: dict[tuple[float, tuple[float, float]], list[str]] = {}
    is_collapsed = any(kind == "box" for _, kind in graph.nodes(data="kind"))
    for name, part in graph.nodes(data=True):
        span = (0.0, _WIDTH)
        if is_collapsed and part["kind"] == "box":
            span = (0.45 * _WIDTH, _WIDTH)
        elif is_collapsed and part["box"] is not None:
            span = (0.0, 0.4 * _WIDTH)
        levels.setdefault((part["row"], span), []).append(name)
    places: Places = {}
    for (row, (start, end)), names in sorted(levels.items(), key=lambda one: abs(one[0][0])):
        ordered = sorted(names, key=lambda one: _middle(graph, one, places))
        for place, name in enumerate(ordered):
            places[name] = (start + (end - start) * (place + 0.5) / len(names), 1.3 * row)
    return places


def _with_rows(graph: nx.DiGraph) -> nx.Graph:
    """Both directions as one link; parts with the row that they are drawn in."""
    drawn = graph.to_undirected()
    devices = {name for name, kind in drawn.nodes(data="kind") if kind == "device"}
    hops = nx.multi_source_dijkstra_path_length(drawn, devices, weight=None)
    has_cards = any(kind == "nic" for _, kind in drawn.nodes(data="kind"))
    for name, part in drawn.nodes(data=True):
        is_hub = part["kind"] == "switch" and devices.issuperset(drawn[name])
        part["row"] = -1 if is_hub and has_cards else hops.get(name, 1)
    return drawn


def _middle(graph: nx.Graph, name: str, places: Places) -> float:
    """Over which of the parts below it a part stands best."""
    below = [places[other][0] for other in graph[name] if other in places]
    return round(float(np.mean(below)), 6) if below else 0.0


def _draw_links(axes: Any, graph: nx.Graph, places: Places, shape: tuple[int, ...] | None) -> None:
    from matplotlib.collections import LineCollection

    lines: dict[tuple[str, int, float], list[Any]] = {}
    for one, other, link in graph.edges(data=True):
        key = (link["kind"], link["count"], link["each_bytes_per_s"])
        ends = (places[one], places[other])
        lines.setdefault(key, []).extend(_in_grid(*ends, shape) if shape else [_line(*ends)])
    fastest = max((count * each for _, count, each in lines), default=1.0)
    for number, ((kind, count, each), segments) in enumerate(lines.items()):
        together = readable(count * each, "B/s")
        speed = f"{count} x {readable(each, 'B/s')} = {together}" if count > 1 else together
        width = 0.5 + 3.0 * (count * each / fastest) ** 0.5
        is_crowded = len(segments) > 60
        collection = LineCollection(
            segments,
            colors=_COLOURS[number % len(_COLOURS)],
            linewidths=width * (0.4 if is_crowded else 1.0),
            alpha=0.45 if is_crowded else 0.8,
            label=f"{kind}: {speed}",
            zorder=1,
        )
        axes.add_collection(collection)


def _line(one: tuple[float, float], other: tuple[float, float]) -> Any:
    """Straight between rows; within a row an arc, so that links do not hide one another."""
    (x0, y0), (x1, y1) = one, other
    along = np.linspace(0.0, 1.0, 2 if y0 != y1 else 24)
    sag = 0.0 if y0 != y1 else -0.15 - 0.07 * abs(x1 - x0)
    return np.column_stack(
        (x0 + (x1 - x0) * along, y0 + (y1 - y0) * along + 4 * sag * along * (1 - along))
    )


def _in_grid(
    one: tuple[float, float], other: tuple[float, float], shape: tuple[int, ...]
) -> list[Any]:
    """A line to the next place; else a short end at both, which hides nothing."""
    away = np.subtract(one, other)
    if np.abs(away).max() <= 1:
        return [np.array((one, other))]
    planes = _sides(shape)[1] + 1
    if away[1] == 0 and away[0] % planes == 0:
        end = np.array((0.3, 0.3)) * (1 if abs(away[0]) == planes else -1)
    else:
        end = 0.4 * np.sign(away)
    return [np.array((one, one + end)), np.array((other, other - end))]


def _draw_parts(axes: Any, graph: nx.Graph, places: Places, *, is_grid: bool) -> None:
    rows = Counter(y for _, y in places.values())
    size = 22 if is_grid or max(rows.values()) > 40 else 120
    for kind in dict.fromkeys(kind for _, kind in graph.nodes(data="kind")):
        ours = [name for name, other in graph.nodes(data="kind") if other == kind]
        axes.scatter(
            [places[name][0] for name in ours],
            [places[name][1] for name in ours],
            s=size,
            marker=_MARKS[kind],
            color=_FILLS[kind],
            edgecolors="black",
            linewidths=0.6,
            zorder=2,
        )
    if is_grid:
        return
    axes.set(xlim=(0.0, _WIDTH), ylim=(min(rows) - 0.9, max(rows) + 0.3))
    for y, count in rows.items():
        here = [name for name, place in places.items() if place[1] == y]
        groups = Counter(graph.nodes[name]["group"] for name in here)
        said = "\n".join(f"{many} {group}" for group, many in groups.items())
        axes.text(-0.25, y, said, ha="right", va="center", fontweight="bold")
        if count <= _MOST_NAMED:
            for name in here:
                x = places[name][0]
                axes.annotate(
                    name.rpartition("/")[2],
                    (x, y),
                    (0, -15),
                    textcoords="offset points",
                    ha="center",
                    bbox={"facecolor": "white", "alpha": 0.75, "linewidth": 0, "pad": 0.6},
                )
