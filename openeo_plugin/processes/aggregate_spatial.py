"""Processes that aggregate over space: for geometries, and for rectangles of pixels."""

from __future__ import annotations

from typing import Annotated, Any

from openeo_plugin.engine.operators import tiles, zonal
from openeo_plugin.processes.environment import Environment
from openeo_plugin.processes.folds import fold_of
from openeo_plugin.processes.process import Schema, process
from openeo_plugin.processes.types import Reducer, SpatialCube
from openeo_plugin.processes.vector_types import GeometriesOrGeoJson, VectorData, expressed, refused, zones_argument

Size = Annotated[
    list[int], Schema({"type": "array", "minItems": 2, "maxItems": 2, "items": {"type": "integer", "minimum": 1}})
]
Boundary = Annotated[str, Schema({"type": "string", "enum": ["pad", "trim"]})]
Corner = Annotated[str, Schema({"type": "string", "enum": ["lower-left", "upper-left", "lower-right", "upper-right"]})]
MOST_VALUES = 1 << 20


@process(level="L2A", categories=["cubes", "aggregate"])
def aggregate_spatial(
    data: SpatialCube,
    geometries: GeometriesOrGeoJson,
    reducer: Reducer,
    target_dimension: str | None = None,
    context: Any = None,
    *,
    environment: Environment,
) -> VectorData:
    """Statistics of the pixels of each geometry.

    A pixel belongs to a polygon if its centre lies in it or on its edge, to a line if the line runs through it, to a
    point if the point lies in it; it may belong to several geometries, and counts once in each. Where a geometry has
    no pixels, or no values, the result is null. The reducers count, sum, mean, sd, variance, min, max, any and all
    take any number of pixels; others see the pixels of a geometry row by row, which must fit into memory.

    Args:
        data: a cube with x and y; scale and offset are not applied.
        geometries: points, lines or polygons. Ids and properties are kept.
        reducer: gives one value for the values of a geometry, for each band and label on its own.
        target_dimension: the name of one more dimension that holds `value`, `total_count` (pixels of the geometry)
            and `valid_count` (those that are neither null nor NaN nor infinite). None is added by default.
        context: handed on to the reducer.
    Returns: a vector cube with the geometries as they were given, and the other dimensions of the data.
    Raises: TargetDimensionExists.
    Source: openeo-processes 2.0.0-rc.2, aggregate_spatial.
    """
    node = environment.node
    _, zones = zones_argument(geometries, node, "aggregate_spatial", "geometries")
    return expressed(
        lambda: zonal.aggregate_spatial(
            node, data, zones, reducer, context, fold=fold_of(reducer), target_dimension=target_dimension
        ),
        "aggregate_spatial",
        "geometries",
    )


@process(level="L3", categories=["cubes", "aggregate"], experimental=True)
def aggregate_spatial_window(
    data: SpatialCube,
    reducer: Reducer,
    size: Size,
    boundary: Boundary = "pad",
    align: Corner = "upper-left",
    context: Any = None,
    *,
    environment: Environment,
) -> SpatialCube:
    """Statistics of rectangles of pixels, which become the pixels of a coarser grid.

    Args:
        data: a cube with x and y.
        reducer: gives one value for the values of a rectangle, for each band and label on its own.
        size: pixels of a rectangle along x and along y.
        boundary: `pad` fills rectangles that stick out of the data with null, `trim` leaves them out.
        align: the corner of the extent from which rectangles are counted.
        context: handed on to the reducer.
    Returns: the same dimensions, fewer pixels.
    Source: openeo-processes 2.0.0-rc.2, aggregate_spatial_window.
    """
    data.description.require_space()
    columns, rows = size
    if rows * columns > MOST_VALUES:
        reason = f"{rows * columns} values are more than {MOST_VALUES}; use reduce_spatial or a coarser resolution."
        raise refused("aggregate_spatial_window", "size", reason)
    return tiles.reduce_tiles(
        environment.node, data, reducer, context, (rows, columns), pad=boundary == "pad", align=align
    )
