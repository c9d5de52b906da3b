"""Where an item lies: its geometry as WKB in EPSG:4326, and its bounding box."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from db.validity import made_valid

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

    def to_geojson(self) -> dict[str, Any]:
        """The geometry as GeoJSON."""
        import shapely

        return dict(shapely.geometry.mapping(shapely.from_wkb(self.wkb)))


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
    geometry = shapely.force_2d(made_valid(geometry))
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


def union_of(footprints: Sequence[Footprint], vertices_max: int) -> Footprint | None:
    """Footprints as one; None if that has more vertices than are wanted."""
    import shapely

    together = shapely.make_valid(shapely.union_all(shapely.from_wkb([one.wkb for one in footprints])))
    if together.is_empty or shapely.count_coordinates(together) > vertices_max:
        return None
    return Footprint(shapely.to_wkb(together), *together.bounds)


def box_of(boxes: Sequence[Sequence[float]]) -> Footprint | None:
    """The region of boxes (of four or six numbers); None if there is none, or one is not made of numbers."""
    try:
        found = [footprint_of({"bbox": box}) for box in boxes]
    except (TypeError, ValueError):
        return None
    return union_of([one for one in found if one is not None], 10_000) if any(found) else None
