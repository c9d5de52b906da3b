"""Processes that put points into geometries: at random, or at regular distances."""

from __future__ import annotations

import math
from typing import Annotated, Any

import numpy as np
import shapely

from db.validity import made_valid
from openeo_plugin.cube.geometries import NO_GEOMETRY, Geometries, geometries_of
from openeo_plugin.cube.pixels import Array
from openeo_plugin.engine.operators.vector import LazyVectorCube
from openeo_plugin.errors import OpenEOError
from openeo_plugin.processes.environment import Environment
from openeo_plugin.processes.process import Schema, process
from openeo_plugin.processes.vector_types import Points, VectorData, vector_argument
from openeo_plugin.processes.vectors import require_metres, untangled

Count = Annotated[int | None, Schema([{"type": "integer", "minimum": 1}, {"type": "null"}])]
Spacing = Annotated[float, Schema({"type": "number", "minimumExclusive": 0})]
MOST_POINTS = 1_000_000


@process(level="L3", categories=["cubes", "vector"], experimental=True)
def vector_to_random_points(
    data: VectorData,
    geometry_count: Count = None,
    total_count: Count = None,
    group: bool = True,
    seed: int | None = None,
    *,
    environment: Environment,
) -> Points:
    """Put random points into geometries.

    Points are spread evenly over the area of polygons and the length of lines; of points some are chosen, each at
    most once. Without any count there is one point for each geometry. With `total_count` each geometry gets an equal
    share, the first ones one more where it does not divide. Properties are kept, values of the cube are not.

    Args:
        data: points, lines or polygons. Empty geometries stay as they are.
        geometry_count: points for each geometry at most.
        total_count: points in all at most.
        group: whether the points of a geometry become one multi-point, which keeps its id; else each is a geometry.
        seed: the same seed gives the same points; null gives other ones every time.
    Returns: a vector cube of points or multi-points.
    Raises: CountMismatch.
    Source: openeo-processes 2.0.0-rc.2, vector_to_random_points.
    """
    cube = vector_argument(data, environment.node, "vector_to_random_points", "data")
    shapes = cube.geometries.shapes
    filled = np.flatnonzero(~shapely.is_empty(shapes)).tolist()
    if total_count is not None and total_count < len(filled):
        raise OpenEOError("CountMismatch")
    counts = dict(zip(filled, _shares(len(filled), geometry_count, total_count), strict=True))
    _refuse_many(sum(counts.values()))
    seeds = np.random.SeedSequence(None if seed is None else abs(seed)).spawn(len(shapes))
    found = [
        _random_points(shape, counts.get(place, 0), np.random.default_rng(seeds[place]))
        for place, shape in enumerate(shapes)
    ]
    return LazyVectorCube(environment.node, _as_points(cube.geometries, found, group=group))


def _shares(geometries: int, each: int | None, total: int | None) -> list[int]:
    if total is None:
        return [each or 1] * geometries
    share, more = divmod(total, max(1, geometries))
    return [min(share + (place < more), each or total) for place in range(geometries)]


def _refuse_many(count: float) -> None:
    if count > MOST_POINTS:
        reason = f"it would make {count:.0f} points, {MOST_POINTS} are allowed."
        raise OpenEOError("ProcessGraphComplexity", reason=reason)


def _random_points(shape: Any, count: int, random: np.random.Generator) -> Array:
    """Coordinates (n, 2)."""
    if not count:
        return np.empty((0, 2))
    dimension = shapely.get_dimensions(shape)
    if dimension == 0:
        every = np.unique(shapely.get_coordinates(shape), axis=0)
        return every[random.permutation(len(every))[:count]]
    if dimension == 1 or shape.area == 0:
        lines = shape if dimension == 1 else shapely.boundary(shape)
        return _random_on_lines(lines, count, random)
    return _random_in_area(shape, count, random)


def _random_on_lines(shape: Any, count: int, random: np.random.Generator) -> Array:
    parts = shapely.get_parts(shape)
    ends = np.cumsum(shapely.length(parts))
    if ends[-1] == 0:
        return shapely.get_coordinates(shape)[:1]
    at = random.uniform(0, ends[-1], count)
    part = np.minimum(np.searchsorted(ends, at, "right"), len(parts) - 1)
    points = shapely.line_interpolate_point(parts[part], at - np.concatenate([[0.0], ends[:-1]])[part])
    return shapely.get_coordinates(points)


