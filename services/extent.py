"""Where a grid lies in another CRS: one box, or two where it crosses the antimeridian."""

from __future__ import annotations

from odc.geo.geobox import GeoBox
from rasterio.warp import transform_bounds

from services.tile_matrix import GEOGRAPHIC, WEB_MERCATOR, Bounds

MERCATOR_LATITUDE = 85.05112877980659


def boxes_of(grid: GeoBox, crs: str) -> tuple[Bounds, ...]:
    """The bounds of a grid (west, south, east, north) in a CRS; for Web Mercator no further than its square goes."""
    own, box = str(grid.crs), _bounds(grid)
    if crs not in (GEOGRAPHIC, WEB_MERCATOR):
        return (box if crs == own else transform_bounds(own, crs, *box, densify_pts=21),)
    if crs == own == WEB_MERCATOR:
        return (box,)
    west, south, east, north = box if own == GEOGRAPHIC else transform_bounds(own, GEOGRAPHIC, *box, densify_pts=21)
    if crs == GEOGRAPHIC:
        return tuple(parts_of((west, south, east, north)))
    if west <= east and west >= -180 and east <= 180 and max(abs(south), abs(north)) <= MERCATOR_LATITUDE:
        return (transform_bounds(own, crs, *box, densify_pts=21),)
    south, north = max(south, -MERCATOR_LATITUDE), min(north, MERCATOR_LATITUDE)
    return tuple(
        transform_bounds(GEOGRAPHIC, crs, *part, densify_pts=21) for part in parts_of((west, south, east, north))
    )


def hull(boxes: tuple[Bounds, ...]) -> Bounds:
    """The box around all."""
    wests, souths, easts, norths = zip(*boxes, strict=True)
    return min(wests), min(souths), max(easts), max(norths)


def parts_of(box: Bounds) -> list[Bounds]:
    """A box in degrees, cut at the antimeridian; `west > east`, and longitudes beyond 180 degrees, cross it."""
    west, south, east, north = box
    if west > east:
        east += 360
    if east - west >= 360:
        return [(-180.0, south, 180.0, north)]
    turns = (west + 180) // 360 * 360
    west, east = west - turns, east - turns
    if east <= 180:
        return [(west, south, east, north)]
    return [(west, south, 180.0, north), (-180.0, south, east - 360, north)]


def _bounds(grid: GeoBox) -> Bounds:
    west, south, east, north = grid.boundingbox.bbox
    return west, south, east, north
