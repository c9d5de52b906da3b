"""The seam between API and back-end: what every driver does. An instance runs exactly one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

from openeo_plugin.driver.partial_files import PartialFiles
from openeo_plugin.engine.operator import RunContext
from openeo_plugin.engine.plan import Plan
from openeo_plugin.engine.run import Progress
from openeo_plugin.errors import OpenEOError
from openeo_plugin.formats.asset import Asset


class Driver(Protocol):
    """Collections, processes, plans and runs. Safe to use from many threads."""

    def collections(
        self, user: str | None, *, after: str | None = None, limit: int | None = None
    ) -> list[dict[str, Any]]:
        """STAC collections that the user may see, by id, without links: those behind the id `after`."""
        ...

    def collection(self, identifier: str, user: str | None) -> dict[str, Any]:
        """One of them.

        Raises: CollectionNotFound.
        """
        ...

    def processes(self) -> list[dict[str, Any]]:
        """The predefined processes as `GET /processes` shows them, by id."""
        ...

    def file_formats(self) -> dict[str, Any]:
        """`input` and `output` formats as `GET /file_formats` shows them."""
        ...

    def validate(self, process: Mapping[str, Any], user: str | None) -> list[OpenEOError]:
        """Every fault of a process, before a pixel is read."""
        ...

    def plan(self, process: Mapping[str, Any], user: str | None, parameters: Mapping[str, Any] | None = None) -> Plan:
        """Compile a process.

        Args:
            process: with `process_graph`, and `parameters` where it declares some.
            user: whose collections and processes may be used.
            parameters: values of parameters.
        Raises: OpenEOError, the first fault.
        """
        ...

    def plan_of_result(self, identifier: str, user: str | None) -> Plan:
        """A stored result (the collection of a job) as a plan.

        Raises: CollectionNotFound.
        """
        ...

    def run(
        self, plan: Plan, folder: Path, on_progress: Callable[[Progress], None], context: RunContext
    ) -> list[Asset]:
        """Compute everything that the plan saves (its own cube or value if it saves nothing) into files.

        Raises: OpenEOError; Canceled. Then the folder holds no file of this run.
        """
        ...

    def mark(self, plan: Plan) -> str:
        """Tells the windows of this plan from those of another; the same in every process."""
        ...

    def partial(self, plan: Plan, kept: Path, folder: Path) -> PartialFiles:
        """Files of the windows that a run of the plan has kept, with null elsewhere. They appear whole or not at all.

        Raises: OpenEOError.
        """
        ...
