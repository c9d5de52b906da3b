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

    bbox = flat_box(item.get("bbox"))
    if item.get("geometry"):
        geometry = shapely.force_2d(shapely.make_valid(shapely.geometry.shape(item["geometry"])))
        if geometry.is_empty:
            return None
    elif bbox:
        geometry = shapely.union_all([shapely.box(*part) for part in parts_of(bbox)])
    else:
        return None
    west, south, east, north = geometry.bounds
    if not all(map(math.isfinite, geometry.bounds)):
        raise ValueError(f"the footprint of item '{item.get('id')}' holds coordinates that are not numbers")
    return Footprint(shapely.to_wkb(geometry), west, south, east, north)


def parts_of(box: Box) -> list[Box]:
    """The box, cut in two at the antimeridian if its west lies east of its east."""
    west, south, east, north = box
    if west <= east:
        return [box]
    return [(west, south, 180.0, north), (-180.0, south, east, north)]


def meets_box(wkb: bytes, west: float, south: float, east: float, north: float) -> bool:
    """Whether a geometry and a box have a point in common; the box's edge belongs to it."""
    import shapely

    return bool(shapely.intersects(shapely.from_wkb(wkb), shapely.box(west, south, east, north)))


def flat_box(bbox: Sequence[float] | None) -> Box | None:
    """West, south, east, north of a box of four or six numbers."""
    if not bbox:
        return None
    if len(bbox) == 6:
        return float(bbox[0]), float(bbox[1]), float(bbox[3]), float(bbox[4])
    west, south, east, north = bbox
    return float(west), float(south), float(east), float(north)
