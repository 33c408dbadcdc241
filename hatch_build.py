"""Build hook: a real wheel carries topologies/ and workloads/ inside the package.

An editable install finds them in the checkout, and must not have copies that go stale.
"""

from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class CarryData(BuildHookInterface[Any]):
    """Maps the top-level data folders to sim/_data/."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Called before the build; `version` is "standard" or "editable"."""
        if version == "standard":
            for folder in ("topologies", "workloads"):
                build_data["force_include"][folder] = f"sim/_data/{folder}"
