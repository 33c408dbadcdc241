"""What a file of each kind is made into, and what its source says about each key."""

import ast
import inspect
import sys
from collections.abc import Iterator, Mapping
from functools import cache
from itertools import pairwise
from typing import Any, get_args

from pydantic import BaseModel

from sim.catalog.names import Kind
from sim.spec.base import Spec
from sim.spec.device import DeviceSpec
from sim.spec.engine_profile import EngineProfile
from sim.spec.model import ModelSpec
from sim.spec.scenario import Scenario
from sim.spec.topology import TopologySpec
from sim.spec.workload import Workload

SPECS: Mapping[Kind, type[Spec]] = {
    "models": ModelSpec,
    "devices": DeviceSpec,
    "topologies": TopologySpec,
    "workloads": Workload,
    "engines": EngineProfile,
    "scenarios": Scenario,
}


def docs(spec: type[BaseModel]) -> dict[str, str]:
    """What stands below each field in the source; read when asked for, so that no run waits."""
    found: dict[str, str] = {}
    for field, below in pairwise(_classes(spec.__module__)[spec.__name__].body):
        if isinstance(field, ast.AnnAssign) and isinstance(below, ast.Expr):
            assert isinstance(field.target, ast.Name)
            found[field.target.id] = " ".join(str(ast.literal_eval(below.value)).split())
    return found


@cache
def _classes(module: str) -> dict[str, ast.ClassDef]:
    """The classes of a module, by name; parsed once, as a schema asks for all of them."""
    parsed = ast.parse(inspect.getsource(sys.modules[module]))
    return {one.name: one for one in parsed.body if isinstance(one, ast.ClassDef)}


def specs_in(annotation: Any) -> Iterator[type[BaseModel]]:
    """The specs that an annotation names: one, those of a union, those of a list's entries."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in get_args(annotation):
        yield from specs_in(part)
