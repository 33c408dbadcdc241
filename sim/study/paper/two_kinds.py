"""Systems of the paper with a part of each layer on 32 more devices: accelerators, or GPUs."""

from functools import cache
from typing import Literal

from sim.serving.deployment import footprints
from sim.serving.layout import replica_layouts
from sim.study.paper.set_up import FOLDER, Point, scenario

Way = Literal["GPUs", "more GPUs", "accelerators"]
"""Everything on 32 GPUs, or a part of each layer on 32 further devices of either kind."""
WAYS: tuple[Way, ...] = ("GPUs", "more GPUs", "accelerators")

_ACCELERATORS = f"topology={FOLDER / 'scenarios' / 'b200-and-pim.yaml'}"
_GPUS_AGAIN = "topology.groups.pim.device={base: b200-sxm, memory_bytes: 192 GiB}"


def settings(way: Way, key: str) -> tuple[str, ...]:
    """Over a scenario; `key` of its pool names the group of the further devices."""
    if way == "GPUs":
        return ()
    further = (_ACCELERATORS, f"deployment.pools.0.{key}=pim")
    return further if way == "accelerators" else (*further, _GPUS_AGAIN)


@cache
def has_room(point: Point) -> bool:
    """Whether every kind of device holds its part of all requests at a time."""
    asked = scenario(point)
    layout = replica_layouts(asked)[0]
    found = footprints(asked, layout)
    cache_of_rank = found[layout.places.index(layout.cores)]
    # A run ends two tokens behind its mean length, and decodes one more.
    tokens = point.batch * layout.tp * (point.length + 2)
    return all(one.fits for one in found) and cache_of_rank.kv_tokens >= tokens
