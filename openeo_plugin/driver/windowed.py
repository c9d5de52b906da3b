"""The default driver: the windowed engine over the catalogue."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from openeo_plugin.driver.compile import CompileEnvironment, Compiler
from openeo_plugin.driver.lookup import Lookup
from openeo_plugin.driver.namespaces import Namespaces
from openeo_plugin.driver.vector_writer import VectorWriter
from openeo_plugin.egress.client import Egress
from openeo_plugin.egress.documents import Documents
from openeo_plugin.egress.policy import EgressError, policy_of
from openeo_plugin.engine.operator import Operator, RunContext
from openeo_plugin.engine.plan import Plan, SavedCube, SavedValue, SavedVector
from openeo_plugin.engine.run import Progress, RunOptions, run
from openeo_plugin.errors import OpenEOError
from openeo_plugin.formats.asset import Asset
from openeo_plugin.formats.format import Format, Writer
from openeo_plugin.formats.json import write_value
from openeo_plugin.formats.registry import ALL_FORMATS, format_named, vector_format_named
from openeo_plugin.graph.parse import GraphLimits
from openeo_plugin.processes.registry import predefined
from openeo_plugin.sources.input_formats import input_formats

if TYPE_CHECKING:
    from config.settings import Settings
    from db.collections import CollectionStore
    from db.processes import ProcessStore

DEFAULT_FORMAT = "GTiff"


class WindowedDriver:
    """Plans and runs processes over collections whose items lie in files."""

    def __init__(self, settings: Settings, collections: CollectionStore, processes: ProcessStore) -> None:
        self._collections = collections
        self._processes = processes
        self._limits = GraphLimits(nodes=settings.graph_max_nodes, callbacks=settings.graph_max_depth)
        self._outside = Documents(Egress(policy_of(settings)))
        self._public_base = settings.public_base
        own_address = f"{settings.public_base}/openeo/v1/processes"
        self._foreign = Namespaces(
            processes.get_public, own_address, self._definition if settings.egress_namespaces else None
        )
        self._options = RunOptions(settings.threads, settings.memory_budget)

    def collections(self, user: str | None) -> list[dict[str, Any]]:
        """Source collections and the user's own results."""
        return self._collections.list(user)

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
        return self._compiler(user).faults(process)

    def plan(self, process: Mapping[str, Any], user: str | None, parameters: Mapping[str, Any] | None = None) -> Plan:
        """Compile a process."""
        return self._compiler(user).plan(process, parameters or {})

    def plan_of_result(self, identifier: str, user: str | None) -> Plan:
        """The collection of a job as a plan."""
        arguments = {"id": identifier, "spatial_extent": None, "temporal_extent": None}
        node = {"process_id": "load_collection", "arguments": arguments, "result": True}
        return self.plan({"process_graph": {"load": node}}, user)

    def run(
        self, plan: Plan, folder: Path, on_progress: Callable[[Progress], None], context: RunContext
    ) -> list[Asset]:
        """Compute all results into files."""
        return run_plan(plan, folder, self._options, on_progress, context)

    def _definition(self, url: str) -> Any:
        """JSON from the web. Raises: ValueError."""
        try:
            return self._outside.get(url)[1]
        except EgressError as error:
            raise ValueError(str(error)) from None

    def _compiler(self, user: str | None) -> Compiler:
        def stored(process_id: str) -> dict[str, Any] | None:
            if user is None:
                return None
            try:
                return self._processes.get(user, process_id)
            except OpenEOError:
                return None

        def own_ids() -> list[str]:
            return [] if user is None else [process["id"] for process in self._processes.list(user)]

        environment = CompileEnvironment(
            node="",
            load=lambda identifier: self._collections.get(identifier, user),
            search=lambda identifier, bbox, start, end: self._collections.items(
                identifier, bbox=bbox, start=start, end=end
            ),
            outside=self._outside,
            public_base=self._public_base,
        )
        return Compiler(Lookup(stored, self._foreign, own_ids), environment, self._limits)


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
    saved = plan.results or _default_results(plan)
    cubes = [(place, s) for place, s in enumerate(saved) if isinstance(s, SavedCube | SavedVector)]
    writers: dict[int, Writer] = {}
    assets: dict[int, list[Asset]] = {}
    try:
        for place, cube in cubes:
            writers[place] = _writer(cube, folder, _name(saved, place))
        sinks = [(operator, writers[place]) for place, cube in cubes if (operator := _operator(cube)) is not None]
        run(sinks, options, context, on_progress)
        for place, result in enumerate(saved):
            if isinstance(result, SavedCube | SavedVector):
                assets[place] = writers[place].finish()
            else:
                assets[place] = [write_value(result.value, folder, _name(saved, place))]
    except BaseException:
        for writer in writers.values():
            writer.abort()
        for made in assets.values():
            for asset in made:
                asset.path.unlink(missing_ok=True)
        raise
    return [asset for place in sorted(assets) for asset in assets[place]]


def _operator(saved: SavedCube | SavedVector) -> Operator | None:
    """What a run computes; None for a vector cube without values."""
    return saved.operator if isinstance(saved, SavedCube) else saved.cube.values


def _writer(cube: SavedCube | SavedVector, folder: Path, name: str) -> Writer:
    try:
        if isinstance(cube, SavedVector):
            return VectorWriter(cube.cube, vector_format_named(cube.format), folder, name, cube.options)
        return format_named(cube.format).writer(cube.operator.description, folder, name, cube.options)
    except OpenEOError as error:
        raise error if error.node else error.at(cube.node) from None


def _default_results(plan: Plan) -> tuple[SavedCube | SavedValue | SavedVector, ...]:
    operator: Operator | None = plan.operator
    if operator is None:
        return (SavedValue("result", "JSON", {}, plan.value),)
    return (SavedCube(operator.node, DEFAULT_FORMAT, {}, operator),)


def _name(saved: tuple[SavedCube | SavedValue | SavedVector, ...], place: int) -> str:
    return "result" if len(saved) == 1 else f"result-{place + 1}"
