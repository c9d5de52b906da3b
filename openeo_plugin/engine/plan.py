"""A plan: operators that are asked for pixels, window by window.

A window is worked off as a small task graph: requests go from the result to the sources, equal requests of one
operator are one task, and a value is freed when the last task that needs it is done.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from odc.geo.geobox import GeoBox

from openeo_plugin.cube.description import CubeDescription
from openeo_plugin.cube.grid import Window
from openeo_plugin.cube.pixels import Block
from openeo_plugin.engine.estimate import Estimate, estimate
from openeo_plugin.engine.exports import Export
from openeo_plugin.engine.operator import Operator, Request, RunContext
from openeo_plugin.engine.operators.vector import LazyVectorCube
from openeo_plugin.engine.schedule import compute_all
from openeo_plugin.engine.windows import on_grid
from openeo_plugin.errors import OpenEOError


@dataclass(frozen=True)
class SavedCube:
    """A cube that a graph asked to be stored."""

    node: str
    format: str
    options: Mapping[str, Any]
    operator: Operator


@dataclass(frozen=True)
class SavedValue:
    """A JSON value that a graph asked to be stored."""

    node: str
    format: str
    options: Mapping[str, Any]
    value: Any


@dataclass(frozen=True)
class SavedVector:
    """A vector cube that a graph asked to be stored, or that it gives."""

    node: str
    format: str
    options: Mapping[str, Any]
    cube: LazyVectorCube


@dataclass(frozen=True)
class Origin:
    """What a plan was compiled from: enough to compile it again in another process."""

    process: Mapping[str, Any]
    user: str | None
    parameters: Mapping[str, Any] | None


@dataclass(frozen=True)
class Plan:
    """A process graph, compiled.

    Args:
        operator: gives the graph's cube; None if the graph gives a JSON value.
        value: the JSON value, if there is no cube.
        results: what save_result asked for, in order; empty if the graph saves nothing (but the vector cube that a
            graph gives without saving anything is here).
        collections: ids of the collections that are read.
        changes: merge patches of the results' STAC, in order.
        exports: copies to be made once the results are stored.
        origin: what it was compiled from, where a driver has noted it.
    """

    operator: Operator | None
    value: Any = None
    results: tuple[SavedCube | SavedValue | SavedVector, ...] = ()
    collections: tuple[str, ...] = field(default=())
    changes: tuple[Mapping[str, Any], ...] = field(default=())
    exports: tuple[Export, ...] = field(default=())
    origin: Origin | None = None

    @property
    def description(self) -> CubeDescription | None:
        """The cube that the graph gives."""
        return self.operator.description if self.operator is not None else None

    @property
    def operators(self) -> tuple[Operator, ...]:
        """The cubes that a run computes: those saved, else the graph's own."""
        saved = tuple(r.operator for r in self.results if isinstance(r, SavedCube))
        vectors = [r.cube.values for r in self.results if isinstance(r, SavedVector)]
        saved += tuple(values for values in vectors if values is not None)
        return saved or ((self.operator,) if self.operator is not None else ())

    def refuse_exports(self) -> None:
        """Raises: ProcessGraphInvalid, if results are to be copied or changed: only batch jobs keep any."""
        if self.exports or self.changes:
            node = self.exports[0].node if self.exports else None
            reason = "results are exported, and their STAC is changed, by batch jobs only."
            raise OpenEOError("ProcessGraphInvalid", node=node, reason=reason)

    def read(
        self,
        geobox: GeoBox,
        *,
        bands: Sequence[int] | None = None,
        labels: Mapping[str, Sequence[int]] | None = None,
        exact: bool = False,
        context: RunContext | None = None,
    ) -> Block:
        """Pixels on any grid.

        Args:
            geobox: the pixels wanted. A free plan is computed on it; where it shares the plan's lattice, exactly.
            bands: indices of bands, all if None.
            labels: per dimension the indices wanted, all of a dimension that is not named.
            exact: keep null and NaN apart.
            context: where to look whether the run was canceled.
        Raises: OpenEOError("FormatUnsuitable") if the graph gives no cube, "DataCubeEmpty" if a dimension has no label.
        """
        operator = self.operator
        if operator is None:
            raise OpenEOError("FormatUnsuitable", format="pixels", reason="the process gives no data cube.")
        description = operator.description
        if 0 in (*description.shape, *description.grid.shape):
            raise OpenEOError("DataCubeEmpty", message="The data cube is empty: there are no pixels to be read.")
        window = on_grid(Window(geobox, 0, 0, *geobox.shape), description.grid)
        chosen = labels or {}
        request = Request(
            window,
            tuple(bands) if bands is not None else tuple(range(len(description.bands))),
            tuple(tuple(chosen.get(d.name, range(len(d.labels)))) for d in description.labelled),
            exact,
        )
        return compute_all([(operator, request)], context or RunContext())[0]

    def estimate(self, window_px: tuple[int, int] | None = None) -> Estimate:
        """What a run over the whole extent would read and hold."""
        return estimate(self.operators, window_px)
