"""Where an item lies: its geometry as WKB in EPSG:4326, and its bounding box."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

type Box = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class Footprint:
    """A geometry in longitude and latitude and the box around it.

    One that crosses the antimeridian is cut there, as GeoJSON has it; its box then spans all longitudes, which
    costs the search a candidate and never a hit.
    """

    wkb: bytes
    west: float
    south: float
    east: float
    north: float


def footprint_of(item: dict[str, Any]) -> Footprint | None:
    """The footprint of a STAC item: its geometry, else its bbox; None if it has neither.

    Raises: ValueError, if a coordinate is not a number or the geometry can't be read.
    """
    import shapely

    box = flat_box(item.get("bbox"))
    if item.get("geometry"):
        geometry = shapely.geometry.shape(item["geometry"])
    elif box:
        geometry = shapely.multipolygons([shapely.box(*part) for part in parts_of(box)])
    else:
        return None
    if not all(map(math.isfinite, shapely.get_coordinates(geometry).flat)):
        raise ValueError(f"the footprint of item '{item.get('id')}' holds coordinates that are not numbers")
    geometry = shapely.force_2d(shapely.make_valid(geometry))
    return None if geometry.is_empty else Footprint(shapely.to_wkb(geometry), *geometry.bounds)


def parts_of(box: Box) -> list[Box]:
    """The box, cut in two at the antimeridian if its west lies east of its east."""
    west, south, east, north = box
    if west <= east:
        return [box]
    return [(west, south, 180.0, north), (-180.0, south, east, north)]


def region_of(box: Box) -> bytes:
    """A box with west <= east as WKB: a polygon, or the line or point that it has shrunk to."""
    import shapely

    return bytes(shapely.to_wkb(shapely.make_valid(shapely.box(*box))))


def meets_box(wkb: bytes, west: float, south: float, east: float, north: float) -> bool:
    """Whether a geometry and a box have a point in common; the box's edge belongs to it."""
    import shapely

    return bool(shapely.intersects(shapely.from_wkb(wkb), shapely.box(west, south, east, north)))


def flat_box(bbox: Sequence[float] | None) -> Box | None:
    """West, south, east, north of a box of four or six numbers. Raises: ValueError."""
    if not bbox:
        return None
    corners = tuple(bbox[:2]) + tuple(bbox[3:5]) if len(bbox) == 6 else tuple(bbox)
    if not all(map(math.isfinite, corners)):
        raise ValueError(f"the box {list(bbox)} holds coordinates that are not numbers")
    west, south, east, north = map(float, corners)
    return west, south, east, north
