"""The dimensions of a cube in the words of STAC's datacube extension."""

from __future__ import annotations

from typing import Any

from openeo_plugin.cube.description import CubeDescription
from openeo_plugin.cube.dimensions import Dimension, SpatialDimension
from openeo_plugin.cube.grid import Grid
from openeo_plugin.formats.times import span_of_labels

_TYPES = {"other": "nominal", "geometry": "geometry", "bands": "bands"}


def cube_dimensions(description: CubeDescription) -> dict[str, dict[str, Any]]:
    """`cube:dimensions`, in the cube's order."""
    return {d.name: _dimension(d, description.grid) for d in description.dimensions}


def _dimension(dimension: Dimension, grid: Grid) -> dict[str, Any]:
    if isinstance(dimension, SpatialDimension):
        return _spatial(dimension, grid)
    if dimension.type == "temporal":
        span = span_of_labels(dimension.labels, dimension.labels)
        extent = [span.start or span.datetime, span.end or span.datetime]
        return {"type": "temporal", "extent": extent, "values": list(dimension.labels)}
    return {"type": _TYPES[dimension.type], "values": list(dimension.labels)}


def _spatial(dimension: SpatialDimension, grid: Grid) -> dict[str, Any]:
    box = grid.boundingbox
    extent = [box.left, box.right] if dimension.axis == "x" else [box.bottom, box.top]
    found: dict[str, Any] = {"type": "spatial", "axis": dimension.axis, "extent": [float(v) for v in extent]}
    if grid.axis_aligned:
        found["step"] = abs(float(grid.affine.a if dimension.axis == "x" else grid.affine.e))
    if grid.crs is not None:
        found["reference_system"] = grid.crs.epsg or grid.crs.to_wkt()
    return found
