"""Where grids lie on the earth, in longitude and latitude."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely
import shapely.affinity
from odc.geo.geobox import GeoBox
from odc.geo.geom import Geometry
from pyproj.exceptions import ProjError
from shapely.geometry.base import BaseGeometry

from openeo_plugin.cube.transforms import transformer

_POINTS_PER_EDGE = 32
_DECIMALS = 7


@dataclass(frozen=True)
class Footprint:
    """A GeoJSON geometry, cut at the antimeridian, and its box (west, south, east, north; west > east crosses it)."""

    geometry: dict[str, Any]
    bbox: tuple[float, float, float, float]


def footprint_of(grids: Sequence[GeoBox]) -> Footprint | None:
    """The union of the footprints of some grids; edges are followed closely. None for what has no place on earth."""
    shapes = [shape for grid in grids if (shape := _shape(grid)) is not None]
    if not shapes:
        return None
    union = shapely.set_precision(shapely.union_all(shapes), 10.0**-_DECIMALS)
    if union.is_empty:
        return None
    parts = [part for part in shapely.get_parts(union).tolist() if part.geom_type == "Polygon"]
    polygons = [shapely.geometry.polygon.orient(part) for part in parts]  # without the lines where parts touch
    if not polygons:
        return None
    whole = polygons[0] if len(polygons) == 1 else shapely.MultiPolygon(polygons)
    return Footprint(_rounded(shapely.geometry.mapping(whole)), _box(polygons))


def union_box(boxes: Sequence[Sequence[float]]) -> list[float]:
    """West, south, east, north of some boxes; all longitudes if one of them crosses the antimeridian."""
    wests, souths, easts, norths = zip(*boxes, strict=True)
    if any(west > east for west, east in zip(wests, easts, strict=True)):
        return [-180.0, min(souths), 180.0, max(norths)]
    return [min(wests), min(souths), max(easts), max(norths)]


def _shape(grid: GeoBox) -> BaseGeometry | None:
    if grid.crs is None:
        return None
    extent = grid.extent
    box = extent.boundingbox
    if grid.crs.geographic and (box.left < -180 or box.right > 180 or box.bottom < -90 or box.top > 90):
        return _within_180(extent.geom)
    step = max(box.span_x, box.span_y) / _POINTS_PER_EDGE
    try:
        polar = _around_pole(grid, extent.segmented(step))
        shape = polar or extent.segmented(step).to_crs("EPSG:4326", wrapdateline=True).geom
    except (ProjError, ValueError):
        return None
    return shapely.make_valid(shape) if all(map(math.isfinite, shape.bounds)) else None


def _around_pole(grid: GeoBox, extent: Geometry) -> BaseGeometry | None:
    """The footprint of a grid whose edge runs once around the earth: as far as the pole that it holds; else None."""
    to_degrees = transformer(grid.crs, "EPSG:4326")
    x, y = to_degrees.transform(*extent.exterior.xy)
    if not np.isfinite([x, y]).all():
        return None
    turned = np.unwrap(x, period=360)
    if abs(turned[-1] - turned[0]) < 180:
        return None
    poles = [pole for pole in (90, -90) if _holds(grid, *to_degrees.transform(0, pole, direction="INVERSE"))]
    if len(poles) != 1:
        return None
    ends = [(turned[-1], poles[0]), (turned[0], poles[0])]
    return _within_180(shapely.make_valid(shapely.Polygon([*zip(turned, y, strict=True), *ends])))


def _holds(grid: GeoBox, x: float, y: float) -> bool:
    column, row = ~grid.affine * (x, y)
    rows, columns = grid.shape
    return 0 < column < columns and 0 < row < rows


def _within_180(shape: BaseGeometry) -> BaseGeometry:
    """A shape in degrees that goes beyond 180 degrees, in as many parts as it has turns of the earth."""
    world = shapely.box(-180, -90, 180, 90)
    moved = [shapely.affinity.translate(shape, turn) for turn in (-360, 0, 360)]
    return shapely.union_all([shapely.intersection(part, world) for part in moved])


def _box(polygons: Sequence[BaseGeometry]) -> tuple[float, float, float, float]:
    west, south, east, north = (round(value, _DECIMALS) for value in shapely.union_all(polygons).bounds)
    if len(polygons) > 1 and (west, east) == (-180.0, 180.0):
        eastern = [p.bounds[0] for p in polygons if p.bounds[2] == 180.0]
        western = [p.bounds[2] for p in polygons if p.bounds[0] == -180.0]
        if len(eastern) + len(western) == len(polygons):
            return round(min(eastern), _DECIMALS), south, round(max(western), _DECIMALS), north
    return west, south, east, north


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return round(value, _DECIMALS)
    if isinstance(value, list | tuple):
        return [_rounded(item) for item in value]
    return {key: _rounded(item) for key, item in value.items()} if isinstance(value, dict) else value
