"""The default driver: the windowed engine over the catalogue."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from openeo_plugin.driver.cluster_task import compute_strip, shared_folder
from openeo_plugin.driver.compilers import Compilers
from openeo_plugin.driver.partial_files import PartialFiles, plan_mark, write_partial
from openeo_plugin.driver.saved_results import computed_operators, operator_of, result_name, saved_results
from openeo_plugin.driver.vector_writer import VectorWriter
from openeo_plugin.engine.cluster import Cluster
from openeo_plugin.engine.cluster_windows import ClusterWindows
from openeo_plugin.engine.operator import RunContext
from openeo_plugin.engine.plan import Origin, Plan, SavedCube, SavedVector
from openeo_plugin.engine.run import Progress, RunOptions, run
from openeo_plugin.errors import OpenEOError
from openeo_plugin.formats.asset import Asset
from openeo_plugin.formats.format import Format, Writer
from openeo_plugin.formats.json import write_value
from openeo_plugin.formats.registry import ALL_FORMATS, format_named, vector_format_named
from openeo_plugin.processes.registry import predefined
from openeo_plugin.sources.input_formats import input_formats

if TYPE_CHECKING:
    from config.settings import Settings
    from db.collections import CollectionStore
    from db.processes import ProcessStore


class WindowedDriver:
    """Plans and runs processes over collections whose items lie in files."""

    def __init__(self, settings: Settings, collections: CollectionStore, processes: ProcessStore) -> None:
        self._collections = collections
        self._compilers = Compilers(settings, collections, processes)
        self._options = RunOptions(settings.threads, settings.memory_budget)
        self._settings = settings
        self._cluster = Cluster(settings.dask_address, settings.dask_workers) if settings.dask_address else None

    def collections(
        self, user: str | None, *, after: str | None = None, limit: int | None = None
    ) -> list[dict[str, Any]]:
        """Source collections and the user's own results."""
        return self._collections.page(user, after=after, limit=limit)

    def collection(self, identifier: str, user: str | None) -> dict[str, Any]:
        """One of them."""
        return self._collections.get(identifier, user)

    def processes(self) -> list[dict[str, Any]]:
        """All predefined processes by id."""
        return [definition.to_json() for _, definition in sorted(predefined().items())]

    def file_formats(self) -> dict[str, Any]:
        """Formats that describe themselves."""
        return {"input": input_formats(), "output": {name: _shown(format_) for name, format_ in ALL_FORMATS.items()}}

    def validate(self, process: Mapping[str, Any], user: str | None) -> list[OpenEOError]:
        """Every fault of a process."""
        return self._compilers.of(user).faults(process)

    def plan(self, process: Mapping[str, Any], user: str | None, parameters: Mapping[str, Any] | None = None) -> Plan:
        """Compile a process."""
        plan = self._compilers.of(user).plan(process, parameters or {})
        return replace(plan, origin=Origin(process, user, parameters))

    def plan_of_result(self, identifier: str, user: str | None) -> Plan:
        """The collection of a job as a plan."""
        arguments = {"id": identifier, "spatial_extent": None, "temporal_extent": None}
        node = {"process_id": "load_collection", "arguments": arguments, "result": True}
        return self.plan({"process_graph": {"load": node}}, user)

    def run(
        self, plan: Plan, folder: Path, on_progress: Callable[[Progress], None], context: RunContext
    ) -> list[Asset]:
        """Compute all results into files, with the help of the cluster if there is one."""
        if self._cluster is None or plan.origin is None:
            return run_plan(plan, folder, self._options, on_progress, context)
        with shared_folder(self._settings, plan.origin, computed_operators(plan)) as shared:
            ahead = ClusterWindows(self._cluster, compute_strip, shared, context.tell)
            options = replace(self._options, ahead=ahead)
            return run_plan(plan, folder, options, on_progress, context)

    def mark(self, plan: Plan) -> str:
        """Two plans with the same mark compute the same windows."""
        return plan_mark(plan)

    def partial(self, plan: Plan, kept: Path, folder: Path) -> PartialFiles:
        """Files of the windows that a run has kept."""
        return write_partial(plan, kept, folder)

    def close(self) -> None:
        """Let go of the cluster."""
        if self._cluster is not None:
            self._cluster.close()


def _shown(format_: Format) -> dict[str, Any]:
    return {
        "title": format_.title,
        "description": format_.description,
        "gis_data_types": list(format_.gis_data_types),
        "parameters": {name: dict(parameter) for name, parameter in format_.parameters.items()},
    }


def run_plan(
    plan: Plan,
    folder: Path,
    options: RunOptions,
    on_progress: Callable[[Progress], None],
    context: RunContext,
) -> list[Asset]:
    """Compute everything that a plan saves; what it gives itself, if it saves nothing.

    Raises: OpenEOError; Canceled. All writers are aborted then.
    """
    saved = saved_results(plan)
    cubes = [(place, s) for place, s in enumerate(saved) if isinstance(s, SavedCube | SavedVector)]
    writers: dict[int, Writer] = {}
    assets: dict[int, list[Asset]] = {}
    try:
        for place, cube in cubes:
            writers[place] = _writer(cube, folder, result_name(len(saved), place))
        sinks = [(operator, writers[place]) for place, cube in cubes if (operator := operator_of(cube)) is not None]
        run(sinks, options, context, on_progress)
        for place, result in enumerate(saved):
            if isinstance(result, SavedCube | SavedVector):
                assets[place] = writers[place].finish()
            else:
                assets[place] = [write_value(result.value, folder, result_name(len(saved), place))]
    except BaseException:
        for writer in writers.values():
            writer.abort()
        for made in assets.values():
            for asset in made:
                asset.path.unlink(missing_ok=True)
        raise
    return [asset for place in sorted(assets) for asset in assets[place]]


def _writer(cube: SavedCube | SavedVector, folder: Path, name: str) -> Writer:
    try:
        if isinstance(cube, SavedVector):
            return VectorWriter(cube.cube, vector_format_named(cube.format), folder, name, cube.options)
        return format_named(cube.format).writer(cube.operator.description, folder, name, cube.options)
    except OpenEOError as error:
        raise error if error.node else error.at(cube.node) from None
