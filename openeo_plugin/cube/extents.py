"""Bounding boxes of openEO against grids: a pixel belongs to a box if its centre lies in it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from affine import Affine
from odc.geo.geobox import GeoBox
from pyproj.exceptions import CRSError

from openeo_plugin.cube.grid import Grid
from openeo_plugin.cube.reference_system import reference_system
from openeo_plugin.cube.transforms import same_crs, transformer
from openeo_plugin.errors import OpenEOError

_TURN = 360.0  # degrees


@dataclass(frozen=True)
class BoundingBox:
    """west, south, east, north in the units of `crs`; edges belong to the box."""

    west: float
    south: float
    east: float
    north: float
    crs: str

    def bounds_in(self, crs: Any) -> tuple[float, float, float, float]:
        """(west, south, east, north) of the box's outline in another CRS; as they are where there is none.

        Raises: ValueError if the CRS can't express it.
        """
        own = (self.west, self.south, self.east, self.north)
        if crs is None or same_crs(self.crs, str(crs)):
            return own
        bounds = transformer(self.crs, crs).transform_bounds(*own, densify_pts=21)
        if not all(map(math.isfinite, bounds)):
            raise ValueError(f"{own} can't be expressed in {crs}")
        return bounds


def bounding_box(extent: dict[str, Any], process: str, parameter: str) -> BoundingBox:
    """The box of a `spatial_extent`; the CRS is EPSG:4326 if none is given.

    Raises: ProcessParameterInvalid.
    """

    def refuse(reason: str) -> OpenEOError:
        return OpenEOError("ProcessParameterInvalid", process=process, parameter=parameter, reason=reason)

    code = extent.get("crs", 4326)
    try:
        crs = reference_system(code if isinstance(code, int) else str(code))
    except CRSError:
        raise refuse(f"'{str(code)[:100]}' is no coordinate reference system: give an EPSG code or WKT2.") from None
    try:
        west, south, east, north = (float(extent[side]) for side in ("west", "south", "east", "north"))
    except (KeyError, TypeError, ValueError):
        raise refuse("west, south, east and north must be numbers.") from None
    if not all(map(math.isfinite, (west, south, east, north))):
        raise refuse("west, south, east and north must be finite.")
    if west >= east or south >= north:
        raise refuse(f"the extent is empty: west {west} to east {east}, south {south} to north {north}.")
    name = f"EPSG:{crs.to_epsg()}" if crs.to_epsg() else crs.to_wkt()
    return BoundingBox(west, south, east, north, name)


def crop(grid: Grid, bounds: tuple[float, float, float, float]) -> Grid | None:
    """The part of a north-up (or south-up) grid whose pixel centres lie in the bounds; None if there is none.

    Returns the grid itself if nothing is cut off.
    """
    rows, columns = grid.shape
    affine = grid.affine
    west, south, east, north = bounds
    across = sorted(((west - affine.c) / affine.a, (east - affine.c) / affine.a))
    down = sorted(((north - affine.f) / affine.e, (south - affine.f) / affine.e))
    tolerance = 1e-9 * max(rows, columns, 1)
    left = max(0, math.ceil(across[0] - 0.5 - tolerance))
    right = min(columns, math.floor(across[1] - 0.5 + tolerance) + 1)
    top = max(0, math.ceil(down[0] - 0.5 - tolerance))
    bottom = min(rows, math.floor(down[1] - 0.5 + tolerance) + 1)
    if left >= right or top >= bottom:
        return None
    if (left, top, right, bottom) == (0, 0, columns, rows):
        return grid
    return GeoBox((bottom - top, right - left), affine @ Affine.translation(left, top), grid.crs)


def crop_around(grid: Grid, bounds: tuple[float, float, float, float]) -> Grid | None:
    """The same where a grid in degrees goes beyond 180: bounds are turned to where it is.

    Bounds across the edge of a grid that goes once around the earth give a grid that goes on beyond it.
    """
    left, right = grid.boundingbox.left, grid.boundingbox.right
    west, south, east, north = bounds
    if grid.crs is None or not grid.crs.geographic or (left >= -180 and right <= 180) or east - west >= _TURN:
        whole = grid.crs is not None and grid.crs.geographic and east - west >= _TURN
        return crop(grid, (left, south, right, north) if whole else bounds)
    turns = [turn for turn in (0.0, _TURN, -_TURN) if west + turn < right and east + turn > left]
    turn = next((turn for turn in turns if west + turn >= left), turns[0] if turns else 0.0)
    columns = abs(_TURN / grid.affine.a)
    if east + turn > right and round(columns) == grid.shape[1] and abs(columns - grid.shape[1]) < 1e-4:
        grid = GeoBox((grid.shape[0], 2 * grid.shape[1]), grid.affine, grid.crs)
    return crop(grid, (west + turn, south, east + turn, north))
