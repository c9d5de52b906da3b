"""Processes that restrict raster cubes to geometries.

A pixel belongs to a polygon if its centre lies in it or on its edge, to a line if the line runs through it, to a point
if the point lies in it. Vertices are put into the reference system of the cube; long edges stay where they were
straight.
"""

from __future__ import annotations

from typing import Annotated, Any

from openeo_plugin.engine.operator import Operator
from openeo_plugin.engine.operators import polygon
from openeo_plugin.errors import OpenEOError
from openeo_plugin.processes.environment import Environment
from openeo_plugin.processes.process import Schema, process
from openeo_plugin.processes.types import CONTEXT, SPATIAL, SpatialCube
from openeo_plugin.processes.vector_types import (
    GeometriesOrGeoJson,
    Polygons,
    PolygonsOrGeoJson,
    expressed,
    refused,
    zones_argument,
)

Replacement = Annotated[Any, Schema([{"type": "number"}, {"type": "boolean"}, {"type": "string"}, {"type": "null"}])]

_CUBE: dict[str, Any] = {"type": "object", "subtype": "datacube", "dimensions": [SPATIAL]}

CubeProcess = Annotated[
    Any,
    Schema(
        {
            "type": "object",
            "subtype": "process-graph",
            "parameters": [
                {"name": "data", "description": "The cube cut to one polygon.", "schema": _CUBE},
                CONTEXT.to_json(),
            ],
            "returns": {"description": "A cube of the same dimensions.", "schema": {"schema": _CUBE}},
        }
    ),
]
"""Called with data= (an operator), context=; gives an operator."""


@process(level="L2A", categories=["cubes", "filter"])
def filter_spatial(data: SpatialCube, geometries: GeometriesOrGeoJson, *, environment: Environment) -> SpatialCube:
    """Keep the pixels of geometries.

    The extent shrinks to that of all their pixels; other pixels in it become null.

    Args:
        data: a cube with x and y.
        geometries: points, lines or polygons; together they are one mask.
    Returns: the same dimensions, fewer pixels - none at all where no geometry touches the data.
    Source: openeo-processes 2.0.0-rc.2, filter_spatial.
    """
    data.description.require_space()
    _, zones = zones_argument(geometries, environment.node, "filter_spatial", "geometries")
    return expressed(lambda: polygon.filter_spatial(environment.node, data, zones), "filter_spatial", "geometries")


@process(level="L2A", categories=["cubes", "masks"])
def mask_polygon(
    data: SpatialCube,
    mask: PolygonsOrGeoJson,
    replacement: Replacement = None,
    inside: bool = False,
    *,
    environment: Environment,
) -> SpatialCube:
    """Replace the pixels outside of polygons.

    Args:
        data: a cube with x and y. What is null stays null.
        mask: polygons; empty ones count as none.
        replacement: null for "no data".
        inside: replace the pixels inside of polygons instead.
    Returns: the same dimensions.
    Source: openeo-processes 2.0.0-rc.2, mask_polygon.
    """
    data.description.require_space()
    _, zones = zones_argument(mask, environment.node, "mask_polygon", "mask", polygons=True)
    value = pixel_value(replacement, "mask_polygon", "replacement")
    return expressed(
        lambda: polygon.mask_polygon(environment.node, data, zones, inside=inside, replacement=value),
        "mask_polygon",
        "mask",
    )


def pixel_value(value: Any, process: str, parameter: str) -> Any:
    """A number, boolean or null.

    Raises: ProcessParameterInvalid for a text.
    """
    if isinstance(value, str):
        raise refused(process, parameter, "a raster cube holds no strings; give a number, a boolean or null.")
    return value


@process(level="L3", categories=["cubes"])
def apply_polygon(
    data: SpatialCube,
    geometries: Polygons,
    process: CubeProcess,
    mask_value: Replacement = None,
    context: Any = None,
    *,
    environment: Environment,
) -> SpatialCube:
    """Apply a process to the part of a cube in each polygon.

    The process gets a cube for each polygon that has pixels, cut to the polygon. Pixels of no polygon become null.

    Args:
        data: a cube with x and y.
        geometries: polygons of which no two have a pixel in common.
        process: gives a cube of the same dimensions, on the same grid.
        mask_value: what the process sees outside of the polygon; null for "no data".
        context: handed on to the process.
    Returns: the same dimensions.
    Raises: GeometriesOverlap.
    Source: openeo-processes 2.0.0-rc.2, apply_polygon.
    """
    data.description.require_space()
    _, zones = zones_argument(geometries, environment.node, "apply_polygon", "geometries", polygons=True)
    value = pixel_value(mask_value, "apply_polygon", "mask_value")

    def one(cube: Operator) -> Operator:
        made = process(data=cube, context=context)
        if not isinstance(made, Operator):
            raise OpenEOError("ProcessGraphInvalid", reason="the process of a polygon must give a data cube.")
        return made

    return expressed(
        lambda: polygon.apply_polygon(environment.node, data, zones, one, value), "apply_polygon", "geometries"
    )
