"""How near an engine comes to its machine's peaks: constants, and what was fitted."""

from pydantic import Field

from sim.spec.base import Seconds, Share, Source, Spec
from sim.spec.calibration import Calibration
from sim.spec.communication import Communication


class EngineProfile(Spec):
    """How near an engine comes to its machine's peaks, and what each launch costs."""

    name: str
    """The name in results; by default the file's."""
    description: str = ""
    """One line for `moesim list`."""
    compute_efficiency: Share
    """Share of the peak FLOP/s that kernels reach."""
    memory_efficiency: Share
    """Share of the memory bandwidth that kernels reach."""
    network_efficiency: Share
    """Share of a link's speed that a transfer reaches."""
    kernel_launch_s: Seconds
    """Added to each kernel."""
    collective_launch_s: Seconds
    """Added to the latency of each collective."""
    step_overhead_s: Seconds
    """Scheduling and sampling on the host, once a step."""
    calibrations: dict[str, Calibration] = Field(default={})
    """Curves by what devices are `measured_as`; for what has none, the constants hold."""
    communication: Communication | None = None
    """What transfers take by measured fabrics; without it, or where none stands for the kind of a
    transfer's slowest link, the constants hold."""
    source: Source
    """Where the numbers are from: one text, or a text for each key."""
