"""A discrete-event simulator of clusters that serve large language models.

In five lines:

    import sim

    run = sim.simulate(sim.load_scenario("chat-llama-70b"))
    print(run.summary()["output_throughput"])
    print(run.links.nlargest(5, "utilization_share"))

To read the code, go down the path of one run:

1. `spec/scenario.py`, then the rest of `spec/`: what may be asked, and in which unit.
2. `catalog/load.py`: from a name or a file to a `Scenario`.
3. `simulation.py`: one page that builds everything, starts every process and checks the laws.
4. `serving/replica.py`, `serving/rank.py`, `serving/player.py`: the engine's loop, who is in the
   next batch, and how its steps are lived through.
5. `serving/step_pricing.py`: one step as phases; from here down there is no clock.
6. `physics/operators.py`, `physics/roofline.py` and `physics/curves.py`: how long kernels take.
7. `experts/law.py` and `experts/draws.py`: which tokens go to which experts.
8. `network/exchange.py` and `network/collectives.py`: the bytes that this puts on links.
9. `network/fabric.py` over `network/fairshare.py` or `network/parts.py`: links that are shared.
10. `record/frames.py` and `record/metrics.py`: what is left behind, and what its columns mean.

`cli/` is the way in from a shell; `study/` runs many scenarios, `report/` prints what came out.
Modules import only from below, in the order that `pyproject.toml` gives.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sim.catalog.load import load_device, load_model, load_scenario, load_topology
    from sim.errors import ScenarioError, SimulationError
    from sim.simulation import Run, check, simulate
    from sim.study.kernels import kernel_s

__version__ = "0.1.0"

__all__ = [
    "Run",
    "ScenarioError",
    "SimulationError",
    "__version__",
    "check",
    "kernel_s",
    "load_device",
    "load_model",
    "load_scenario",
    "load_topology",
    "simulate",
]

# Imported when first asked for, so that `import sim` and `moesim --help` stay fast.
_MODULE_OF = {
    "Run": "sim.simulation",
    "ScenarioError": "sim.errors",
    "SimulationError": "sim.errors",
    "check": "sim.simulation",
    "kernel_s": "sim.study.kernels",
    "load_device": "sim.catalog.load",
    "load_model": "sim.catalog.load",
    "load_scenario": "sim.catalog.load",
    "load_topology": "sim.catalog.load",
    "simulate": "sim.simulation",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULE_OF:
        raise AttributeError(f"module 'sim' has no attribute {name!r}")
    return getattr(import_module(_MODULE_OF[name]), name)


def __dir__() -> list[str]:
    return __all__