def _random_in_area(shape: Any, count: int, random: np.random.Generator) -> Array:
    """A triangle by its area, then a point in it: no sliver makes it slow."""
    whole = untangled(lambda: made_valid(shape), "vector_to_random_points", "data")
    triangles = shapely.get_parts(shapely.constrained_delaunay_triangles(whole))
    corners = shapely.get_coordinates(triangles).reshape(-1, 4, 2)[:, :3]
    ends = np.cumsum(shapely.area(triangles))
    chosen = np.minimum(np.searchsorted(ends, random.uniform(0, ends[-1], count), "right"), len(triangles) - 1)
    u, v = random.uniform(size=(2, count, 1))
    over = u + v > 1
    u, v = np.where(over, 1 - u, u), np.where(over, 1 - v, v)
    a, b, c = (corners[chosen, corner] for corner in range(3))
    points: Array = a + u * (b - a) + v * (c - a)
    return points


@process(level="L3", categories=["cubes", "vector"], experimental=True)
def vector_to_regular_points(
    data: VectorData, distance: Spacing, group: bool = True, *, environment: Environment
) -> Points:
    """Put points into geometries at regular distances.

    A polygon gets the centres of square cells, counted from the upper left corner of its bounds, that lie in it or on
    its edge - or its first vertex if none does. On a line the first point is its start, the next ones follow along it.
    Points stay. Properties are kept, values of the cube are not.

    Args:
        data: points, lines or polygons in a reference system in metres. Empty geometries stay as they are.
        distance: between two points, and so the side of a cell, in metres.
        group: whether the points of a geometry become one multi-point, which keeps its id; else each is a geometry.
    Returns: a vector cube of points or multi-points.
    Raises: UnitMismatch.
    Source: openeo-processes 2.0.0-rc.2, vector_to_regular_points.
    """
    cube = vector_argument(data, environment.node, "vector_to_regular_points", "data")
    require_metres(cube.geometries)
    if distance <= 0:
        reason = "the distance must be greater than 0."
        raise OpenEOError(
            "ProcessParameterInvalid", process="vector_to_regular_points", parameter="distance", reason=reason
        )
    found = [_regular_points(shape, distance) for shape in cube.geometries.shapes]
    return LazyVectorCube(environment.node, _as_points(cube.geometries, found, group=group))


def _regular_points(shape: Any, distance: float) -> Array:
    parts = shapely.get_parts(shape)
    if not len(parts):
        return np.empty((0, 2))
    return np.concatenate([_regular_in_part(part, distance) for part in parts])


def _regular_in_part(part: Any, distance: float) -> Array:
    dimension = shapely.get_dimensions(part)
    if dimension < 1:
        return shapely.get_coordinates(part)
    if dimension == 1:
        _refuse_many(part.length / distance)
        steps = np.arange(math.floor(part.length / distance) + 1) * distance
        return shapely.get_coordinates(shapely.line_interpolate_point(part, steps))
    west, south, east, north = part.bounds
    columns, rows = (math.ceil(span / distance) for span in (east - west, north - south))
    _refuse_many(rows * columns)
    x, y = np.meshgrid(
        west + (np.arange(columns) + 0.5) * distance, north - (np.arange(rows) + 0.5) * distance, indexing="xy"
    )
    shapely.prepare(part)
    inside = shapely.intersects_xy(part, x, y)
    return np.column_stack([x[inside], y[inside]]) if inside.any() else shapely.get_coordinates(part)[:1]


def _as_points(geometries: Geometries, found: list[Array], *, group: bool) -> Geometries:
    """Multi-points place by place, or a point each with the properties of its geometry and without id."""
    if group:
        shapes = [shapely.multipoints(points) if len(points) else NO_GEOMETRY for points in found]
        return geometries_of(shapes, geometries.crs, geometries.properties, geometries.ids)
    points: list[Any] = []
    properties = []
    for own, coordinates in zip(geometries.properties, found, strict=True):
        made = list(shapely.points(coordinates)) if len(coordinates) else [NO_GEOMETRY]
        points += made
        properties += [own] * len(made)
    return geometries_of(points, geometries.crs, properties)
