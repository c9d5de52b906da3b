"""Geometries that a filter brings along."""

from __future__ import annotations

import math
from typing import Any

from db.filters.expression import FilterInvalidError
from db.footprint import Box, parts_of
from db.validity import TangledGeometryError, made_valid

VERTICES_MAX = 10_000
_TYPES = ("Point", "MultiPoint", "LineString", "MultiLineString", "Polygon", "MultiPolygon")


def geometry_of(node: Any) -> tuple[bytes, Box]:
    """A GeoJSON geometry or `{"bbox": ...}` in longitude and latitude as WKB, with its bounds.

    Made valid; what is lost by that (the line of a bow tie) is left out. Raises: FilterInvalidError.
    """
    import shapely

    try:
        geometry = _shape(node)
        if shapely.count_coordinates(geometry) > VERTICES_MAX:
            raise FilterInvalidError(f"a geometry has more than {VERTICES_MAX} vertices")
        if geometry.is_empty or not all(map(math.isfinite, shapely.get_coordinates(geometry).flat)):
            raise FilterInvalidError("a geometry has no vertices, or some that are no numbers")
        geometry = _plain(shapely.force_2d(geometry))
    except FilterInvalidError:
        raise
    except TangledGeometryError as error:
        raise FilterInvalidError(str(error)) from None
    except Exception as error:
        raise FilterInvalidError("a geometry is neither GeoJSON nor a box") from error
    west, south, east, north = geometry.bounds
    return bytes(shapely.to_wkb(geometry)), (west, south, east, north)


def _shape(node: Any) -> Any:
    import shapely

    if not isinstance(node, dict):
        raise FilterInvalidError("a geometry is expected")
    if "bbox" in node:
        numbers = [float(number) for number in node["bbox"]]
        half = len(numbers) // 2
        if len(numbers) not in (4, 6) or not all(map(math.isfinite, numbers)) or numbers[1] > numbers[half + 1]:
            raise FilterInvalidError("a box is west, south, east, north")
        box = numbers[0], numbers[1], numbers[half], numbers[half + 1]
        return shapely.union_all([shapely.box(*part) for part in parts_of(box)])
    if node.get("type") not in _TYPES:
        raise FilterInvalidError(f"a geometry is one of {', '.join(_TYPES)}")
    return shapely.geometry.shape(node)


def _plain(geometry: Any) -> Any:
    """The valid geometry without parts of lower dimension: databases refuse collections in most relations."""
    import shapely

    valid = made_valid(geometry)
    if valid.geom_type != "GeometryCollection":
        return valid
    parts = shapely.get_parts(valid)
    highest = max(shapely.get_dimensions(parts))
    return shapely.union_all([part for part in parts if shapely.get_dimensions(part) == highest])
