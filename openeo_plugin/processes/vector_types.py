"""Vector cubes as arguments: their schemas, and how GeoJSON becomes one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import shapely

from openeo_plugin.cube.extents import BoundingBox
from openeo_plugin.cube.geojson import geometries_of_geojson
from openeo_plugin.cube.geometries import Geometries, crs_name
from openeo_plugin.engine.operators.vector import LazyVectorCube
from openeo_plugin.engine.operators.zones import Zones
from openeo_plugin.errors import OpenEOError
from openeo_plugin.processes.process import Schema

GEOMETRY: dict[str, Any] = {"type": "geometry"}
POLYGON: dict[str, Any] = {"type": "geometry", "geometry_type": ["Polygon", "MultiPolygon"]}
POINT: dict[str, Any] = {"type": "geometry", "geometry_type": ["Point", "MultiPoint"]}
GEOJSON: dict[str, Any] = {"type": "object", "subtype": "geojson"}
_DEPRECATED_GEOJSON = {**GEOJSON, "deprecated": True}


def _cube(dimension: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "subtype": "datacube", "dimensions": [dimension]}


VectorData = Annotated[Any, Schema(_cube(GEOMETRY), accepts=[_cube(GEOMETRY), GEOJSON])]
"""A `LazyVectorCube`; GeoJSON is taken as well."""

Points = Annotated[Any, Schema(_cube(POINT))]
"""A `LazyVectorCube` of points."""

Polygons = Annotated[Any, Schema(_cube(POLYGON), accepts=[_cube(POLYGON), GEOJSON])]
"""A `LazyVectorCube` of polygons; GeoJSON is taken as well."""

GeometriesOrGeoJson = Annotated[Any, Schema([_cube(GEOMETRY), _DEPRECATED_GEOJSON])]
"""A `LazyVectorCube` or GeoJSON."""

PolygonsOrGeoJson = Annotated[Any, Schema([_cube(POLYGON), _DEPRECATED_GEOJSON])]
"""A `LazyVectorCube` of polygons or GeoJSON."""

GeoJson = Annotated[dict[str, Any], Schema(GEOJSON)]

Projection = Annotated[
    int | str,
    Schema(
        [
            {"type": "integer", "subtype": "epsg-code", "minimum": 1000, "examples": [3857]},
            {"type": "string", "subtype": "wkt2-definition"},
        ]
    ),
]
"""An EPSG code or WKT2."""


def refused(process: str, parameter: str, reason: str) -> OpenEOError:
    """ProcessParameterInvalid."""
    return OpenEOError("ProcessParameterInvalid", process=process, parameter=parameter, reason=reason)


def vector_argument(value: Any, node: str, process: str, parameter: str) -> LazyVectorCube:
    """The vector cube of an argument, which may be GeoJSON.

    Raises: ProcessParameterInvalid.
    """
    if isinstance(value, LazyVectorCube):
        return value
    try:
        return vector_cube_from_geojson(value, node)
    except ValueError as error:
        raise refused(process, parameter, f"{error}.") from None


def vector_cube_from_geojson(data: Any, node: str = "") -> LazyVectorCube:
    """A vector cube of GeoJSON that has geometries only; properties and ids are kept.

    Raises: ValueError for what is no GeoJSON.
    """
    return LazyVectorCube(node, geometries_of_geojson(data))


def vector_cube_from_geoparquet(path: Path, node: str = "") -> LazyVectorCube:
    """A vector cube of a GeoParquet file; its columns are properties.

    Raises: ValueError for what is no GeoParquet.
    """
    from openeo_plugin.formats.geoparquet import read_geometries

    return LazyVectorCube(node, read_geometries(path))


def zones_argument(
    value: Any, node: str, process: str, parameter: str, *, polygons: bool = False
) -> tuple[LazyVectorCube, Zones]:
    """The vector cube of an argument and the pixels that it covers.

    polygons: whether only polygons make sense; there must be one then, others are refused.
    Raises: ProcessParameterInvalid.
    """
    cube = vector_argument(value, node, process, parameter)
    if polygons:
        kinds = set(shapely.get_type_id(cube.geometries.shapes[~shapely.is_empty(cube.geometries.shapes)]).tolist())
        if not kinds or kinds - {3, 6}:
            raise refused(process, parameter, "polygons are needed: at least one, and nothing else.")
    return cube, Zones(cube.geometries)


def expressed[T](build: Callable[[], T], process: str, parameter: str) -> T:
    """What `build` gives.

    Raises: ProcessParameterInvalid if the geometries can't be expressed in the reference system of the data.
    """
    try:
        return build()
    except ValueError as error:
        raise refused(process, parameter, f"{error}.") from None


def crs_argument(value: int | str, process: str, parameter: str) -> str:
    """The name of a reference system.

    Raises: ProcessParameterInvalid.
    """
    try:
        return crs_name(value)
    except ValueError as error:
        raise refused(process, parameter, f"{error}: give an EPSG code or WKT2.") from None


def named_dimension(cube: LazyVectorCube, name: str | None) -> Geometries:
    """The geometries, if `name` is their dimension or null.

    Raises: DimensionNotAvailable.
    """
    if name is not None and name != cube.geometries.dimension:
        raise OpenEOError("DimensionNotAvailable", dimension=name, available=", ".join(cube.names))
    return cube.geometries


def extent_argument(value: Any, node: str, process: str, parameter: str) -> tuple[BoundingBox, Zones]:
    """A spatial extent given as geometries: the box around them, and the pixels that belong to them.

    Load the data for the box, then `engine.operators.polygon.filter_spatial` it by the zones.
    Raises: ProcessParameterInvalid if there is no geometry.
    """
    cube = vector_argument(value, node, process, parameter)
    shapes = cube.geometries.shapes
    if shapely.is_empty(shapes).all():
        raise refused(process, parameter, "there is no geometry in it.")
    west, south, east, north = (float(v) for v in shapely.total_bounds(shapes))
    return BoundingBox(west, south, east, north, cube.geometries.crs), Zones(cube.geometries)
