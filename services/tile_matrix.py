"""Where tiles lie: WebMercatorQuad, rows counted from the north."""

from __future__ import annotations

import math

from affine import Affine
from odc.geo.geobox import GeoBox

WEB_MERCATOR = "EPSG:3857"
EDGE_M = math.pi * 6378137.0  # half the width of the world

Bounds = tuple[float, float, float, float]
Tile = tuple[int, int, int]


def tile_bounds(tile: Tile) -> Bounds:
    """West, south, east, north of a tile (z, x, y) in metres."""
    z, x, y = tile
    size_m = 2 * EDGE_M / 2**z
    west, north = x * size_m - EDGE_M, EDGE_M - y * size_m
    return west, north - size_m, west + size_m, north


def zoom_of(pixel_m: float, tile_px: int) -> int:
    """The first zoom level whose pixels are no larger than `pixel_m`."""
    return max(0, math.ceil(math.log2(2 * EDGE_M / tile_px / pixel_m) - 1e-6))


def tile_at(bounds: Bounds, crs: str) -> Tile | None:
    """The tile (z, x, y) that has these bounds, if there is one."""
    west, _, east, north = bounds
    if crs != WEB_MERCATOR or not 0 < east - west <= 2 * EDGE_M * 1.001:
        return None
    z = round(math.log2(2 * EDGE_M / (east - west)))
    size_m = 2 * EDGE_M / 2**z
    tile = z, round((west + EDGE_M) / size_m), round((EDGE_M - north) / size_m)
    fits = all(abs(a - b) < size_m * 1e-6 for a, b in zip(tile_bounds(tile), bounds, strict=True))
    return tile if fits else None


def grid_of(bounds: Bounds, width: int, height: int, crs: str) -> GeoBox:
    """The grid of `width` x `height` pixels, north up, that fills bounds (west, south, east, north)."""
    west, south, east, north = bounds
    return GeoBox((height, width), Affine((east - west) / width, 0, west, 0, (south - north) / height, north), crs)
