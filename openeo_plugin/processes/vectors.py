"""Processes on the geometries of vector cubes: made from GeoJSON, buffered, reprojected, filtered.

Geometries are known when a graph is compiled, so these work at once; values go along and stay lazy.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import replace
from typing import Annotated, Any

import numpy as np
import shapely

from db.validity import TangledGeometryError, made_valid, refuse_tangled
from openeo_plugin.cube.dimensions import Label, OtherDimension
from openeo_plugin.cube.extents import BoundingBox
from openeo_plugin.cube.geometries import Geometries, is_metric
from openeo_plugin.cube.pixels import Array
from openeo_plugin.cube.vector_cube import VectorCube
from openeo_plugin.engine.operators.vector import LazyVectorCube, held
from openeo_plugin.errors import OpenEOError
from openeo_plugin.processes.environment import Environment
from openeo_plugin.processes.process import Schema, process
from openeo_plugin.processes.vector_types import (
    GeoJson,
    Projection,
    VectorData,
    crs_argument,
    expressed,
    named_dimension,
    refused,
    vector_argument,
)

Names = Annotated[list[str], Schema({"type": "array", "uniqueItems": True, "items": {"type": "string"}})]
Distance = Annotated[float, Schema({"type": "number", "not": {"const": 0}})]
RELATIONS = ("intersects", "disjoint", "equals", "touches", "crosses", "overlaps", "contains", "within")
Relation = Annotated[str, Schema({"type": "string", "enum": list(RELATIONS)})]
PROPERTIES = "properties"
BUFFERED_MAX = 20_000
"""Crossings of the edges of a geometry that is buffered, which takes less than mending it."""


@process(level="L3", categories=["import", "vector"], experimental=True)
def load_geojson(data: GeoJson, properties: Names = [], *, environment: Environment) -> VectorData:  # noqa: B006
    """Make a vector cube of GeoJSON.

    Every feature - or the bare geometry - becomes a label of the dimension `geometry`; its id and all its properties
    stay with it. Coordinates are longitude and latitude, unless a `crs` member says else.

    Args:
        data: a geometry, a feature or a feature collection; geometry collections are refused.
        properties: names of properties whose values become the values of the cube, along a dimension `properties`. A
            single one that holds arrays gives a label for each index. A value that a feature lacks is null.
    Returns: a cube with geometries, and with `properties` where some are named.
    Source: openeo-processes 2.0.0-rc.2, load_geojson.
    """
    cube = vector_argument(data, environment.node, "load_geojson", "data")
    if not properties:
        return cube
    labels, rows = _table(cube.geometries, properties)
    return held(environment.node, _with_values(cube.geometries, labels, rows))


def _table(geometries: Geometries, names: list[str]) -> tuple[tuple[Label, ...], list[list[Any]]]:
    """Labels, and for every feature a value for each of them, None where there is none."""
    rows = [[own.get(name) for name in names] for own in geometries.properties]
    if len(names) == 1 and any(isinstance(row[0], list) for row in rows):
        lists = [row[0] if isinstance(row[0], list) else [row[0]] for row in rows]
        size = max(map(len, lists))
        return tuple(range(size)), [own + [None] * (size - len(own)) for own in lists]
    if any(isinstance(value, list | dict) for row in rows for value in row):
        reason = "values must be scalar where several properties are named."
        raise refused("load_geojson", "properties", reason)
    return tuple(names), rows


def _with_values(geometries: Geometries, labels: tuple[Label, ...], rows: list[list[Any]]) -> VectorCube:
    cells = np.empty((len(rows), len(labels)), object)
    for place, row in enumerate(rows):
        cells[place] = row
    null = np.array([cell is None for cell in cells.flat], bool).reshape(cells.shape)
    return VectorCube(geometries, (OtherDimension(PROPERTIES, labels),), _typed(cells, null), null)


def _typed(cells: Array, null: Array) -> Array:
    """Numbers as float64 (bool if all are), anything else as objects."""
    present = cells[~null].tolist()
    if present and all(isinstance(v, bool) for v in present):
        return np.where(null, False, cells).astype(bool)
    if all(isinstance(v, int | float) and not isinstance(v, bool) for v in present):
        return np.where(null, np.nan, cells).astype(np.float64)
    return cells


@process(level="L2B", categories=["vector"], experimental=True)
def vector_buffer(geometries: VectorData, distance: Distance, *, environment: Environment) -> VectorData:
    """Grow or shrink geometries by a distance.

    Round corners are drawn with 16 segments to the quarter circle. What shrinks to nothing stays as an empty geometry.

    Args:
        geometries: points, lines or polygons in a reference system in metres; properties and values are kept.
        distance: in metres; below 0 geometries shrink.
    Returns: the same cube with polygons.
    Raises: UnitMismatch.
    Source: openeo-processes 2.0.0-rc.2, vector_buffer.
    """
    cube = vector_argument(geometries, environment.node, "vector_buffer", "geometries")
    require_metres(cube.geometries)
    try:
        with np.errstate(over="ignore", invalid="ignore"):
            for shape in cube.geometries.shapes:
                untangled(functools.partial(refuse_tangled, shape, BUFFERED_MAX), "vector_buffer", "geometries")
            shapes = shapely.buffer(cube.geometries.shapes, distance, quad_segs=16)
    except shapely.errors.GEOSException:
        shapes = None
    if shapes is None or not np.isfinite(shapely.get_coordinates(shapes)).all():
        raise refused("vector_buffer", "distance", "the result can't be expressed in numbers.")
    return replace(cube, node=environment.node, geometries=cube.geometries.with_shapes(shapes))


def require_metres(geometries: Geometries) -> None:
    """Raises: UnitMismatch unless coordinates are in metres."""
    if not is_metric(geometries.crs):
        raise OpenEOError("UnitMismatch")


@process(level="L2B", categories=["cubes", "reproject", "vector"], experimental=True)
def vector_reproject(
    data: VectorData, projection: Projection, dimension: str | None = None, *, environment: Environment
) -> VectorData:
    """Put geometries into another reference system, vertex by vertex.

    Args:
        data: a vector cube; properties and values are kept.
        projection: an EPSG code or WKT2.
        dimension: the geometry dimension; null for whichever there is.
    Returns: the same cube with other coordinates.
    Raises: DimensionNotAvailable.
    Source: openeo-processes 2.0.0-rc.2, vector_reproject.
    """
    cube = vector_argument(data, environment.node, "vector_reproject", "data")
    geometries = named_dimension(cube, dimension)
    crs = crs_argument(projection, "vector_reproject", "projection")
    moved = expressed(lambda: geometries.in_crs(crs), "vector_reproject", "projection")
    return replace(cube, node=environment.node, geometries=moved)


@process(level="L2B", categories=["cubes", "filter", "vector"], experimental=True)
def filter_vector(
    data: VectorData, geometries: VectorData, relation: Relation = "intersects", *, environment: Environment
) -> VectorData:
    """Keep the geometries that have a spatial relation to others.

    Empty geometries never stay.

    Args:
        data: the vector cube to choose from.
        geometries: what it is compared with; several count as their union, put into the reference system of `data`.
        relation: of a geometry in `data` to that union, as Simple Features define it.
    Returns: the same cube with fewer geometries.
    Source: openeo-processes 2.0.0-rc.2, filter_vector.
    """
    cube = vector_argument(data, environment.node, "filter_vector", "data")
    others = vector_argument(geometries, environment.node, "filter_vector", "geometries").geometries
    crs = cube.geometries.crs
    base = expressed(lambda: others.in_crs(crs, follow_edges=True), "filter_vector", "geometries")
    union = shapely.union_all(_valid(base.shapes, "geometries"))
    shapely.prepare(union)
    candidates = _valid(cube.geometries.shapes, "data")
    found = _related(candidates, union, relation) & ~shapely.is_empty(candidates)
    return cube.taken(environment.node, tuple(np.flatnonzero(found).tolist()))


def _valid(shapes: Array, parameter: str) -> Array:
    broken = ~shapely.is_valid(shapes)
    if not broken.any():
        return shapes
    mended = shapes.copy()
    for place in np.flatnonzero(broken):
        mended[place] = untangled(functools.partial(made_valid, shapes[place]), "filter_vector", parameter)
    return mended


def untangled[T](work: Callable[[], T], process_id: str, parameter: str) -> T:
    """What a function of geometries gives.

    Raises: ProcessParameterInvalid, where a geometry crosses itself too often.
    """
    try:
        return work()
    except TangledGeometryError as error:
        raise refused(process_id, parameter, f"{error}.") from None


def _related(candidates: Array, base: Any, relation: str) -> Array:
    converse = {"contains": "within", "within": "contains"}.get(relation, relation)
    if relation == "equals":
        return np.asarray(shapely.equals(candidates, base))
    found: Array = getattr(shapely, converse)(base, candidates)  # the prepared geometry comes first
    return found


def within_box(cube: LazyVectorCube, box: BoundingBox, node: str) -> LazyVectorCube:
    """The geometries that lie in a bounding box as a whole; its edges belong to it. For filter_bbox.

    Raises: ProcessParameterInvalid if the geometries can't be expressed in the reference system of the box.
    """
    moved = expressed(lambda: cube.geometries.in_crs(box.crs, follow_edges=True), "filter_bbox", "extent")
    west, south, east, north = shapely.bounds(moved.shapes).T
    inside = (west >= box.west) & (south >= box.south) & (east <= box.east) & (north <= box.north)
    return cube.taken(node, tuple(np.flatnonzero(inside).tolist()))  # bounds of empty geometries are NaN
